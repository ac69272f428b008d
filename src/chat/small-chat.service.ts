import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { text } from '../pipeline/ask/text.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { PromptVersions } from '../prompts/prompt-versions.js';
import { messageTask, promptTask } from './chat.task.js';
import { DEFAULT_VERSION, questionOf } from './small-chat-question.js';
import type { MessageReplyDto, PromptReplyDto, SmallChatRequestDto } from './small-chat.dto.js';

/** Chats of one question and one answer, which is never streamed to the caller. */
@Injectable()
export class SmallChatService {
  readonly #prompts = new PromptVersions('chat', DEFAULT_VERSION, import.meta.url);

  constructor(private readonly pipeline: Pipeline) {}

  answer(request: SmallChatRequestDto, context: RequestContext): Promise<MessageReplyDto | PromptReplyDto> {
    const question = questionOf(request);
    const userId = request.user_id ?? undefined;
    return question.kind === 'message'
      ? this.#answerMessage(question.message, question.version, userId, context)
      : this.#answerPrompt(question.prompt, question.model, userId, context);
  }

  async #answerMessage(
    message: string,
    promptVersion: string,
    userId: string | undefined,
    context: RequestContext,
  ): Promise<MessageReplyDto> {
    const prompt = this.#prompts.get(promptVersion, '/prompt_version');
    const messages = [
      { role: 'system', content: prompt.text },
      { role: 'user', content: message },
    ] as const;
    const sent = (asked: readonly { readonly content: string }[]) => ({
      message: asked.at(-1)?.content,
      prompt_version: prompt.version,
    });
    const { reply, facts } = await this.pipeline.run(
      text(messageTask, messages, { prompt, sent }),
      context.newCall(userId === undefined ? {} : { userId }),
    );
    return {
      reply: reply.content,
      model: facts.model,
      prompt_version: prompt.version,
      latency_ms: Math.round(facts.timing.total),
      total_tokens: reply.usage.total_tokens,
      timestamp: new Date().toISOString().replace('Z', '000+00:00'),
    };
  }

  async #answerPrompt(
    prompt: string,
    model: string | undefined,
    userId: string | undefined,
    context: RequestContext,
  ): Promise<PromptReplyDto> {
    const options = model === undefined ? {} : { model };
    const { reply, facts } = await this.pipeline.run(
      text(promptTask, [{ role: 'user', content: prompt }], {
        options,
        sent: ([asked]) => ({ prompt: asked?.content }),
      }),
      context.newCall(userId === undefined ? {} : { userId }),
    );
    return {
      response: reply.content,
      model_version: facts.model,
      latency_ms: Math.round(facts.timing.total * 100) / 100,
    };
  }
}
