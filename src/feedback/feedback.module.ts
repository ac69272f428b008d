import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline/pipeline.module.js';
import { FeedbackController } from './feedback.controller.js';
import { FeedbackService } from './feedback.service.js';

@Module({ imports: [PipelineModule], controllers: [FeedbackController], providers: [FeedbackService] })
export class FeedbackModule {}
