import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { InterviewController } from './interview.controller.js';
import { InterviewService } from './interview.service.js';

@Module({ imports: [TasksModule], controllers: [InterviewController], providers: [InterviewService] })
export class InterviewModule {}
