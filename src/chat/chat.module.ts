import { Module } from '@nestjs/common';
import { TasksModule } from '../tasks/tasks.module.js';
import { ChatController } from './chat.controller.js';
import { ChatService } from './chat.service.js';
import { SmallChatController } from './small-chat.controller.js';
import { SmallChatService } from './small-chat.service.js';

@Module({
  imports: [TasksModule],
  controllers: [ChatController, SmallChatController],
  providers: [ChatService, SmallChatService],
})
export class ChatModule {}
