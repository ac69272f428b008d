// Writes rows of the call log as fast as they are taken, for some seconds, and prints how many a second:
// `node bench/log-writer.ts SECONDS`, with DATABASE_URL.
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import type * as Writer from '../src/calls/call-writer.js';
import type * as Commit from '../src/calls/group-commit.js';
import type { CallRow } from '../src/calls/call-row.js';
import type * as Migrate from '../src/database/migrate.js';
import type { Tables } from '../src/database/tables.js';
import { step } from './questions.ts';
import { wholeStep } from './replies.ts';

const built = (path: string): string => `../dist/${path}`;
const { writeCalls } = (await import(built('calls/call-writer.js'))) as typeof Writer;
const { GroupCommit } = (await import(built('calls/group-commit.js'))) as typeof Commit;
const { migrate } = (await import(built('database/migrate.js'))) as typeof Migrate;

const QUESTION =
  '면접관: 느린 쿼리를 어떻게 찾고 개선하셨나요?\n지원자: 슬로우 쿼리 로그에서 1초 넘는 쿼리를 모읍니다.';

/** Rows that wait at once, as many as calls that end in the same moment under heavy load. */
const AT_ONCE = 1000;

const instance = randomUUID();
const reply = wholeStep();
const request = JSON.stringify({ ...step.body, contract: reply });
const tries = JSON.stringify([{ engine: 'http://gpu-1:30000', ms: 812.4, judgement: 'strict', reply }]);
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 2 });
await migrate(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }));
const commits = new GroupCommit<CallRow>(
  { writers: 2, joinAt: 100, items: 500, weight: Infinity, weigh: () => 0 },
  async (rows) => {
    await writeCalls(pool, rows, 30_000);
    return new Map();
  },
);

const until = performance.now() + Number(process.argv[2]) * 1000;
const startedAt = performance.now();
let rows = 0;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (performance.now() < until) {
      await commits.add(row());
      rows++;
    }
  }),
);
console.log(((rows / (performance.now() - startedAt)) * 1000).toFixed(0));
await pool.end();

function row(): CallRow {
  const id = randomUUIDv7();
  const facts = JSON.stringify({
    id,
    started_at: new Date(),
    ended_at: new Date(),
    instance_id: instance,
    outcome: 'ok',
    request_id: id,
    task: 'interview_step',
    lane: 'live',
    interview_id: 'iv-1',
    turn: 1,
    tags: [],
    model_asked: 'Qwen/Qwen3-32B',
    model_served: 'Qwen/Qwen3-32B',
    provider: 'sglang',
    engine: 'http://gpu-1:30000',
    streamed: false,
    rung: 'strict',
    attempts: 1,
    resets: 0,
    prompt_tokens: 420,
    completion_tokens: 220,
    wasted_tokens: 0,
    queue_ms: 0.3,
    engine_ms: 812.4,
    total_ms: 813.1,
    question: QUESTION,
  });
  return { id, outcome: 'ok', facts, request, reply, tries };
}
