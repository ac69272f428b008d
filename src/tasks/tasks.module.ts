import { Module } from '@nestjs/common';
import { CallsModule } from '../calls/calls.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { TaskRunner } from './task-runner.js';

/** The pipeline. */
@Module({
  imports: [EngineModule, CallsModule],
  providers: [TaskRunner],
  exports: [TaskRunner],
})
export class TasksModule {}
