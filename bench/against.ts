// `npm run bench -- --against FOLDER`: this build and another one, measured in one run. They take turns on the same core,
// and the ratio is taken pair by pair, so that a machine that gets slower or faster meanwhile hardly moves it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { load, type Round } from './load.ts';
import { median, requirePrograms } from './machine.ts';
import { type Question, step, streamedReport, streamedV1, v1 } from './questions.ts';
import { CHUNKS, EVERY_MS, FIELDS, read, startDrip, type StreamRound, TOKENS } from './streams.ts';
import { printTable } from './table.ts';
import type { Target, Targets } from './targets.ts';
import { startUpstream } from './upstream.ts';

/** The other build, and how the two are compared. */
export interface Against {
  /** What starts services of the other build, each in front of a database that only that build uses. */
  readonly old: Targets;
  readonly pairs: number;
  /** Seconds of load on each build, in turns, before the first pair. */
  readonly warmUpSeconds: number;
}

/** The sections in which two builds can be compared. */
export const COMPARISONS: Readonly<Record<string, (bench: Bench, against: Against) => Promise<void>>> = {
  step: (bench, against) => compareCalls('step', 'A structured step, asked whole', step, bench, against),
  v1: (bench, against) => compareCalls('v1', '/v1/chat/completions, asked whole', v1, bench, against),
  streams: async (bench, against) => {
    await compareStreams('report by fields', streamedReport, FIELDS, bench, against);
    await compareStreams('v1 streamed', streamedV1, CHUNKS, bench, against);
  },
};

/** @returns the sentence that says why a folder cannot be compared with; undefined: it can */
export function whyNotAgainst(folder: string): string | undefined {
  if (!existsSync(join(folder, 'package.json')))
    return `--against takes the folder of another checkout; ${folder} has no package.json.`;
  if (!existsSync(join(folder, 'dist')) || !existsSync(join(folder, 'node_modules')))
    return `${folder} is not built: run "npm ci && npm run build" there.`;
  return undefined;
}

/** One figure of a build in a pair. */
interface Figure<R> {
  readonly name: string;
  readonly digits: number;
  readonly of: (turns: readonly R[]) => number;
}

const middle =
  <R>(pick: (turn: R) => number) =>
  (turns: readonly R[]): number =>
    median(turns.map(pick));

function total<R>(turns: readonly R[], pick: (turn: R) => number): number {
  return turns.reduce((sum, turn) => sum + pick(turn), 0);
}

/**
 * CPU comes first: of all figures it depends least on what else the machine does. It is a sum over a sum, so that a turn
 * in which the disk stood still, with few calls or none, counts little.
 */
const CALLS: readonly Figure<Round>[] = [
  {
    name: 'CPU µs/call',
    digits: 1,
    of: (turns) => total(turns, (turn) => turn.cpuMicroseconds) / total(turns, (turn) => turn.requests),
  },
  { name: 'requests/s', digits: 0, of: middle((turn) => turn.requestsPerSecond) },
  { name: 'p50 ms', digits: 2, of: middle((turn) => turn.p50Ms) },
  { name: 'p99 ms', digits: 2, of: middle((turn) => turn.p99Ms) },
  { name: 'RSS MiB', digits: 0, of: middle((turn) => turn.rssMiB) },
];

const STREAMS: readonly Figure<StreamRound>[] = [
  {
    name: 'CPU µs/event',
    digits: 1,
    of: (turns) => total(turns, (turn) => turn.cpuMicroseconds) / total(turns, (turn) => turn.events),
  },
  { name: 'events/s', digits: 0, of: middle((turn) => turn.eventsPerSecond) },
  { name: 'pieces/event', digits: 2, of: middle((turn) => turn.piecesPerEvent) },
  { name: 'first text ms', digits: 2, of: middle((turn) => turn.firstMs) },
  { name: 'RSS MiB', digits: 0, of: middle((turn) => turn.rssMiB) },
];

async function compareCalls(
  name: string,
  title: string,
  question: Question,
  bench: Bench,
  against: Against,
): Promise<void> {
  requirePrograms('nginx', 'wrk', 'taskset');
  const { connections } = bench;
  const upstream = await startUpstream();
  try {
    const pairs = await measure<Round>(bench, against, {
      name,
      engine: upstream.stepUrl,
      question,
      turnSeconds: 1,
      takeTurn: (target) => load(target, { connections, seconds: 1 }),
    });
    print(`${title}, ${connections} connections`, CALLS, pairs);
  } finally {
    await upstream.stop();
  }
}

async function compareStreams(
  name: string,
  question: Question,
  texts: typeof FIELDS,
  bench: Bench,
  against: Against,
): Promise<void> {
  requirePrograms('taskset');
  const { connections } = bench;
  const { engine, url } = await startDrip(TOKENS, EVERY_MS);
  try {
    const pairs = await measure<StreamRound>(bench, against, {
      name,
      engine: url,
      question,
      // Streams begin for one second, and each is read to its end.
      turnSeconds: 2,
      takeTurn: (target) => read({ ...target, ...texts }, TOKENS, connections, 1),
    });
    print(
      `Streams of ${TOKENS} tokens, ${EVERY_MS} ms apart, ${connections} at once: ${name}`,
      STREAMS,
      pairs,
    );
  } finally {
    await engine.stop();
  }
}

/** What both builds do. */
interface Work<R> {
  readonly name: string;
  readonly engine: string;
  readonly question: Question;
  /**
   * Roughly how long a turn takes. Turns are short so that other work on the machine falls on both builds, and so that
   * V8 has no time to give memory back or to let compiled code go while a build waits for its turn.
   */
  readonly turnSeconds: number;
  readonly takeTurn: (target: Target) => R;
}

/** What the turns of each build measured. */
interface Pair<R> {
  readonly fresh: readonly R[];
  readonly old: readonly R[];
}

/** Starts both builds in front of the same engine, warms them up, and measures them in turns. */
async function measure<R>(
  { targets, seconds }: Bench,
  against: Against,
  { name, engine, question, turnSeconds, takeTurn }: Work<R>,
): Promise<Pair<R>[]> {
  try {
    const fresh = await targets.service(`${name}, new`, engine, question);
    const old = await against.old.service(`${name}, old`, engine, question);
    let isNewFirst = false;
    const turnsFor = (duration: number): Pair<R> => {
      const pair = { fresh: [] as R[], old: [] as R[] };
      for (let turns = Math.ceil(duration / turnSeconds); turns > 0; turns--) {
        if (isNewFirst) pair.fresh.push(takeTurn(fresh));
        pair.old.push(takeTurn(old));
        if (!isNewFirst) pair.fresh.push(takeTurn(fresh));
        isNewFirst = !isNewFirst;
      }
      return pair;
    };
    turnsFor(against.warmUpSeconds);
    return Array.from({ length: against.pairs }, () => turnsFor(seconds));
  } finally {
    await targets.stopAll();
    await against.old.stopAll();
  }
}

function print<R extends { readonly errors: number }>(
  title: string,
  figures: readonly Figure<R>[],
  pairs: readonly Pair<R>[],
): void {
  const errors = (build: keyof Pair<R>) =>
    total(
      pairs.flatMap((pair) => pair[build]),
      (turn) => turn.errors,
    );
  printTable(
    title,
    ['new', 'old', 'new/old', 'lowest', 'highest'],
    [
      ...figures.map(({ name, digits, of }) => {
        const byPair = (build: keyof Pair<R>) => pairs.map((pair) => of(pair[build]));
        const [fresh, old] = [byPair('fresh'), byPair('old')];
        const ratios = fresh.map((value, pair) => value / (old[pair] ?? NaN));
        return [
          name,
          ...[fresh, old].map((values) => median(values).toFixed(digits)),
          ...[median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(3)),
        ];
      }),
      ['errors', errors('fresh'), errors('old'), '', '', ''],
    ],
  );
}
