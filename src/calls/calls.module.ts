import { Module } from '@nestjs/common';
import { CallEvents } from './call-events.js';
import { CallLog } from './call-log.js';
import { CallsController } from './calls.controller.js';
import { ReplyCounters } from './reply-counters.js';
import { RunningCalls } from './running-calls.js';

/** What is known of calls, while they run and when they are over. */
@Module({
  controllers: [CallsController],
  providers: [CallEvents, CallLog, ReplyCounters, RunningCalls],
  exports: [CallEvents, ReplyCounters, RunningCalls],
})
export class CallsModule {}
