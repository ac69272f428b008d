import { Module } from '@nestjs/common';
import { CallsModule } from '../calls/calls.module.js';
import { DatabaseModule } from '../database/database.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { CallStore } from './call-store.js';
import { ChatCsv } from './chat-csv.js';
import { Instance } from './instance.js';
import { Upkeep } from './upkeep/upkeep.js';

/** Where calls are kept: rows of the database, the spool while it is away, and CSV_LOG. */
@Module({
  imports: [CallsModule, DatabaseModule, JobsModule],
  providers: [CallStore, ChatCsv, Instance, Upkeep],
  exports: [CallStore],
})
export class CallStoreModule {}
