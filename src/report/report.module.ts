import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { ReportController } from './report.controller.js';
import { ReportService } from './report.service.js';

@Module({ imports: [TasksModule], controllers: [ReportController], providers: [ReportService] })
export class ReportModule {}
