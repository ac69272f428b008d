import { type Bench, interleaved } from './bench.ts';
import { load, type Round } from './load.ts';
import { median, requirePrograms } from './machine.ts';
import { report, step, v1 } from './questions.ts';
import { printTable } from './table.ts';
import type { Target } from './targets.ts';
import { startUpstream } from './upstream.ts';

/** A structured step, asked whole: under load, and over one connection beside the engine itself. */
export async function benchStep(bench: Bench): Promise<void> {
  requirePrograms('nginx', 'wrk', 'taskset');
  const upstream = await startUpstream();
  const { stepUrl } = upstream;
  const { targets, connections } = bench;
  const quiet = await targets.service('step', stepUrl, step);
  const proxy = await targets.bareProxy(stepUrl, step);
  const loud = await targets.service('step, LOG_LEVEL=INFO', stepUrl, step, { LOG_LEVEL: 'INFO' });
  print(
    `A structured step, asked whole, ${connections} connections`,
    measure([proxy, quiet, loud], bench, connections),
  );

  const direct: Target = {
    name: 'engine without anything',
    url: `${stepUrl}/v1/chat/completions`,
    body: step.body,
    process: undefined,
  };
  const single = measure([direct, proxy, quiet], bench, 1);
  print('The same over one connection', single);
  const p50 = ({ name }: Target) => median(single.get(name)?.map((round) => round.p50Ms) ?? []);
  console.log(`\nAdded at the median: ${(p50(quiet) - p50(direct)).toFixed(2)} ms.`);
  await targets.stopAll();
  await upstream.stop();
}

/** A report that the engine streams and the caller gets whole. */
export async function benchReport(bench: Bench): Promise<void> {
  requirePrograms('nginx', 'wrk', 'taskset');
  const upstream = await startUpstream();
  const { targets, connections } = bench;
  const both = [
    await targets.bareProxy(upstream.reportUrl, report),
    await targets.service('report', upstream.reportUrl, report),
  ];
  print(
    `A report, streamed by the engine in ${upstream.reportTokens} tokens and answered whole, ${connections} connections`,
    measure(both, bench, connections),
  );
  await targets.stopAll();
  await upstream.stop();
}

/** OpenAI's own route, asked whole. */
export async function benchV1(bench: Bench): Promise<void> {
  requirePrograms('nginx', 'wrk', 'taskset');
  const upstream = await startUpstream();
  const { targets, connections } = bench;
  const both = [
    await targets.bareProxy(upstream.stepUrl, v1),
    await targets.service('v1', upstream.stepUrl, v1),
  ];
  print(`/v1/chat/completions, asked whole, ${connections} connections`, measure(both, bench, connections));
  await targets.stopAll();
  await upstream.stop();
}

function measure(targets: readonly Target[], bench: Bench, connections: number): Map<string, Round[]> {
  return interleaved(targets, bench, (target, seconds) => load(target, { connections, seconds }));
}

/** The first target is the yardstick. */
function print(title: string, results: Map<string, Round[]>): void {
  const rates = [...results.values()].map((rounds) => median(rounds.map((round) => round.requestsPerSecond)));
  printTable(
    title,
    ['requests/s', 'ratio', 'p50 ms', 'p99 ms', 'CPU µs/call', 'RSS MiB', 'errors'],
    [...results].map(([name, rounds], index) => {
      const of = (pick: (round: Round) => number) => median(rounds.map(pick));
      const rate = rates[index] ?? NaN;
      return [
        name,
        rate.toFixed(0),
        (rate / (rates[0] ?? NaN)).toFixed(2),
        of((round) => round.p50Ms).toFixed(2),
        of((round) => round.p99Ms).toFixed(2),
        of((round) => round.cpuMicrosecondsPerCall).toFixed(0),
        of((round) => round.rssMiB).toFixed(0),
        rounds.reduce((sum, round) => sum + round.errors, 0),
      ];
    }),
  );
}
