import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { CallEvents } from './call-events.js';
import { CallLog } from './call-log.js';
import { CallStore } from './call-store.js';
import { CallsController } from './calls.controller.js';
import { ChatCsv } from './chat-csv.js';
import { Instance } from './instance.js';
import { ReplyCounters } from './reply-counters.js';
import { RunningCalls } from './running-calls.js';
import { Upkeep } from './upkeep/upkeep.js';

/** What every call passes through, and what is known of calls. */
@Module({
  imports: [DatabaseModule],
  controllers: [CallsController],
  providers: [CallEvents, CallLog, CallStore, ChatCsv, Instance, ReplyCounters, RunningCalls, Upkeep],
  exports: [CallEvents, CallStore, ReplyCounters],
})
export class CallsModule {}
