import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { toCallOptions } from '../pipeline/call-options.dto.js';
import type { Task } from '../pipeline/define-task.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { ChatReplyDto, ChatRequestDto } from './chat.dto.js';

/** Free text: its tokens and temperature are the service's defaults. */
const chatTask: Task = { name: 'chat', lane: 'interactive', delivery: 'stream', thinking: false };

@Injectable()
export class ChatService {
  constructor(private readonly runner: Pipeline) {}

  complete(request: ChatRequestDto, context: RequestContext): Promise<ChatReplyDto | undefined> {
    const messages = request.messages.map(({ role, content }) => ({ role, content }));
    return this.runner.runText(chatTask, messages, toCallOptions(request, context), context);
  }
}
