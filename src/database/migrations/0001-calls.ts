import { type Kysely, sql } from 'kysely';

/** Columns with texts of any length. */
const LARGE = ['question', 'answer', 'request', 'reply', 'tries'];

/** lz4 takes a fifth of pglz's time; not every server is built with it, the service's own is not. */
async function hasLz4(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select 'lz4' = any(enumvals) as found from pg_settings where name = 'default_toast_compression'`.execute(
    db,
  );
  return rows[0]?.found ?? false;
}

/**
 * The call log. Its id is a UUIDv7 and tells when the call began, so the table is cut into days by the id itself:
 * an id is unique over all days, and a row is found by it in one of them.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table instances (
      id uuid primary key,
      host text not null,
      version text not null,
      started_at timestamptz not null default now(),
      seen_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table calls (
      id uuid primary key,
      started_at timestamptz not null,
      ended_at timestamptz,
      instance_id uuid not null,
      outcome text not null check (outcome in ('running', 'ok', 'failed', 'cancelled', 'interrupted')),
      error_code text,
      left_because text,
      request_id text not null,
      task text not null,
      lane text not null,
      interview_id text,
      turn integer,
      user_id text,
      tags text[] not null,
      key_name text,
      prompt_version text,
      prompt_hash text,
      schema_hash text,
      model_asked text not null,
      model_served text,
      provider text not null,
      engine text,
      streamed boolean not null,
      rung text,
      attempts integer not null,
      resets integer not null,
      prompt_tokens integer not null,
      completion_tokens integer not null,
      wasted_tokens integer not null,
      queue_ms real,
      engine_ms real,
      first_token_ms real,
      first_field_ms real,
      total_ms real,
      question text,
      answer text,
      request json,
      reply json,
      tries json
    ) partition by range (id)`.execute(db);
  if (await hasLz4(db)) {
    for (const column of LARGE) {
      await sql`alter table calls alter column ${sql.ref(column)} set compression lz4`.execute(db);
    }
  }
  await sql`create table calls_other partition of calls default`.execute(db);
  await sql`create index calls_running on calls (instance_id) where outcome = 'running'`.execute(db);
  await sql`create index calls_interview on calls (interview_id, id) where interview_id is not null`.execute(
    db,
  );
  await sql`create index calls_user on calls (user_id, id) where user_id is not null`.execute(db);
  await sql`create index calls_failed on calls (id) where outcome in ('failed', 'interrupted')`.execute(db);
  await sql`
    create view llm_logs as
    select
      id,
      started_at as created_at,
      user_id,
      question as prompt,
      coalesce(answer, reply::text) as response,
      coalesce(model_served, model_asked) as model_version,
      total_ms as latency_ms,
      case outcome when 'ok' then 'success' when 'failed' then 'error' else outcome end as status
    from calls`.execute(db);
}
