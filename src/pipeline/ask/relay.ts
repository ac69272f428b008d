import { isDeepStrictEqual } from 'node:util';
import type { Call, Question, Role } from '../../calls/call.js';
import type { CallContent } from '../../calls/call-record.js';
import { ServiceError } from '../../common/errors.js';
import { textHash } from '../../common/text-hash.js';
import { eventsOf } from '../../engine/completion-shapes.js';
import type { RelayBody, RelayRequest } from '../../engine/engine-request.js';
import { neutraliseMarksIn } from '../../text/chat-marks.js';
import type { Block } from '../../text/text-filter.js';
import { mapTexts, TextFilters } from '../../text/text-filters.js';
import type { Task } from '../define-task.js';
import { begun } from '../out/events.js';
import { relayStream } from '../out/relay-stream.js';
import { filterReply, StreamedTexts } from '../out/relay-texts.js';

/** How often a request is passed on, at most, where a guardrail stops the reply. */
const ATTEMPTS = 2;

/** Qwen's words /think and /no_think stay as they are: callers of OpenAI's API may mean them. */
export const MARKS_ONLY = { thinking: false };

/** A reply in OpenAI's own shape. One that was streamed is gone: a stage cannot give it again from these. */
export interface RelayedReply {
  /** The reply's JSON; empty where it was streamed. */
  readonly json: string;
  /** The words of a streamed reply, without its thinking. */
  readonly said?: string;
}

/** Details of a request that is passed on, besides the request itself. */
export interface RelayDetails {
  /** The body as the caller sent it. */
  readonly sent: object;
  /** Makes the change of each event of a stream, anew for every stream. */
  readonly rewrite?: (() => (data: string) => string) | undefined;
}

/** The body of a request as far as a question looks into it. */
interface TextBody extends RelayBody {
  readonly messages?: readonly { readonly role: Role; readonly content?: unknown }[];
  readonly prompt?: string | readonly string[];
  readonly input?: string | readonly string[];
}

/**
 * A request of OpenAI's own API that is passed on, and whose reply comes back nearly as it is. Chat marks in messages,
 * functions and schemas are made harmless, and put back in the reply where there were any; a raw prompt keeps its marks.
 *
 * Errors besides the engine's: GUARD_BLOCKED. Once a stream has begun, an error is its last event.
 */
export function relay(task: Task, request: RelayRequest, details: RelayDetails): Question<RelayedReply> {
  const passed = neutralised(request);
  return {
    ...relayed(task, request, passed, details, (changed, sent) => relay(task, changed, { ...details, sent })),
    ask: (call) => ask(call, passed, details),
  };
}

/** The parts that all questions have whose request is passed on. */
export function relayed(
  task: Task,
  request: RelayRequest,
  passed: Neutralised,
  { sent }: RelayDetails,
  again: (request: RelayRequest, sent: object) => Question<RelayedReply>,
): Omit<Question<RelayedReply>, 'ask'> {
  const body: TextBody = request.body;
  const system = (body.messages ?? []).filter(({ role }) => role === 'system');
  return {
    task,
    model: request.model,
    plan: {
      ...(system.length > 0 && {
        systemPromptHash: textHash(system.map(({ content }) => asText(content)).join('\n')),
      }),
    },
    asked: lastQuestionIn(body),
    input: () => differing(sent, passed.request.body),
    rewrite: (change) => again({ ...request, body: rewritten(body, change) }, rewritten(sent, change)),
    deliver: (call, { json }) => {
      for (const event of eventsOf(json, request.wantsUsage === true))
        begun(call).write(`data: ${event}\n\n`);
    },
    keep: keepReply,
  };
}

/** A request without chat marks in what a template prints, and whether there were any. */
export interface Neutralised {
  readonly request: RelayRequest;
  readonly hadMarks: boolean;
}

/** Fields of a body that chat templates print: Qwen's prints functions, Kimi's the schema of the reply too. */
const PRINTED = ['messages', 'tools', 'response_format', 'chat_template_kwargs'] as const;

/** Makes the chat marks harmless in all that a chat template may print, whoever wrote it. */
export function neutralised(request: RelayRequest): Neutralised {
  const body = request.body as Readonly<Record<string, unknown>>;
  const changed = PRINTED.flatMap((field) => {
    const harmless = neutraliseMarksIn(body[field], MARKS_ONLY);
    return harmless === body[field] ? [] : [[field, harmless] as const];
  });
  if (changed.length === 0) return { request, hadMarks: false };
  return { request: { ...request, body: { ...body, ...Object.fromEntries(changed) } }, hadMarks: true };
}

/** The request for the model of the call's question, which a stage may have changed. */
export function withModelOf({ question: { model } }: Call, request: RelayRequest): RelayRequest {
  if (model === undefined || model === request.model) return request;
  return { ...request, model, body: { ...request.body, model } };
}

async function ask(
  call: Call,
  { request: first, hadMarks }: Neutralised,
  { rewrite }: RelayDetails,
): Promise<RelayedReply> {
  const { record } = call;
  const filters = new TextFilters(hadMarks ? MARKS_ONLY : undefined, call.openFilters);
  const wantsUsage = first.wantsUsage === true;
  let request = withModelOf(call, first);
  for (let attempt = 1; ; attempt++) {
    const outcome =
      request.delivery === 'stream'
        ? await stream(call, request, filters, { rewrite, wantsUsage })
        : await whole(call, request, filters);
    if ('json' in outcome) {
      // A reply after one that was stopped; one that was cut itself is marked as such.
      if (attempt > 1 && record.judgements.length < attempt) record.judgements.push('strict');
      return outcome;
    }
    record.wastedTokens += record.tries.at(-1)?.usage.total_tokens ?? 0;
    const next = attempt < ATTEMPTS ? withWarning(request, outcome.reason) : undefined;
    if (!next) throw new ServiceError('GUARD_BLOCKED', outcome.reason);
    request = next;
  }
}

async function whole(call: Call, request: RelayRequest, filters: TextFilters): Promise<RelayedReply | Block> {
  const { json } = await call.ask(request);
  if (filters.isIdle) return { json };
  const { value, block } = filterReply(json, filters);
  if (!block) return { json: value };
  call.record.judgements.push('blocked');
  return block;
}

async function stream(
  call: Call,
  request: RelayRequest,
  filters: TextFilters,
  how: { readonly rewrite: RelayDetails['rewrite']; readonly wantsUsage: boolean },
): Promise<RelayedReply | Block> {
  const reply = await call.open(request);
  const texts = new StreamedTexts(filters, request.choices ?? 1);
  const rewrite = how.rewrite?.();
  const block = await relayStream(call, reply, { texts, rewrite, wantsUsage: how.wantsUsage });
  return block ?? { json: '', said: filters.isIdle ? reply.said : texts.said };
}

/** The request once more, with the reason for it; undefined where there is no conversation to say it in. */
function withWarning(request: RelayRequest, reason: string): RelayRequest | undefined {
  const { messages } = request.body as TextBody;
  if (!messages) return undefined;
  const content = `Your reply was stopped: ${reason}\nAnswer the message above again.`;
  const body = { ...request.body, messages: [...messages, { role: 'user', content }] };
  return { ...request, body };
}

function keepReply(content: CallContent, { json, said }: RelayedReply): void {
  if (said === undefined) {
    content.reply = json;
    return;
  }
  content.answer = said;
  content.reply = JSON.stringify({ content: said });
}

/** A body with every text of its messages, or every prompt or input, changed. */
function rewritten<B extends TextBody>(body: B, change: (text: string, role: Role) => string): B {
  const each = (texts: string | readonly string[]): string | string[] =>
    typeof texts === 'string' ? change(texts, 'user') : texts.map((text) => change(text, 'user'));
  return {
    ...body,
    ...(body.messages && {
      messages: body.messages.map(({ content, ...message }) => ({
        ...message,
        // A caller's content may come in parts; only text parts are taken.
        ...(content !== undefined && {
          content: mapTexts(content, '', (text) => change(text, message.role)),
        }),
      })),
    }),
    ...(body.prompt !== undefined && { prompt: each(body.prompt) }),
    ...(body.input !== undefined && { input: each(body.input) }),
  };
}

/** The fields that the caller sent and that are not in the engine's request as they were; null means absent. */
function differing(sent: object, passed: object): object {
  const known = passed as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    Object.entries(sent).filter(([name, value]) => value !== null && !isDeepStrictEqual(value, known[name])),
  );
}

/** What a request asks, as text: its last message of the user, or its prompt. */
function lastQuestionIn({ messages = [], prompt }: TextBody): string | undefined {
  if (typeof prompt === 'string') return prompt;
  const content = messages.findLast(({ role }) => role === 'user')?.content;
  return typeof content === 'string' ? content : undefined;
}

function asText(content: unknown): string {
  return typeof content === 'string' ? content : '';
}
