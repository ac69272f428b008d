import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Open } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { HealthDto, LiveDto, ReadyDto } from './health.dto.js';
import { HealthService } from './health.service.js';

@ApiTags('Health')
@Controller()
export class HealthController {
  constructor(private readonly service: HealthService) {}

  /**
   * State of the service and its engine.
   * @remarks Always 200 while the process runs. Details need a key with the scope read.
   */
  @Get(['health', 'healthz'])
  @Open()
  health(@Context() context: RequestContext): HealthDto {
    return this.service.health(context);
  }

  /** Whether the process runs: for restarts. */
  @Get('health/live')
  @Open()
  live(): LiveDto {
    return { status: 'ok' };
  }

  /** Whether calls can be served: for load balancers. */
  @Get('health/ready')
  @Open()
  @ApiOkResponse({ description: 'Calls are served.', type: ReadyDto })
  @ApiServiceUnavailableResponse({ description: 'No call can be served; reason says why.', type: ReadyDto })
  ready(@Context() context: RequestContext, @Res({ passthrough: true }) reply: FastifyReply): ReadyDto {
    const state = this.service.ready(context);
    if (state.status === 'not_ready') void reply.status(HttpStatus.SERVICE_UNAVAILABLE);
    return state;
  }
}
