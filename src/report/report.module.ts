import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline/pipeline.module.js';
import { ReportController } from './report.controller.js';
import { ReportService } from './report.service.js';

@Module({ imports: [PipelineModule], controllers: [ReportController], providers: [ReportService] })
export class ReportModule {}
