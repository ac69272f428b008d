import { Module } from '@nestjs/common';
import { PipelineModule } from '../pipeline/pipeline.module.js';
import { ChatController } from './chat.controller.js';
import { ChatService } from './chat.service.js';
import { SmallChatController } from './small-chat.controller.js';
import { SmallChatService } from './small-chat.service.js';

@Module({
  imports: [PipelineModule],
  controllers: [ChatController, SmallChatController],
  providers: [ChatService, SmallChatService],
})
export class ChatModule {}
