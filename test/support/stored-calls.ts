import { randomBytes } from 'node:crypto';
import type { Insertable } from 'kysely';
import { Client } from 'pg';
import { startOf } from '../../src/calls/call-id.js';
import type { CallsTable } from '../../src/call-store/calls-table.js';
import { DatabaseService } from '../../src/database/database.service.js';
import type { TestService } from './service.js';

/** A row of the call log, to be written. */
export type NewCall = Insertable<CallsTable>;

/** A UUIDv7 that no other test has. */
export function idAt(moment: string | number): string {
  const digits = new Date(moment).getTime().toString(16).padStart(12, '0');
  const tail = randomBytes(10).toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8)}-7${tail.slice(1, 4)}-8${tail.slice(5, 8)}-${tail.slice(8)}`;
}

/** A call that was answered, with these facts instead of the usual ones. */
export function callAt(moment: string | number, facts: Partial<NewCall> = {}): NewCall {
  const id = idAt(moment);
  return {
    id,
    started_at: startOf(id),
    ended_at: startOf(id),
    instance_id: '019aa5a5-0000-7000-8000-000000000000',
    outcome: 'ok',
    request_id: 'req-0042',
    task: 'chat_message',
    lane: 'interactive',
    tags: [],
    model_asked: 'model-asked',
    model_served: 'model-served',
    provider: 'stub',
    streamed: false,
    attempts: 1,
    resets: 0,
    prompt_tokens: 100,
    completion_tokens: 18,
    wasted_tokens: 0,
    total_ms: 120,
    ...facts,
  };
}

/** Writes rows into the service's call log. */
export async function storeCalls(service: TestService, calls: readonly NewCall[]): Promise<void> {
  await service.app.get(DatabaseService).db.insertInto('calls').values(calls).execute();
}

/** Removes what a test has written; its service may be gone by then. */
export async function removeCalls(column: 'instance_id' | 'user_id', value: string): Promise<void> {
  const client = new Client(process.env.TEST_DATABASE_URL);
  await client.connect();
  await client.query(`delete from calls where ${column} = $1`, [value]);
  await client.end();
}

/** A moment of which no other test has calls, milliseconds since 1970. */
export function ownMoment(): number {
  const DAY_MS = 86_400_000;
  return Date.UTC(1980, 0) + Math.floor((randomBytes(4).readUInt32LE() / 2 ** 32) * 10_000) * DAY_MS;
}
