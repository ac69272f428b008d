import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { ChatReplyDto, ChatRequestDto } from './chat.dto.js';
import { ChatService } from './chat.service.js';

@ApiTags('Ask')
@Controller('api/chat')
export class ChatController {
  constructor(private readonly service: ChatService) {}

  /**
   * Goes on with a conversation.
   * @remarks The header X-Finish-Reason says `length` where max_tokens cut the reply.
   */
  @Post('completions')
  @HttpCode(200)
  @Requires('inference')
  complete(@Body() request: ChatRequestDto, @Context() context: RequestContext): Promise<ChatReplyDto> {
    return this.service.complete(request, context);
  }
}
