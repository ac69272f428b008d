import type { ColumnType, Generated } from 'kysely';

/** A point in time; read as a date, written as one or as ISO 8601. */
type Timestamp = ColumnType<Date, Date | string, Date | string>;

/**
 * Bytes of a call's row up to which its texts stay in it as they are: three such rows fill a page of 8 KiB. Of a larger one
 * the largest are compressed and, where that is not enough, put elsewhere. By itself PostgreSQL does so from a quarter of a
 * page on, which for the row of a short call takes it as long as all the rest of writing it.
 */
export const ROW_TARGET_BYTES = 2712;

/** How a call stands. Only `running` and `interrupted` may still change. */
export type StoredOutcome = 'running' | 'ok' | 'failed' | 'cancelled' | 'interrupted';

/** One call; docs/logs.md explains each column. */
export interface CallsTable {
  id: string;
  started_at: Timestamp;
  ended_at: Timestamp | null;
  instance_id: string;
  outcome: StoredOutcome;
  error_code: string | null;
  left_because: string | null;
  request_id: string;
  task: string;
  lane: string;
  interview_id: string | null;
  turn: number | null;
  user_id: string | null;
  tags: string[];
  key_name: string | null;
  prompt_version: string | null;
  prompt_hash: string | null;
  schema_hash: string | null;
  model_asked: string;
  model_served: string | null;
  provider: string;
  engine: string | null;
  streamed: boolean;
  rung: string | null;
  attempts: number;
  resets: number;
  prompt_tokens: number;
  completion_tokens: number;
  wasted_tokens: number;
  queue_ms: number | null;
  engine_ms: number | null;
  first_token_ms: number | null;
  first_field_ms: number | null;
  total_ms: number | null;
  question: string | null;
  answer: string | null;
  /** JSON texts: what was sent to the engine, what the caller got, each try. */
  request: string | null;
  reply: string | null;
  tries: string | null;
}

/** One running service; what is not seen for a while is dead. */
interface InstancesTable {
  id: string;
  host: string;
  version: string;
  started_at: Generated<Timestamp>;
  seen_at: Generated<Timestamp>;
}

/** Every table of the service's own schema. */
export interface Tables {
  calls: CallsTable;
  instances: InstancesTable;
}
