import { Module } from '@nestjs/common';
import { CallStoreModule } from '../call-store/call-store.module.js';
import { CallsModule } from '../calls/calls.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { Draining } from './draining.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

@Module({
  imports: [EngineModule, CallStoreModule, CallsModule, DatabaseModule],
  controllers: [HealthController],
  providers: [HealthService, Draining],
})
export class HealthModule {}
