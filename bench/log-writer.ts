// Writes rows of the call log as fast as they are taken, for some seconds, and prints how many a second:
// `node bench/log-writer.ts SECONDS`, with DATABASE_URL. What is written in the seconds before is not counted: a new
// database makes files of its log of changes (WAL), and the code is compiled.
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import type * as Records from '../src/calls/call-record.js';
import type { CallRecord } from '../src/calls/call-record.js';
import type * as Rows from '../src/call-store/call-row.js';
import type { CallRow } from '../src/call-store/call-row.js';
import type * as Writer from '../src/call-store/call-writer.js';
import type * as Bounds from '../src/call-store/commit-bounds.js';
import type * as Commit from '../src/call-store/group-commit.js';
import type * as Days from '../src/call-store/upkeep/make-days.js';
import type * as Contexts from '../src/common/call-context.js';
import type * as Migrate from '../src/database/migrate.js';
import type { Tables } from '../src/database/tables.js';
import { step } from './questions.ts';
import { wholeStep } from './replies.ts';

const built = (path: string): string => `../dist/${path}`;
const contexts = (await import(built('common/call-context.js'))) as typeof Contexts;
const records = (await import(built('calls/call-record.js'))) as typeof Records;
const { callRow } = (await import(built('call-store/call-row.js'))) as typeof Rows;
const { writeCalls } = (await import(built('call-store/call-writer.js'))) as typeof Writer;
const { COMMIT_BOUNDS } = (await import(built('call-store/commit-bounds.js'))) as typeof Bounds;
const { GroupCommit } = (await import(built('call-store/group-commit.js'))) as typeof Commit;
const { makeDays } = (await import(built('call-store/upkeep/make-days.js'))) as typeof Days;
const { migrate } = (await import(built('database/migrate.js'))) as typeof Migrate;

/** Rows that wait at once, as many as calls that end in the same moment under heavy load. */
const AT_ONCE = 1000;

const WARM_UP_SECONDS = 2;

const MODEL = 'Qwen/Qwen3-32B';
const QUESTION =
  '면접관: 느린 쿼리를 어떻게 찾고 개선하셨나요?\n지원자: 슬로우 쿼리 로그에서 1초 넘는 쿼리를 모읍니다.';
const USAGE = { prompt_tokens: 420, completion_tokens: 220, total_tokens: 640 };
const WHOLE = wholeStep();
const { choices } = JSON.parse(WHOLE) as { choices: [{ message: { content: string } }] };
const REPLY = choices[0].message.content;
const ENGINE = {
  engine: 'http://gpu-1:30000',
  ms: 812.4,
  fault: undefined,
  usage: USAGE,
  request: Buffer.from(JSON.stringify({ ...step.body, contract: WHOLE })),
  reply: Buffer.from(WHOLE),
};

const instance = randomUUID();
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: COMMIT_BOUNDS.writers });
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
await migrate(db);
await makeDays(db, new Date());
const commits = new GroupCommit<CallRow>(COMMIT_BOUNDS, async (rows) => {
  await writeCalls(pool, rows, 30_000);
  return new Map();
});

await writeFor(WARM_UP_SECONDS);
console.log((await writeFor(Number(process.argv[2]))).toFixed(0));
await pool.end();

/** @returns rows per second */
async function writeFor(seconds: number): Promise<number> {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1000;
  let rows = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < until) {
        await commits.add(callRow(stepOver(), instance, true));
        rows++;
      }
    }),
  );
  return (rows / (performance.now() - startedAt)) * 1000;
}

/** A step that has its answer, as the service knows it then. */
function stepOver(): CallRecord {
  const callId = randomUUIDv7();
  const record = new records.CallRecord(
    { name: 'interview_step', lane: 'live' },
    false,
    new contexts.CallContext(callId, undefined, { interviewId: 'iv-1', turn: 1 }),
    {
      callId,
      model: MODEL,
      provider: 'sglang',
      attempts: 1,
      timing: { queue: 0.3, engine: 812.4, total: 813.1 },
    },
    { modelAsked: MODEL },
  );
  record.tries.push({ ...ENGINE, id: callId });
  record.judgements.push('strict');
  record.addTokens(USAGE);
  Object.assign(record.content, { question: QUESTION, reply: REPLY });
  record.outcome = 'ok';
  return record;
}
