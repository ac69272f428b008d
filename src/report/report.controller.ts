import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { apiSchema } from '../schema/api-schema.js';
import { PromptsDto } from '../pipeline/http/prompts.dto.js';
import { ReportService } from './report.service.js';
import { type Report, reportSchema } from './report.task.js';

@ApiTags('Ask')
@Controller('api/report')
export class ReportController {
  constructor(private readonly service: ReportService) {}

  /** Sums an interview up. */
  @Post()
  @HttpCode(200)
  @Requires('inference')
  @ApiOkResponse({ schema: apiSchema(reportSchema) })
  write(@Body() request: PromptsDto, @Context() context: RequestContext): Promise<Report> {
    return this.service.write(request, context);
  }
}
