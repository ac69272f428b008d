import type { CallFact } from './call-fact.js';
import { startOf } from './call-id.js';
import type { CallRecord } from './call-record.js';
import { hundredths, tenths } from './rounding.js';
import { triesJson } from './tries-json.js';

/** How a call stands. Only `running` and `interrupted` may still change. */
const OUTCOMES = ['running', 'ok', 'failed', 'cancelled', 'interrupted'] as const;

/**
 * Everything that the log knows of a call, declared once. The row and both ways of writing it, backups, the replies of
 * /api/calls, exports, their documentation and the log line are derived from it, in this order. A further fact is an entry
 * here, and a migration that adds its column.
 */
export const CALL_FACTS = {
  id: {
    type: 'uuid',
    doc: 'UUIDv7, as in `X-Call-Id`; it begins with the time, so ids sort by it',
    isAlways: true,
    read: ({ facts }) => facts.callId,
    line: { name: 'call_id' },
  },
  started_at: {
    type: 'timestamptz',
    doc: 'when the call began, UTC',
    isAlways: true,
    read: ({ facts }) => startOf(facts.callId),
  },
  ended_at: {
    type: 'timestamptz',
    doc: 'when it ended; null while it runs',
    read: ({ outcome }) => (outcome === undefined ? null : new Date()),
  },
  instance_id: {
    type: 'uuid',
    doc: 'the running service that handled the call',
    isAlways: true,
    read: (_call, instanceId) => instanceId,
  },
  request_id: {
    type: 'text',
    doc: 'id of the request, as in `X-Request-Id`',
    isAlways: true,
    read: ({ context }) => context.requestId,
    line: { name: 'request_id' },
    filter: 'request_id',
  },
  task: {
    type: 'text',
    doc: 'the kind of question, such as `feedback`, `interview_step` or `v1_chat`',
    isAlways: true,
    read: ({ task }) => task.name,
    line: { name: 'task' },
    filter: 'task',
  },
  lane: {
    type: 'text',
    doc: 'how urgent the answer is: `live`, `interactive`, `background`',
    isAlways: true,
    read: ({ task }) => task.lane,
    line: { name: 'lane' },
  },
  streamed: {
    type: 'boolean',
    doc: 'whether the caller got a stream',
    isAlways: true,
    read: ({ streams }) => streams,
    line: { name: 'stream', read: ({ streams }) => streams || undefined },
  },
  outcome: {
    type: 'text',
    doc: '`running`, `ok`, `failed`, `cancelled`, or `interrupted` where the service died first',
    isAlways: true,
    values: OUTCOMES,
    read: ({ outcome }) => outcome ?? 'running',
    line: { name: 'outcome', read: ({ outcome }) => outcome },
    filter: 'outcome',
  },
  error_code: {
    type: 'text',
    doc: 'code of the error, for a failed call ([errors.md](errors.md))',
    read: ({ code }) => code,
    line: { name: 'code' },
  },
  left_because: {
    type: 'text',
    doc: 'why the caller stopped waiting: `disconnected`, `cancelled`, `too slow`',
    read: ({ context }) => context.leftBecause,
    line: {
      name: 'left',
      read: ({ outcome, context }) => (outcome === 'cancelled' ? context.leftBecause : undefined),
    },
  },
  rung: {
    type: 'text',
    doc: 'how a structured reply was found valid, or why it was not ([structured-replies.md](structured-replies.md))',
    read: ({ rung }) => rung,
    line: { name: 'rung' },
  },
  model_asked: {
    type: 'text',
    doc: 'the model that the caller or MODEL_NAME names',
    isAlways: true,
    read: ({ plan }) => plan.modelAsked,
  },
  model_served: {
    type: 'text',
    doc: 'the model that answered, as the engine names it',
    read: ({ facts }) => facts.model,
    line: { name: 'model' },
  },
  provider: {
    type: 'text',
    doc: '`sglang`, `vllm`, `openai` or `stub`',
    isAlways: true,
    read: ({ facts }) => facts.provider,
    line: { name: 'provider' },
  },
  engine: {
    type: 'text',
    doc: 'address of the engine that was asked last',
    read: ({ tries }) => tries.at(-1)?.engine,
  },
  attempts: {
    type: 'integer',
    doc: 'how often an engine was asked',
    isAlways: true,
    read: ({ facts }) => facts.attempts,
    line: { name: 'attempts' },
  },
  resets: {
    type: 'integer',
    doc: 'how often a stream took back what it had sent',
    isAlways: true,
    read: ({ resets }) => resets,
    line: { name: 'resets', read: ({ resets }) => resets || undefined },
  },
  prompt_tokens: {
    type: 'integer',
    doc: 'tokens of the prompts, all attempts together',
    isAlways: true,
    read: ({ usage }) => storableCount(usage.prompt_tokens),
    line: { name: 'prompt_tokens', read: ({ usage }) => usage.prompt_tokens },
  },
  completion_tokens: {
    type: 'integer',
    doc: 'tokens of the replies, all attempts together',
    isAlways: true,
    read: ({ usage }) => storableCount(usage.completion_tokens),
    line: { name: 'completion_tokens', read: ({ usage }) => usage.completion_tokens },
  },
  wasted_tokens: {
    type: 'integer',
    doc: 'tokens of both kinds that belong to replies which were thrown away',
    isAlways: true,
    read: ({ wastedTokens }) => storableCount(wastedTokens),
    line: { name: 'wasted_tokens', read: ({ wastedTokens }) => wastedTokens || undefined },
  },
  queue_ms: {
    type: 'real',
    doc: 'milliseconds before an engine was first asked',
    read: (call) => hundredths(timingOf(call)?.queue),
    line: { name: 'queue_ms', read: ({ facts }) => tenths(facts.timing.queue) },
  },
  engine_ms: {
    type: 'real',
    doc: 'milliseconds spent on engines',
    read: (call) => hundredths(timingOf(call)?.engine),
    line: { name: 'engine_ms', read: ({ facts }) => tenths(facts.timing.engine) },
  },
  first_token_ms: {
    type: 'real',
    doc: "milliseconds until the engine's first token, where the engine streams",
    read: ({ firstTokenMs }) => hundredths(firstTokenMs),
    line: { name: 'first_token_ms', read: ({ firstTokenMs }) => tenths(firstTokenMs) },
  },
  first_field_ms: {
    type: 'real',
    doc: 'milliseconds until the caller was sent the first piece; streams only',
    read: ({ firstFieldMs }) => hundredths(firstFieldMs),
    line: { name: 'first_field_ms', read: ({ firstFieldMs }) => tenths(firstFieldMs) },
  },
  total_ms: {
    type: 'real',
    doc: 'milliseconds until the row was written, which the reply then waits for; null while it runs, and if interrupted',
    read: (call) => hundredths(timingOf(call)?.total),
    line: { name: 'total_ms', read: ({ facts }) => tenths(facts.timing.total) },
  },
  key_name: {
    type: 'text',
    doc: 'name of the key in API_KEYS; `local` for a direct caller without one, `anybody` with `AUTH=off`',
    read: ({ context }) => context.caller?.name,
    line: { name: 'key' },
    filter: 'key',
  },
  interview_id: {
    type: 'text',
    doc: "the caller's own name for the interview",
    read: ({ labels }) => labels.interviewId,
    line: { name: 'interview_id' },
    filter: 'interview_id',
  },
  turn: {
    type: 'integer',
    doc: 'number of the turn within the interview, as the caller counts',
    read: ({ labels }) => labels.turn,
    line: { name: 'turn' },
  },
  user_id: {
    type: 'text',
    doc: "the caller's own name for its user",
    read: ({ labels }) => labels.userId,
    line: { name: 'user_id' },
    filter: 'user_id',
  },
  tags: {
    type: 'text[]',
    doc: "the caller's own tags; empty where there are none",
    isAlways: true,
    read: ({ labels }) => labels.tags ?? [],
    line: { name: 'tags', read: ({ labels }) => labels.tags },
  },
  prompt_name: {
    type: 'text',
    doc: 'name of the prompt that the caller chose; null until prompts have names',
    read: ({ plan }) => plan.promptName,
    filter: 'prompt_name',
  },
  prompt_version: {
    type: 'text',
    doc: "version of the service's own prompt, where the caller chose one ([chat.md](chat.md))",
    read: ({ plan }) => plan.promptVersion,
    line: { name: 'prompt_version' },
    filter: 'prompt_version',
  },
  prompt_hash: {
    type: 'text',
    doc: "hash of the service's own part of the prompt",
    read: ({ plan }) => plan.promptHash,
  },
  system_prompt_hash: {
    type: 'text',
    doc: "hash of the caller's own system prompt, which `prompt_hash` does not cover",
    read: ({ plan }) => plan.systemPromptHash,
    filter: 'system_prompt_hash',
  },
  schema_hash: {
    type: 'text',
    doc: 'hash of the schema that the reply must follow',
    read: ({ plan }) => plan.schemaHash,
  },
  score: {
    type: 'real',
    doc: "feedback's `score` (0 to 10) or the report's `overall_score` (0 to 100), from the answer; null for other tasks",
    read: ({ verdict }) => verdict.score,
  },
  is_passed: {
    type: 'boolean',
    doc: "feedback's `is_passed`, from the answer; null for other tasks",
    read: ({ verdict }) => verdict.isPassed,
    filter: 'is_passed',
  },
  action: {
    type: 'text',
    doc: "the interview step's `action` (`FOLLOW_UP`, `NEW_TOPIC`, `NEXT_PHASE`), from the answer; null for other tasks",
    read: ({ verdict }) => verdict.action,
    filter: 'action',
  },
  question: {
    type: 'text',
    doc: 'what the caller wanted to know, as text; in a list its first 200 characters. NUL becomes U+FFFD',
    isContent: true,
    read: ({ content }) => content.question,
  },
  answer: {
    type: 'text',
    doc: 'the answer where it is text; a list has 200 characters of it, or of `reply` where the answer is an object',
    isContent: true,
    read: ({ content }) => content.answer,
  },
  input: {
    type: 'jsonb',
    doc: 'JSON: the request as the caller sent it; under /v1 only what differs from `request`',
    isContent: true,
    read: ({ content }) => content.input,
  },
  request: {
    type: 'json',
    doc: 'JSON: the body that was sent to the engine first',
    isContent: true,
    read: ({ tries }) => tries[0]?.request,
  },
  reply: {
    type: 'json',
    doc: 'JSON: the reply that the caller got',
    isContent: true,
    read: ({ content }) => content.reply,
  },
  tries: {
    type: 'json',
    doc: 'JSON: each try at an engine with its address, time, tokens, fault or judgement, and the reply that came',
    isArray: true,
    isContent: true,
    read: (call) => triesJson(call, true),
    readWithoutTexts: (call) => triesJson(call, false),
  },
} as const satisfies Readonly<Record<string, CallFact>>;

/** While a call runs these are no durations yet, and would stay in the row if the service were killed. */
function timingOf({ outcome, facts }: CallRecord): CallRecord['facts']['timing'] | undefined {
  return outcome === undefined ? undefined : facts.timing;
}

/** An engine may count as it likes; the column is an integer of 32 bits. */
function storableCount(tokens: number): number {
  return Math.min(tokens, 2_147_483_647);
}
