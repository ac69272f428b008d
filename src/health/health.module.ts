import { Module } from '@nestjs/common';
import { CallsModule } from '../calls/calls.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { Draining } from './draining.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

@Module({
  imports: [EngineModule, CallsModule, DatabaseModule],
  controllers: [HealthController],
  providers: [HealthService, Draining],
})
export class HealthModule {}
