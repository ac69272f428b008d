// `npm run bench`: the service on one core, a static engine and the load on the other, and beside it the least that
// a proxy in Node can do. Five rounds, interleaved, so that a drifting machine moves all of them alike; medians.
import { parseArgs } from 'node:util';
import { load, type Round } from './load.ts';
import { freePort } from '../scripts/free-port.ts';
import { MEASURED_CORE, median, NODE, Pinned, requirePrograms, SERVICE } from './machine.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '32' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);

requirePrograms('nginx', 'wrk', 'taskset');

const QUESTION = {
  system_prompt: '당신은 백엔드 개발자 면접관입니다. 한국어로 진행합니다. 준비된 질문을 순서대로 묻습니다.',
  user_prompt:
    '면접관: 느린 쿼리를 어떻게 찾고 개선하셨나요?\n지원자: 슬로우 쿼리 로그에서 1초 넘는 쿼리를 모으고 실행 계획을 봅니다.',
  interview_id: 'iv-1',
  turn: 1,
};

interface Target {
  readonly name: string;
  readonly url: string;
  readonly process: Pinned | undefined;
}

const upstream = await startUpstream();
const started: Pinned[] = [];

async function bareProxy(engine: string): Promise<Target> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const process = await Pinned.start(MEASURED_CORE, [NODE, 'bench/bare-proxy.ts', String(port), engine], url);
  started.push(process);
  return { name: 'bare proxy', url, process };
}

async function service(name: string, engine: string, path: string, env: NodeJS.ProcessEnv): Promise<Target> {
  const port = await freePort();
  const process = await Pinned.start(MEASURED_CORE, SERVICE, `http://127.0.0.1:${port}/health/ready`, {
    APP_HOST: '127.0.0.1',
    APP_PORT: String(port),
    ENGINE: 'sglang',
    ENGINE_URLS: engine,
    LOG_FORMAT: 'json',
    ...env,
  });
  started.push(process);
  return { name, url: `http://127.0.0.1:${port}${path}`, process };
}

function measure(targets: readonly Target[], atOnce: number): Map<string, Round[]> {
  const results = new Map(targets.map(({ name }) => [name, [] as Round[]]));
  for (const target of targets) load({ ...target, body: QUESTION }, { connections: atOnce, seconds: 2 });
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      results.get(target.name)?.push(load({ ...target, body: QUESTION }, { connections: atOnce, seconds }));
    }
  }
  return results;
}

function print(title: string, results: Map<string, Round[]>): void {
  console.log(`\n${title}\n`);
  console.log('|  | requests/s | ratio | p50 ms | p99 ms | CPU µs/call | RSS MiB | errors |');
  console.log('|---|---|---|---|---|---|---|---|');
  const yardstick = median([...results.values()][0]?.map((round) => round.requestsPerSecond) ?? []);
  for (const [name, own] of results) {
    const of = (pick: (round: Round) => number) => median(own.map(pick));
    const rate = of((round) => round.requestsPerSecond);
    const cells = [
      rate.toFixed(0),
      (rate / yardstick).toFixed(2),
      of((round) => round.p50Ms).toFixed(2),
      of((round) => round.p99Ms).toFixed(2),
      of((round) => round.cpuMicrosecondsPerCall).toFixed(0),
      of((round) => round.rssMiB).toFixed(0),
      own.reduce((sum, round) => sum + round.errors, 0),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

async function stopAll(): Promise<void> {
  for (const one of started.splice(0)) await one.stop();
}

console.log(
  `${rounds} rounds of ${seconds} s; the service and the bare proxy on one core, nginx and wrk on another.`,
);

const step = '/api/interview/step';
const quiet = { LOG_LEVEL: 'WARNING' };
const steps = [
  await bareProxy(upstream.stepUrl),
  await service('step, LOG_LEVEL=WARNING', upstream.stepUrl, step, quiet),
  await service('step, LOG_LEVEL=INFO', upstream.stepUrl, step, { LOG_LEVEL: 'INFO' }),
];
print(`A structured step, asked whole, ${connections} connections`, measure(steps, connections));

const direct: Target = {
  name: 'engine without anything',
  url: `${upstream.stepUrl}/v1/chat/completions`,
  process: undefined,
};
const single = measure([direct, ...steps.slice(0, 2)], 1);
print('The same over one connection', single);
const p50 = (name: string) => median(single.get(name)?.map((round) => round.p50Ms) ?? []);
console.log(`\nAdded at the median: ${(p50('step, LOG_LEVEL=WARNING') - p50(direct.name)).toFixed(2)} ms.`);
await stopAll();

const reports = [
  await bareProxy(upstream.reportUrl),
  await service('report, LOG_LEVEL=WARNING', upstream.reportUrl, '/api/report', quiet),
];
print(
  `A report, streamed from the engine in ${upstream.reportEvents} events, ${connections} connections`,
  measure(reports, connections),
);
await stopAll();
await upstream.stop();
