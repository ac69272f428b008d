import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { FeedbackController } from './feedback.controller.js';
import { FeedbackService } from './feedback.service.js';

@Module({ imports: [TasksModule], controllers: [FeedbackController], providers: [FeedbackService] })
export class FeedbackModule {}
