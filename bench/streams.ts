import { execFileSync } from 'node:child_process';
import { freePort } from '../scripts/free-port.ts';
import { type Bench, interleaved } from './bench.ts';
import { median, NODE, OTHER_CORE, Pinned, requirePrograms } from './machine.ts';
import { type Question, streamedReport, streamedV1 } from './questions.ts';
import type { Reading } from './reader.ts';
import { printTable } from './table.ts';
import type { Target } from './targets.ts';

/** Tokens of a stream, and the milliseconds between two of them: the speed of an engine with much to do. */
export const TOKENS = 200;
export const EVERY_MS = 5;

/** The same where only the first matters. */
const FEW_TOKENS = 8;
const BRIEFLY_MS = 1;

/** A target whose streams are read, and how their first text and their good end are known. */
interface Streaming extends Target {
  readonly first: string;
  readonly last: string;
}

/** Events of the service's own routes, and those of OpenAI's, where the content of a report begins with a brace. */
export const FIELDS = { first: 'event: field.delta', last: 'event: result' };
export const CHUNKS = { first: '"content":"{', last: 'data: [DONE]' };

/** What one round of streams measured. */
export interface StreamRound {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly cpuMicrosecondsPerEvent: number;
  /** 1 where every event of the engine came by itself. */
  readonly piecesPerEvent: number;
  readonly firstMs: number;
  readonly rssMiB: number;
  readonly errors: number;
}

/** Streams whose every event comes by itself: what an event costs, and what is added to the first. */
export async function benchStreams(bench: Bench): Promise<void> {
  requirePrograms('taskset');
  const { targets, connections } = bench;
  const { engine, url } = await startDrip(TOKENS, EVERY_MS);
  const cost = interleaved(await proxies(bench, url), bench, (target, seconds) =>
    read(target, TOKENS, connections, seconds),
  );
  await targets.stopAll();
  await engine.stop();
  printCost(`Streams of ${TOKENS} tokens, ${EVERY_MS} ms apart, ${connections} at once`, cost);

  const brief = await startDrip(FEW_TOKENS, BRIEFLY_MS);
  const direct = { ...engineItself(brief.url, streamedV1), ...CHUNKS };
  const first = interleaved([direct, ...(await proxies(bench, brief.url))], bench, (target, seconds) =>
    read(target, FEW_TOKENS, 1, seconds),
  );
  await targets.stopAll();
  await brief.engine.stop();
  printFirst('Milliseconds from the request to the first text, one stream at a time', first);
}

/** The yardstick comes first. */
async function proxies({ targets }: Bench, engine: string): Promise<Streaming[]> {
  return [
    { ...(await targets.bareProxy(engine, streamedV1)), ...CHUNKS },
    { ...(await targets.service('report by fields', engine, streamedReport)), ...FIELDS },
    { ...(await targets.service('v1 streamed', engine, streamedV1)), ...CHUNKS },
  ];
}

function engineItself(url: string, { body }: Question): Target {
  return { name: 'engine without anything', url: `${url}/v1/chat/completions`, body, process: undefined };
}

export async function startDrip(tokens: number, everyMs: number): Promise<{ engine: Pinned; url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const options = ['--port', String(port), '--tokens', String(tokens), '--every-ms', String(everyMs)];
  const engine = await Pinned.start(OTHER_CORE, [NODE, 'bench/drip.ts', ...options], `${url}/ready`);
  return { engine, url };
}

export function read(target: Streaming, tokens: number, connections: number, seconds: number): StreamRound {
  const { process, url, body, first, last } = target;
  const options = { url, body: JSON.stringify(body), first, last, connections, seconds };
  const cpuBefore = process?.cpuMicroseconds ?? 0;
  const startedAt = performance.now();
  const output = execFileSync('taskset', [
    ...['-c', String(OTHER_CORE), NODE, 'bench/reader.ts'],
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
  ]);
  const took = (performance.now() - startedAt) / 1000;
  const cpu = (process?.cpuMicroseconds ?? 0) - cpuBefore;
  const { streams, pieces, firstMs, errors } = JSON.parse(output.toString()) as Reading;
  const events = streams * tokens;
  return {
    events,
    eventsPerSecond: events / took,
    cpuMicroseconds: cpu,
    cpuMicrosecondsPerEvent: cpu / events,
    piecesPerEvent: pieces / events,
    firstMs: median(firstMs),
    rssMiB: process?.rssMiB ?? 0,
    errors,
  };
}

function printCost(title: string, results: Map<string, StreamRound[]>): void {
  const costs = [...results.values()].map((rounds) =>
    median(rounds.map((round) => round.cpuMicrosecondsPerEvent)),
  );
  printTable(
    title,
    ['events/s', 'CPU µs/event', 'ratio', 'pieces/event', 'RSS MiB', 'errors'],
    [...results].map(([name, rounds], index) => {
      const of = (pick: (round: StreamRound) => number) => median(rounds.map(pick));
      const cost = costs[index] ?? NaN;
      return [
        name,
        of((round) => round.eventsPerSecond).toFixed(0),
        cost.toFixed(1),
        (cost / (costs[0] ?? NaN)).toFixed(2),
        of((round) => round.piecesPerEvent).toFixed(2),
        of((round) => round.rssMiB).toFixed(0),
        errorsOf(rounds),
      ];
    }),
  );
}

function printFirst(title: string, results: Map<string, StreamRound[]>): void {
  const p50s = [...results.values()].map((rounds) => median(rounds.map((round) => round.firstMs)));
  const [direct = NaN, proxy = NaN] = p50s;
  printTable(
    title,
    ['p50 ms', 'over the engine', 'over the bare proxy', 'errors'],
    [...results].map(([name, rounds], index) => {
      const p50 = p50s[index] ?? NaN;
      return [name, p50.toFixed(2), (p50 - direct).toFixed(2), (p50 - proxy).toFixed(2), errorsOf(rounds)];
    }),
  );
}

function errorsOf(rounds: readonly StreamRound[]): number {
  return rounds.reduce((sum, round) => sum + round.errors, 0);
}
