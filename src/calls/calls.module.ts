import { Module } from '@nestjs/common';
import { CallEvents } from './call-events.js';
import { CallLog } from './call-log.js';
import { CallsController } from './calls.controller.js';
import { ReplyCounters } from './reply-counters.js';
import { RunningCalls } from './running-calls.js';

/** What every call passes through, and what is known of calls. */
@Module({
  controllers: [CallsController],
  providers: [CallEvents, CallLog, ReplyCounters, RunningCalls],
  exports: [CallEvents, ReplyCounters],
})
export class CallsModule {}
