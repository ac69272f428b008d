import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiProduces, ApiTags } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { Requires } from '../access/access.js';
import { MetricsService } from './metrics.service.js';

@ApiTags('Health')
@Controller('metrics')
export class MetricsController {
  constructor(private readonly service: MetricsService) {}

  /**
   * Numbers of calls, engines and the process, for Prometheus.
   * @remarks Needs the scope read, unless METRICS_OPEN=true. docs/metrics.md explains each number.
   */
  @Get()
  @Requires('read')
  @Header('content-type', Registry.PROMETHEUS_CONTENT_TYPE)
  @ApiProduces('text/plain')
  @ApiOkResponse({ description: 'The text format of Prometheus.', type: String })
  read(): Promise<string> {
    return this.service.text();
  }
}
