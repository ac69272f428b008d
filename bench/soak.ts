// `npm run soak`: many calls, some of which meet a failing engine. Memory must stay flat and no socket may be left.
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool, request } from 'undici';
import { freePort } from '../scripts/free-port.ts';
import { MEASURED_CORE, median, OTHER_CORE, Pinned, requirePrograms, SERVICE } from './machine.ts';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '200000' },
    connections: { type: 'string', default: '32' },
  },
});
const calls = Number(values.calls);
const connections = Number(values.connections);

const BATCHES = 20;
const perBatch = Math.ceil(calls / BATCHES);

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

/** Idle connections are given up after 4 s by the service and 5 s by the stub. */
const SOCKETS_WITHIN_MS = 20_000;

const ROUTES = ['/api/feedback', '/api/interview/step', '/api/report'];
const BODY = JSON.stringify({
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
});

requirePrograms('taskset');

const [enginePort, port] = [await freePort(), await freePort()];
const engineUrl = `http://127.0.0.1:${enginePort}`;
const engine = await Pinned.start(
  OTHER_CORE,
  [
    process.execPath,
    'dist/engine/stub/main.js',
    '--model',
    'Qwen/Qwen3-32B',
    '--port',
    String(enginePort),
    '--control',
  ],
  `${engineUrl}/ready`,
);
const url = `http://127.0.0.1:${port}`;
const service = await Pinned.start(MEASURED_CORE, SERVICE, `${url}/health/ready`, {
  APP_HOST: '127.0.0.1',
  APP_PORT: String(port),
  ENGINE: 'stub',
  ENGINE_URLS: engineUrl,
  LOG_LEVEL: 'ERROR',
});

const statuses = new Map<number, number>();
const memory: number[] = [];
const socketsBefore = service.sockets;
const pool = new Pool(url, { connections });
let sent = 0;

for (let batch = 0; batch < BATCHES; batch++) {
  await scriptFaults(batch);
  const end = Math.min(calls, sent + perBatch);
  await Promise.all(Array.from({ length: connections }, () => callUntil(end)));
  memory.push(service.rssMiB);
  console.log(`${sent} calls, ${memory.at(-1)?.toFixed(0)} MiB, ${service.sockets} sockets`);
}
await pool.close();

const quarter = BATCHES / 4;
const early = median(memory.slice(quarter, 2 * quarter));
const late = median(memory.slice(3 * quarter));
const answered = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
console.log(`\nReplies by status: ${answered.join(', ')}`);
console.log(`Memory: ${early.toFixed(0)} MiB in the second quarter, ${late.toFixed(0)} MiB in the last.`);
const left = await socketsLeft();
console.log(`Sockets: ${socketsBefore} before, ${left} after.`);
await service.stop();
await engine.stop();

const failures = [
  late > early * MAX_GROWTH && 'memory grew',
  left > socketsBefore && 'sockets were left open',
  (statuses.get(500) ?? 0) > 0 && 'the service itself failed',
].filter((failure) => failure !== false);
if (failures.length > 0) {
  console.error(`The soak failed: ${failures.join(', ')}.`);
  process.exitCode = 1;
}

async function scriptFaults(batch: number): Promise<void> {
  const script = Array.from({ length: perBatch }, (_, index) =>
    index % FAULT_EVERY === 0 ? FAULTS[(batch + index / FAULT_EVERY) % FAULTS.length] : { kind: 'reply' },
  );
  const { body } = await request(`${engineUrl}/control/script`, {
    method: 'POST',
    body: JSON.stringify(script),
  });
  await body.dump();
}

async function callUntil(end: number): Promise<void> {
  while (sent < end) {
    const path = ROUTES[sent++ % ROUTES.length] ?? '';
    const { statusCode, body } = await pool.request({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BODY,
    });
    await body.dump();
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
  }
}

async function socketsLeft(): Promise<number> {
  const until = performance.now() + SOCKETS_WITHIN_MS;
  while (service.sockets > socketsBefore && performance.now() < until) await delay(200);
  return service.sockets;
}
