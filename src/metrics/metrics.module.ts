import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module.js';
import { CallStoreModule } from '../call-store/call-store.module.js';
import { CallsModule } from '../calls/calls.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsService } from './metrics.service.js';

/** What Prometheus reads. */
@Module({
  imports: [AccessModule, CallStoreModule, CallsModule, DatabaseModule, EngineModule],
  controllers: [MetricsController],
  providers: [MetricsService],
})
export class MetricsModule {}
