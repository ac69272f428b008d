import type { FieldError } from '../../common/errors.js';
import type { Dialect } from '../../engine/dialects/dialect.js';
import type { ChatMessage, EngineReply } from '../../engine/engine-request.js';
import type { RelayRequest } from '../../engine/relay-request.js';
import type { RelayedText } from '../../engine/relayed-reply.js';
import { replyOf } from '../../engine/read-reply.js';
import { askStructured, type LadderBounds } from './climb.js';
import type { Call } from '../../calls/call.js';
import type { Task } from '../define-task.js';

/** A request of OpenAI's API whose reply must fit the caller's own schema. */
export interface CheckedRelayTask extends Task {
  readonly schema: { readonly name: string; check(value: unknown): readonly FieldError[] };
}

type CheckedBody = RelayRequest['body'] & {
  readonly messages: readonly ChatMessage[];
  readonly max_tokens?: number;
};

/**
 * Passes a chat request on until its reply is valid, by the same ladder as the service's own questions.
 * @returns the engine's last reply, with the checked object as its content
 * @throws ServiceError STRUCTURED_OUTPUT_INVALID, ENGINE_REPLY_EMPTY and every error of the engine
 */
export async function askCheckedRelay(
  call: Call,
  task: CheckedRelayTask,
  request: RelayRequest,
  dialect: Dialect,
  bounds: LadderBounds,
): Promise<RelayedText> {
  // Of the two names for it OpenAI's newer models take this one alone, and engines take both.
  const { messages, max_tokens: _, ...rest } = request.body as CheckedBody;
  const first = { messages, maxTokens: request.maxTokens ?? bounds.ceiling, thinking: task.thinking };
  let last: RelayedText = { text: '', model: undefined };
  const asker = {
    record: call.record,
    ask: async (next: typeof first): Promise<EngineReply> => {
      const body = { ...rest, messages: next.messages, max_completion_tokens: next.maxTokens, stream: false };
      const reply = await call.relay({ ...request, body, maxTokens: next.maxTokens });
      if (!('text' in reply)) throw new Error('A whole reply was asked for');
      last = reply;
      return { ...replyOf(reply.text, dialect), maxTokens: next.maxTokens };
    },
  };
  const value = await askStructured(asker, { ...task, rules: [] }, first, undefined, bounds, undefined);
  return { ...last, text: withContent(last.text, JSON.stringify(value)) };
}

function withContent(text: string, content: string): string {
  const body = JSON.parse(text) as { choices: { message: object }[] };
  const choices = body.choices.map((choice) => ({ ...choice, message: { ...choice.message, content } }));
  return JSON.stringify({ ...body, choices });
}
