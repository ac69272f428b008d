import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { Draining } from './draining.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';

@Module({
  imports: [EngineModule, TasksModule],
  controllers: [HealthController],
  providers: [HealthService, Draining],
})
export class HealthModule {}
