import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module.js';
import { ReplyCounters } from './reply-counters.js';
import { TaskRunner } from './task-runner.js';

/** The pipeline. */
@Module({
  imports: [EngineModule],
  providers: [TaskRunner, ReplyCounters],
  exports: [TaskRunner, ReplyCounters],
})
export class TasksModule {}
