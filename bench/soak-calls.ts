import { Pool } from 'undici';
import { median } from './machine.ts';
import { isMore, PROMPTS, type Stage, startStage } from './soak-stage.ts';

const BATCHES = 20;

/** One call in fifty meets one of these, in turn. */
const FAULT_EVERY = 50;
const FAULTS = [
  { kind: 'reset', after: 'request' },
  { kind: 'reset', after: 'half' },
  { kind: 'hang-up', after: 'headers' },
  { kind: 'status', status: 500 },
  { kind: 'html' },
  { kind: 'cut', missing: 'both' },
  { kind: 'reply', content: '{"score": "8"' },
  { kind: 'engine-error' },
];

/** Memory may grow by this share from the second quarter of the run to the last; below it is noise. */
const MAX_GROWTH = 1.1;

const ROUTES = ['/api/feedback', '/api/interview/step', '/api/report'];
const BODY = JSON.stringify(PROMPTS);

/**
 * Many calls, one in fifty of which meets a failing engine.
 * @returns what went wrong
 */
export async function soakCalls(options: { calls: number; connections: number }): Promise<string[]> {
  const { calls, connections } = options;
  const stage = await startStage();
  const pool = new Pool(stage.url, { connections });
  const statuses = new Map<number, number>();
  const memory: number[] = [];
  const perBatch = Math.ceil(calls / BATCHES);
  let sent = 0;

  const callUntil = async (end: number): Promise<void> => {
    while (sent < end) {
      const path = ROUTES[sent++ % ROUTES.length] ?? '';
      const headers = { 'content-type': 'application/json' };
      const { statusCode, body } = await pool.request({ path, method: 'POST', headers, body: BODY });
      await body.dump();
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
    }
  };

  for (let batch = 0; batch < BATCHES; batch++) {
    await scriptFaults(stage, batch, perBatch);
    const end = Math.min(calls, sent + perBatch);
    await Promise.all(Array.from({ length: connections }, () => callUntil(end)));
    memory.push(stage.service.rssMiB);
    console.log(`${sent} calls, ${memory.at(-1)?.toFixed(0)} MiB, ${stage.service.sockets} sockets`);
  }
  await pool.close();

  const quarter = BATCHES / 4;
  const early = median(memory.slice(quarter, 2 * quarter));
  const late = median(memory.slice(3 * quarter));
  const { before, after } = await stage.socketsLeft();
  await stage.stop();
  const answered = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
  console.log(`\nReplies by status: ${answered.join(', ')}.`);
  console.log(`Memory: ${early.toFixed(0)} MiB in the second quarter, ${late.toFixed(0)} MiB in the last.`);
  console.log(`Sockets: ${before.service} before, ${after.service} after.`);
  return [
    late > early * MAX_GROWTH && 'memory grew',
    isMore(after, before) && 'sockets were left open',
    (statuses.get(500) ?? 0) > 0 && 'the service itself failed',
  ].filter((failure) => failure !== false);
}

async function scriptFaults(stage: Stage, batch: number, count: number): Promise<void> {
  const fault = (index: number) => FAULTS[(batch + index / FAULT_EVERY) % FAULTS.length] ?? {};
  await stage.script(
    Array.from({ length: count }, (_, index) =>
      index % FAULT_EVERY === 0 ? fault(index) : { kind: 'reply' },
    ),
  );
}
