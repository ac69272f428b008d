import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { CallExport } from './call-export.js';
import { CallLogController } from './call-log.controller.js';
import { CallLogRepository } from './call-log.repository.js';
import { CallLogService } from './call-log.service.js';
import { LogReader } from './log-reader.js';
import { StatsController } from './stats.controller.js';
import { StatsRepository } from './stats.repository.js';
import { StatsService } from './stats.service.js';

/** The call log, read over HTTP. */
@Module({
  imports: [DatabaseModule],
  controllers: [CallLogController, StatsController],
  providers: [CallExport, CallLogRepository, CallLogService, LogReader, StatsRepository, StatsService],
})
export class CallLogModule {}
