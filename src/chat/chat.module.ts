import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { ChatController } from './chat.controller.js';
import { ChatService } from './chat.service.js';

@Module({ imports: [TasksModule], controllers: [ChatController], providers: [ChatService] })
export class ChatModule {}
