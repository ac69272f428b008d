import type { TryReport } from '../engine/try-report.js';
import type { CallRecord } from '../calls/call-record.js';
import { type RowOf, storableText } from '../database/binary-rows.js';
import type { JsonText } from '../database/json-array.js';
import type { CallsTable, StoredOutcome } from '../database/tables.js';

/** Columns that are no JSON of their own, with their types in PostgreSQL; in this order they are written. */
export const FACT_COLUMNS = {
  id: 'uuid',
  started_at: 'timestamptz',
  ended_at: 'timestamptz',
  instance_id: 'uuid',
  outcome: 'text',
  error_code: 'text',
  left_because: 'text',
  request_id: 'text',
  task: 'text',
  lane: 'text',
  interview_id: 'text',
  turn: 'integer',
  user_id: 'text',
  tags: 'text[]',
  key_name: 'text',
  prompt_version: 'text',
  prompt_hash: 'text',
  schema_hash: 'text',
  model_asked: 'text',
  model_served: 'text',
  provider: 'text',
  engine: 'text',
  streamed: 'boolean',
  rung: 'text',
  attempts: 'integer',
  resets: 'integer',
  prompt_tokens: 'integer',
  completion_tokens: 'integer',
  wasted_tokens: 'integer',
  queue_ms: 'real',
  engine_ms: 'real',
  first_token_ms: 'real',
  first_field_ms: 'real',
  total_ms: 'real',
  question: 'text',
  answer: 'text',
} as const satisfies Record<Exclude<keyof CallsTable, 'request' | 'reply' | 'tries'>, string>;

type Facts = RowOf<typeof FACT_COLUMNS>;

/** The facts of a row, with those that every row has. */
type RowFacts = Facts & Pick<CallRow, 'id' | 'outcome'>;

/** One row of the call log on its way: JSON texts, as they wait on disk. */
export interface CallRow {
  readonly id: string;
  readonly outcome: StoredOutcome;
  /** What `FACT_COLUMNS` names. */
  readonly facts: string;
  /** The same as values, where nothing was written of this call before, as far as its service knows. */
  readonly firstFacts?: Facts;
  readonly request: JsonText | null;
  readonly reply: JsonText | null;
  readonly tries: JsonText | null;
}

/**
 * Makes the row of a call, while it runs or when it is over.
 * @param withContent whether the texts are kept, or facts alone
 */
export function callRow(call: CallRecord, instanceId: string, withContent: boolean): CallRow {
  const { facts, context, labels, plan, usage, outcome = 'running', tries, content } = call;
  // While it runs these are no durations yet, and of a service that is killed they would stay.
  const { queue, engine, total } = outcome === 'running' ? {} : facts.timing;
  const row: RowFacts = {
    id: facts.callId,
    started_at: startOf(facts.callId),
    ended_at: outcome === 'running' ? null : new Date(),
    instance_id: instanceId,
    outcome,
    error_code: call.code,
    left_because: context.leftBecause,
    request_id: context.requestId,
    task: call.task.name,
    lane: call.task.lane,
    interview_id: labels.interviewId,
    turn: labels.turn,
    user_id: labels.userId,
    tags: labels.tags ?? [],
    key_name: context.caller?.name,
    prompt_version: plan.promptVersion,
    prompt_hash: plan.promptHash,
    schema_hash: plan.schemaHash,
    model_asked: plan.modelAsked,
    model_served: facts.model,
    provider: facts.provider,
    engine: tries.at(-1)?.engine,
    streamed: call.streams,
    rung: call.rung,
    attempts: facts.attempts,
    resets: call.resets,
    prompt_tokens: storableCount(usage.prompt_tokens),
    completion_tokens: storableCount(usage.completion_tokens),
    wasted_tokens: storableCount(call.wastedTokens),
    queue_ms: hundredths(queue),
    engine_ms: hundredths(engine),
    first_token_ms: hundredths(call.firstTokenMs),
    first_field_ms: hundredths(call.firstFieldMs),
    total_ms: hundredths(total),
    ...(withContent && { question: content.question, answer: content.answer }),
  };
  const texts = {
    request: withContent ? (tries[0]?.request ?? null) : null,
    reply: withContent ? (content.reply ?? null) : null,
    tries: tries.length === 0 ? null : triesOf(call, withContent),
  };
  // A stream's row was there before, from its start on.
  return rowOf(row, texts, outcome === 'running' || !call.streams);
}

/**
 * Makes the row of facts that are values; they become text where they are asked for as such.
 * @param isFirst whether nothing was written of this call before
 */
export function rowOf(
  facts: RowFacts,
  texts: Pick<CallRow, 'request' | 'reply' | 'tries'>,
  isFirst: boolean,
): CallRow {
  const { id, outcome } = facts;
  return {
    id,
    outcome,
    get facts() {
      return storable(facts);
    },
    ...(isFirst && { firstFacts: facts }),
    ...texts,
  };
}

/**
 * Each try with what came of it. What came as JSON is put in byte by byte: it is most of a row, and taking it apart to
 * write it anew would cost more than the rest.
 */
function triesOf({ tries, judgements }: CallRecord, withContent: boolean): Buffer {
  const judged = judgements.values();
  const objects = tries.map((one) => {
    const { id, engine, ms, fault, usage, request, reply } = one;
    const judgement = fault === undefined ? judged.next().value : undefined;
    const facts = JSON.stringify({ id, engine, ms: hundredths(ms), fault, judgement, usage });
    const parts: JsonText[] = [facts.slice(0, -1)];
    if (withContent && !isRepeated(one, tries[0])) parts.push(',"request":', request);
    if (withContent && reply.length > 0) {
      parts.push(',"reply":', typeof reply === 'string' ? JSON.stringify(reply) : reply);
    }
    return [...parts, '}'];
  });
  const parts = objects.flatMap((object, index) => [index === 0 ? '[' : ',', ...object]);
  return Buffer.concat([...parts, ']'].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

/** Whether a request is the first one again: the engine's id is all that differs. */
function isRepeated(one: TryReport, first: TryReport | undefined): boolean {
  if (one === first) return true;
  return first !== undefined && withoutId(one) === withoutId(first);
}

function withoutId({ id, request }: TryReport): string {
  return request.toString().replace(id, '');
}

/** The moment that a UUIDv7 tells: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
export function startOf(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}

/** Milliseconds to two places; the clock has more of them than anybody measures. */
function hundredths(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 100) / 100;
}

/** An engine may count as it likes; the column is an integer of 32 bits. */
function storableCount(tokens: number): number {
  return Math.min(tokens, 2_147_483_647);
}

/** The facts as JSON; what PostgreSQL's texts cannot hold stays what it is in the JSON columns alone. */
function storable(row: Facts): string {
  const text = JSON.stringify(row);
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return text;
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'string' ? storableText(value) : value,
  );
}
