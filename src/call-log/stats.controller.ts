import { Controller, Get, Query, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { KnownParameters } from './known-parameters.js';
import { StatsDto, StatsQueryDto } from './stats.dto.js';
import { StatsService } from './stats.service.js';

@ApiTags('Calls')
@Controller('api/stats')
export class StatsController {
  constructor(private readonly service: StatsService) {}

  /**
   * Counts calls and averages their latency, tokens and score, by what they have in common.
   * @remarks Without a period: the last 24 hours. docs/logs.md explains what is counted.
   */
  @Get()
  @Requires('read')
  @UseGuards(new KnownParameters(StatsQueryDto))
  read(@Query() query: StatsQueryDto, @Context() context: RequestContext): Promise<StatsDto> {
    return this.service.read(query, context.signal);
  }
}
