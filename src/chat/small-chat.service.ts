import { Injectable } from '@nestjs/common';
import type { CallLabels } from '../calls/call-record.js';
import type { CallFacts, RequestContext } from '../common/request-context.js';
import { PromptVersions } from '../prompts/prompt-versions.js';
import type { CallOptions } from '../pipeline/call-options.js';
import type { Task } from '../pipeline/define-task.js';
import { type TextAnswer, Pipeline } from '../pipeline/pipeline.js';
import { DEFAULT_VERSION, questionOf } from './small-chat-question.js';
import type { MessageReplyDto, PromptReplyDto, SmallChatRequestDto } from './small-chat.dto.js';

const HOW = { lane: 'interactive', delivery: 'stream', thinking: false } as const satisfies Omit<
  Task,
  'name'
>;
const messageTask: Task = { name: 'chat_message', ...HOW };
const promptTask: Task = { name: 'chat_prompt', ...HOW };

/** Chats of one question and one answer, which is never streamed to the caller. */
@Injectable()
export class SmallChatService {
  readonly #prompts = new PromptVersions('chat', DEFAULT_VERSION, import.meta.url);

  constructor(private readonly runner: Pipeline) {}

  answer(request: SmallChatRequestDto, context: RequestContext): Promise<MessageReplyDto | PromptReplyDto> {
    const question = questionOf(request);
    const labels: CallLabels = request.user_id ? { userId: request.user_id } : {};
    return question.kind === 'message'
      ? this.#answerMessage(question.message, question.version, labels, context)
      : this.#answerPrompt(question.prompt, question.model, labels, context);
  }

  async #answerMessage(
    message: string,
    promptVersion: string,
    labels: CallLabels,
    context: RequestContext,
  ): Promise<MessageReplyDto> {
    const { text, version, hash } = this.#prompts.get(promptVersion, '/prompt_version');
    const options = { ...labels, promptVersion: version, promptHash: hash };
    const { content, usage, facts } = await this.#ask(messageTask, message, options, context, text);
    return {
      reply: content,
      model: facts.model,
      prompt_version: version,
      latency_ms: Math.round(facts.timing.total),
      total_tokens: usage.total_tokens,
      timestamp: new Date().toISOString().replace('Z', '000+00:00'),
    };
  }

  async #answerPrompt(
    prompt: string,
    model: string | undefined,
    labels: CallLabels,
    context: RequestContext,
  ): Promise<PromptReplyDto> {
    const options = model === undefined ? labels : { ...labels, model };
    const { content, facts } = await this.#ask(promptTask, prompt, options, context);
    return {
      response: content,
      model_version: facts.model,
      latency_ms: Math.round(facts.timing.total * 100) / 100,
    };
  }

  /** @param system the service's own prompt, where one stands before the question */
  async #ask(
    task: Task,
    question: string,
    options: CallOptions,
    context: RequestContext,
    system?: string,
  ): Promise<TextAnswer & { readonly facts: CallFacts }> {
    const user = { role: 'user', content: question } as const;
    const messages = system === undefined ? [user] : [{ role: 'system', content: system } as const, user];
    const answer = await this.runner.runText(task, messages, options, context);
    const facts = context.call;
    if (!answer || !facts) throw new Error(`${task.name} is not streamed, so it has an answer and facts.`);
    return { ...answer, facts };
  }
}
