import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { text } from '../pipeline/ask/text.js';
import { asked } from '../pipeline/http/call-options.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { ChatReplyDto, ChatRequestDto } from './chat.dto.js';
import { chatTask } from './chat.task.js';

@Injectable()
export class ChatService {
  constructor(private readonly pipeline: Pipeline) {}

  async complete(request: ChatRequestDto, context: RequestContext): Promise<ChatReplyDto> {
    const { options, call, sink } = asked(request, context);
    const messages = request.messages.map(({ role, content }) => ({ role, content }));
    const { reply } = await this.pipeline.run(text(chatTask, messages, { options }), call, sink);
    return reply;
  }
}
