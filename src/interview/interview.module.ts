import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline/pipeline.module.js';
import { InterviewController } from './interview.controller.js';
import { InterviewService } from './interview.service.js';

@Module({ imports: [PipelineModule], controllers: [InterviewController], providers: [InterviewService] })
export class InterviewModule {}
