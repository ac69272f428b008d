import { spawnSync } from 'node:child_process';
import type { Bench } from './bench.ts';
import { startDatabase } from './database.ts';
import { MEASURED_CORE, median, NODE, requirePrograms } from './machine.ts';
import { printTable } from './table.ts';

/** The call log alone: rows of structured steps, written by one process on one core in group commits. */
export async function benchLog({ rounds, seconds }: Bench): Promise<void> {
  requirePrograms('taskset');
  const database = await startDatabase();
  let rates: number[];
  try {
    rates = Array.from({ length: rounds }, () => writeFor(seconds, database.env));
  } finally {
    await database.stop();
  }
  printTable(
    'Rows written to the call log, nothing else, each on disk before it counts; after two seconds that do not count',
    ['rows/s, median', 'slowest round'],
    [['call log', median(rates).toFixed(0), Math.min(...rates).toFixed(0)]],
  );
}

/** @returns rows per second */
function writeFor(seconds: number, env: NodeJS.ProcessEnv): number {
  const { stdout, status } = spawnSync(
    'taskset',
    ['-c', String(MEASURED_CORE), NODE, 'bench/log-writer.ts', String(seconds)],
    { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Error('The writer of rows failed.');
  return Number(stdout);
}
