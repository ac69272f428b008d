// `npm run test:kill [-- --rounds 50 --seed N]`: kills the service under load, over and over, with its database killed, stopped
// and frozen in between. Every reply that a caller received whole must be in the call log, once and word for word.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Callers } from './callers.ts';
import { compare } from './compare.ts';
import { Random } from './random.ts';
import { Stage } from './stage.ts';

/** Callers at the same time: as many that rows are copied when they had to wait for a while. */
const CALLERS = 128;

/** Milliseconds after which a run is stuck, and the rest of them per round. */
const STUCK_AFTER_MS = 120_000;
const STUCK_PER_ROUND_MS = 12_000;

/** Milliseconds that rows may take from disk to the database once all is well. */
const DRAINED_WITHIN_MS = 60_000;

/** What happens to the database in a round; nothing in some of them. A stall is over before the service gives up on it. */
const FAULTS = ['none', 'stalled', 'killed', 'stopped at once', 'frozen'] as const;
type FaultKind = (typeof FAULTS)[number];

/** How often a database stalls in its round, and milliseconds between. */
const STALLS = 5;
const STALL_MS = 250;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed);
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  console.error('usage: npm run test:kill [-- --rounds 50 --seed N]');
  process.exit(2);
}

const startedAt = performance.now();
setTimeout(
  () => {
    console.error('The run is stuck.');
    process.exit(1);
  },
  STUCK_AFTER_MS + rounds * STUCK_PER_ROUND_MS,
).unref();

const random = new Random(seed);
console.log(`seed ${seed}`);
const stage = await Stage.start();
await stage.startService();
const callers = new Callers(stage.url, random, CALLERS);
const faults = new Map<FaultKind, number>();
let kills = 0;
for (let round = 0; round < rounds; round++) {
  const fault = random.oneOf(FAULTS);
  faults.set(fault, (faults.get(fault) ?? 0) + 1);
  await Promise.all([killService(random.between(200, 1800)), breakDatabase(fault)]);
}
// The last service is not killed: what it takes over and what it is asked itself must all arrive.
await stage.ready;
await delay(1000);
await callers.stop();
await drained();

const { lost, ...result } = await compare(callers.receipts, stage.database);
const { crashes, damagedFiles } = stage;
await stage.stop();
report();

async function killService(afterMs: number): Promise<void> {
  await delay(afterMs);
  await stage.killService();
  kills++;
  await stage.startService();
}

async function breakDatabase(fault: FaultKind): Promise<void> {
  const { database } = stage;
  await delay(random.between(0, 1800));
  if (fault === 'killed') await database.kill();
  else if (fault === 'stopped at once') await database.stopAtOnce();
  else if (fault === 'stalled') return stall();
  else if (fault === 'frozen') database.freeze();
  else return;
  await delay(fault === 'frozen' ? random.between(1000, 3000) : random.between(0, 2000));
  if (fault === 'frozen') database.thaw();
  else await database.up();
}

async function stall(): Promise<void> {
  for (let times = 0; times < STALLS; times++) {
    stage.database.freeze();
    await delay(STALL_MS);
    stage.database.thaw();
    await delay(STALL_MS);
  }
}

/** Waits until nothing waits on disk and nothing more arrives. */
async function drained(): Promise<void> {
  const until = performance.now() + DRAINED_WITHIN_MS;
  while (stage.spoolFiles > 0) {
    if (performance.now() > until) {
      console.error(`${stage.spoolFiles} files still wait on disk.`);
      return;
    }
    await delay(100);
  }
}

function report(): void {
  const kinds = callers.receipts.reduce(
    (counts, { kind }) => counts.set(kind, (counts.get(kind) ?? 0) + 1),
    new Map<string, number>(),
  );
  const told = (counts: ReadonlyMap<unknown, number>): string =>
    [...counts].map(([what, count]) => `${count} ${String(what)}`).join(', ') || 'none';
  const figures = {
    rounds,
    kills,
    'the database': told(faults),
    received: `${callers.receipts.length} (${told(kinds)})`,
    'cut or unanswered': callers.cut,
    'other statuses': told(callers.refused),
    'rows in all': result.rows,
    compared: result.compared,
    lost: lost.length,
    doubled: result.doubled,
    'begun and never ended': result.unfinished,
    'of these, of the service that lives': result.stillRunning,
    'ended by itself': crashes,
    'damaged files': damagedFiles,
    seconds: ((performance.now() - startedAt) / 1000).toFixed(0),
  };
  for (const [name, figure] of Object.entries(figures)) console.log(`${name}: ${figure}`);
  for (const problem of lost.slice(0, 20)) console.error(problem);
  const isSound = lost.length + result.doubled + result.stillRunning + crashes + damagedFiles === 0;
  process.exit(isSound && callers.receipts.length > 0 ? 0 : 1);
}
