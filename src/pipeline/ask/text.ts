import type { Call, Question } from '../../calls/call.js';
import { ServiceError } from '../../common/errors.js';
import { textHash } from '../../common/text-hash.js';
import type { ChatMessage, EngineReply, OwnRequest, Usage } from '../../engine/engine-request.js';
import { neutraliseMarks } from '../../text/chat-marks.js';
import { TextFilters } from '../../text/text-filters.js';
import { type CallOptions, optionsAsSent } from '../call-options.js';
import type { Task } from '../define-task.js';
import { begun, textEvents } from '../out/events.js';
import { TextStream } from '../out/text-stream.js';
import { ownRequest } from './own-request.js';
import { refusedBy } from './refused-by.js';

/** How often free text is asked for, at most, until it is there. */
const ATTEMPTS = 2;

/** Free text, and the tokens that it cost. */
export interface TextAnswer {
  readonly content: string;
  readonly usage: Usage;
}

/** Everything about a text question except its messages. */
export interface TextDetails {
  readonly options?: CallOptions;
  /** The service's own prompt that stands in the messages, where one does. */
  readonly prompt?: { readonly version: string; readonly hash: string };
  /**
   * What the caller sent, where it is not the messages themselves.
   * @param messages the question's messages, as a stage may have changed them
   */
  readonly sent?: (messages: readonly ChatMessage[]) => object;
}

/**
 * A question whose answer is free text. One that was cut by `max_tokens` or a stop string is whole: the caller set them.
 *
 * Errors besides the engine's: ENGINE_REPLY_EMPTY, ENGINE_REPLY_CUT, ENGINE_REPLY_RUNAWAY, GUARD_BLOCKED, MODEL_REFUSED.
 */
export function text(
  task: Task,
  messages: readonly ChatMessage[],
  details: TextDetails = {},
): Question<TextAnswer> {
  const { options = {}, prompt, sent } = details;
  // The service's own prompt is no prompt of the caller's.
  const system = prompt ? [] : messages.filter(({ role }) => role === 'system');
  return {
    task,
    model: options.model,
    plan: {
      ...(prompt && { promptVersion: prompt.version, promptHash: prompt.hash }),
      ...(system.length > 0 && {
        systemPromptHash: textHash(system.map(({ content }) => content).join('\n')),
      }),
    },
    asked: messages.findLast(({ role }) => role === 'user')?.content,
    input: () => ({ ...(sent?.(messages) ?? { messages }), options: optionsAsSent(options) }),
    rewrite: (change) => {
      const changed = messages.map(({ role, content }) => ({ role, content: change(content, role) }));
      return text(task, changed, details);
    },
    ask: (call) => ask(call, task, messages, options),
    deliver: (call, { content }) => {
      begun(call).send('delta', { text: content });
    },
    keep: (kept, reply) => {
      kept.answer = reply.content;
      kept.reply = JSON.stringify(reply);
    },
  };
}

async function ask(
  call: Call,
  task: Task,
  messages: readonly ChatMessage[],
  options: CallOptions,
): Promise<TextAnswer> {
  const harmless = messages.map((message) => ({
    ...message,
    content: neutraliseMarks(message.content, task),
  }));
  const maxTokens = options.maxTokens ?? task.maxTokens ?? call.settings.defaultMaxTokens;
  const first = ownRequest(call, task, options, harmless, maxTokens);
  const filters = new TextFilters(task, call.openFilters);
  const stream = call.sink && new TextStream(filters, textEvents(call));
  const { judgements } = call.record;
  let request: OwnRequest = first;
  for (let attempt = 1; ; attempt++) {
    const reply = await call.ask(
      request,
      stream && {
        onText: (piece) => stream.write(piece),
        takeBack: (reason, isSameTry) => stream.takeBack(reason, isSameTry),
      },
    );
    const outcome = judge(reply, filters, stream);
    if (!(outcome instanceof ServiceError)) {
      call.record.facts.finishReason = outcome.finish;
      if (outcome.isCut) judgements.push('blocked');
      // Where an earlier text was stopped, the log tells the one that was answered.
      else if (judgements.length > 0) judgements.push('strict');
      return { content: outcome.content, usage: reply.usage };
    }
    call.record.wastedTokens += reply.usage.total_tokens;
    const isBlocked = outcome.code === 'GUARD_BLOCKED';
    if (isBlocked) judgements.push('blocked');
    if (attempt >= ATTEMPTS || outcome.code === 'MODEL_REFUSED') throw outcome;
    stream?.takeBack(outcome.message);
    if (isBlocked) request = { ...first, messages: [...first.messages, warning(outcome.message)] };
  }
}

interface Text {
  readonly content: string;
  readonly finish: 'stop' | 'length' | 'content_filter';
  /** Whether a guardrail ended the text after a part of it was said. */
  readonly isCut: boolean;
}

/** The text of a reply, or why it is none. */
function judge(
  reply: EngineReply,
  filters: TextFilters,
  stream: TextStream | undefined,
): Text | ServiceError {
  const problem = problemOf(reply);
  if (problem) return problem;
  if (reply.finish !== 'refused') stream?.finish();
  const filtered = stream
    ? { value: stream.said, block: stream.block }
    : filters.text(reply.content, { path: '', kind: 'answer', isSpoken: false });
  const content = filtered.value.trimStart();
  if (!filtered.block) {
    if (content === '') return emptyReply(reply);
    return { content, finish: reply.finish === 'length' ? 'length' : 'stop', isCut: false };
  }
  if (stream && content !== '') return { content, finish: 'content_filter', isCut: true };
  return new ServiceError('GUARD_BLOCKED', filtered.block.reason);
}

function problemOf(reply: EngineReply): ServiceError | undefined {
  const { finish, content } = reply;
  if (finish === 'runaway') {
    return new ServiceError(
      'ENGINE_REPLY_RUNAWAY',
      'The model repeated itself without end and was broken off.',
    );
  }
  if (finish === 'abort' || finish === 'other') {
    return new ServiceError('ENGINE_REPLY_CUT', 'The engine ended its reply before it was whole.');
  }
  return refusedBy(reply) ?? (content.trim() === '' ? emptyReply(reply) : undefined);
}

function emptyReply({ reasoning }: EngineReply): ServiceError {
  return new ServiceError(
    'ENGINE_REPLY_EMPTY',
    reasoning.trim() === ''
      ? 'The engine ended its reply without a word.'
      : 'The model thought, and its reply ended before the first word of an answer.',
  );
}

/** Asks for another text, and says why the last one was stopped. */
function warning(reason: string): ChatMessage {
  return { role: 'user', content: `Your reply was stopped: ${reason}\nAnswer the message above again.` };
}
