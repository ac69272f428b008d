import { Controller, Get, Param, Query, StreamableFile, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { CallExport } from './call-export.js';
import { CallDto, CallPageDto, ExportCallsDto, ListCallsDto } from './call-log.dto.js';
import { CallLogService } from './call-log.service.js';
import { KnownParameters } from './known-parameters.js';

@ApiTags('Calls')
@Controller('api/calls')
export class CallLogController {
  constructor(
    private readonly service: CallLogService,
    private readonly files: CallExport,
  ) {}

  /**
   * Lists calls, newest first.
   * @remarks A page ends with `next_cursor`, which brings the next one as `cursor`; calls that come meanwhile do not shift it.
   */
  @Get()
  @Requires('read')
  @UseGuards(new KnownParameters(ListCallsDto))
  list(@Query() query: ListCallsDto, @Context() context: RequestContext): Promise<CallPageDto> {
    return this.service.list(query, context.signal);
  }

  /**
   * Writes calls into a file, oldest first.
   * @remarks CSV is safe to open in a spreadsheet. A connection that breaks off means that the file is not whole.
   */
  @Get('export')
  @Requires('read')
  @UseGuards(new KnownParameters(ExportCallsDto))
  @ApiProduces('text/csv', 'application/x-ndjson')
  @ApiOkResponse({ description: 'The file.', schema: { type: 'string' } })
  export(@Query() query: ExportCallsDto, @Context() context: RequestContext): Promise<StreamableFile> {
    return this.files.open(query, context.signal);
  }

  /** Shows everything that the log has of a call. */
  @Get(':id')
  @Requires('read')
  find(@Param('id') id: string, @Context() context: RequestContext): Promise<CallDto> {
    return this.service.find(id, context.signal);
  }
}
