import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { load } from './load.ts';
import { MEASURED_CORE, median, NODE, requirePrograms } from './machine.ts';
import { printTable } from './table.ts';
import { type StaticUpstream, startUpstream } from './upstream.ts';

const CLIENT = 'dist/client/main.js';

/** Times that the help is asked for. */
const STARTS = 10;

/** Results of a run whose rate counts: so many that the start and the compiling of what is hot are a small part of it. */
const RATE_RESULTS = 600_000;

/** Results by which memory has become what it stays. */
const EARLY_RESULTS = 100_000;

const POLL_MS = 100;

const LINE_FEED = 0x0a;

const PROMPT =
  '면접관: 느린 쿼리를 어떻게 찾고 개선하셨나요? 지원자: 슬로우 쿼리 로그에서 실행 계획을 봅니다.';

/** What one run of the client took. */
interface ClientRun {
  readonly seconds: number;
  /** Resident memory in MiB by the share of the results that was written. */
  readonly memory: readonly { readonly share: number; readonly rssMiB: number }[];
}

/** The command-line client: its start, its rate beside that of wrk on the same core, and its memory. */
export async function benchClient(bench: Bench): Promise<void> {
  requirePrograms('nginx', 'wrk', 'taskset');
  printStart();
  const folder = mkdtempSync(join(tmpdir(), 'llm-service-bench-client-'));
  const upstream = await startUpstream();
  await printRate(bench, upstream, folder, 'the upstream on another core');
  await printMemory(bench, upstream, folder);
  await upstream.stop();
  const neighbour = await startUpstream(MEASURED_CORE);
  await printRate(bench, neighbour, folder, 'the upstream on the same core');
  await neighbour.stop();
  rmSync(folder, { recursive: true });
}

function printStart(): void {
  const times = Array.from({ length: STARTS }, () => {
    const startedAt = performance.now();
    execFileSync('taskset', ['-c', String(MEASURED_CORE), NODE, CLIENT, '--help']);
    return (performance.now() - startedAt) / 1000;
  });
  printTable(
    'From the command to the end of its --help',
    ['median s', 'slowest s'],
    [['client --help', median(times).toFixed(3), Math.max(...times).toFixed(3)]],
  );
}

async function printRate(
  bench: Bench,
  upstream: StaticUpstream,
  folder: string,
  where: string,
): Promise<void> {
  const { rounds, seconds, connections } = bench;
  const prompts = await promptFile(folder, RATE_RESULTS);
  const target = {
    name: 'wrk',
    url: `${upstream.stepUrl}/v1/chat/completions`,
    body: { messages: [{ role: 'user', content: PROMPT }] },
    process: undefined,
  };
  const [wrk, loop, client]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    wrk.push(load(target, { connections, seconds, core: MEASURED_CORE }).requestsPerSecond);
    loop.push(RATE_RESULTS / runLoop(upstream, connections));
    const run = await runClient(bench, upstream, { folder, prompts, results: RATE_RESULTS });
    client.push(RATE_RESULTS / run.seconds);
  }
  const row = (name: string, rates: readonly number[]) => [
    name,
    median(rates).toFixed(0),
    (median(rates) / median(wrk)).toFixed(2),
  ];
  printTable(
    `${RATE_RESULTS} prompts to /v1/chat/completions, ${connections} at once, start and results on disk included; ${where}`,
    ['requests/s', 'ratio'],
    [row('wrk', wrk), row('undici alone', loop), row('client generate', client)],
  );
}

/** @returns seconds */
function runLoop({ stepUrl }: StaticUpstream, connections: number): number {
  const startedAt = performance.now();
  const args = [stepUrl, PROMPT, String(connections), String(RATE_RESULTS)];
  execFileSync('taskset', ['-c', String(MEASURED_CORE), NODE, 'bench/undici-loop.ts', ...args]);
  return (performance.now() - startedAt) / 1000;
}

async function printMemory(bench: Bench, upstream: StaticUpstream, folder: string): Promise<void> {
  const { results } = bench;
  const prompts = await promptFile(folder, results);
  const { memory } = await runClient(bench, upstream, { folder, prompts, results });
  const after = memory.filter(({ share }) => share * results >= EARLY_RESULTS);
  const [first, last] = [after[0]?.rssMiB ?? NaN, after.at(-1)?.rssMiB ?? NaN];
  printTable(
    'Resident memory of the client, MiB',
    [`at ${EARLY_RESULTS}`, `at ${results}`, 'most'],
    [
      [
        `${results} results`,
        first.toFixed(0),
        last.toFixed(0),
        Math.max(...memory.map(({ rssMiB }) => rssMiB)).toFixed(0),
      ],
    ],
  );
}

async function promptFile(folder: string, count: number): Promise<string> {
  const path = join(folder, `${count}.txt`);
  await pipeline(Readable.from(lines(count)), createWriteStream(path));
  return path;
}

function* lines(count: number): Generator<string> {
  for (let line = 0; line < count; line++) yield `${PROMPT}\n`;
}

async function runClient(
  { connections, profiles }: Bench,
  { stepUrl }: StaticUpstream,
  {
    folder,
    prompts,
    results,
  }: { readonly folder: string; readonly prompts: string; readonly results: number },
): Promise<ClientRun> {
  const output = join(folder, 'results.jsonl');
  const profile = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const args = ['generate', '--chat', '--url', stepUrl, '--prompt-file', prompts, '--output', output];
  const startedAt = performance.now();
  const child = spawn(
    'taskset',
    ['-c', String(MEASURED_CORE), NODE, ...profile, CLIENT, ...args, '--concurrent', String(connections)],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const samples = await samplesOf(child, output);
  const [code] = (await ended) as [number | null];
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(`The client ended with ${code}.`);
  const { size } = statSync(output);
  if ((await linesIn(output)) !== results) throw new Error('Results are missing.');
  rmSync(output);
  return { seconds, memory: samples.map(({ bytes, rssMiB }) => ({ share: bytes / size, rssMiB })) };
}

/** A million results are more than one text can hold. */
async function linesIn(path: string): Promise<number> {
  let count = 0;
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>)
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}

/** Memory and size of the output, looked at until the process ends. */
async function samplesOf(
  child: ChildProcess,
  output: string,
): Promise<{ readonly bytes: number; readonly rssMiB: number }[]> {
  const samples: { bytes: number; rssMiB: number }[] = [];
  while (child.exitCode === null) {
    const status = statusOf(child.pid ?? 0);
    const rss = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    if (rss !== undefined)
      samples.push({
        bytes: statSync(output, { throwIfNoEntry: false })?.size ?? 0,
        rssMiB: Number(rss) / 1024,
      });
    await delay(POLL_MS);
  }
  return samples;
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    // It ended since it was looked at.
    return '';
  }
}
