import { setTimeout as delay } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { CallRow } from '../../call-store/call-row.js';
import { writeCalls } from '../../call-store/call-writer.js';
import { dayOf, oldestKeptDay, partitionName } from '../../call-store/upkeep/days.js';
import { makeDays } from '../../call-store/upkeep/make-days.js';
import { databaseTime } from '../../call-store/upkeep/partitions.js';
import { startOf } from '../../calls/call-id.js';
import type { Tables } from '../../database/tables.js';
import { ANSWERED_WITHIN_MS, type Store } from './open-store.js';
import { StoreFault, storeFault } from './store-fault.js';

/** Milliseconds that a day's table may take while others are at the call log. */
const MADE_WITHIN_MS = 60_000;

/** Milliseconds between two attempts, in which those who queued behind the first one get on. */
const AGAIN_AFTER_MS = 100;

/** How calls are written. */
export interface LoadOptions {
  readonly retentionDays: number;
  /** Is told how many calls a batch had, once they are safe. */
  readonly wrote: (calls: number) => void;
  /** Ends the wait for those who are in the way; batches are ended where they come from. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes calls into a store. A call that is there stays, unless it was still running there and is over by now; so what
 * was broken off can be repeated. Days that are to be kept get a table each, but for those of which more calls are
 * without one already than upkeep moves.
 * @throws StoreFault
 */
export async function loadCalls(
  { name, pool, db }: Store,
  batches: AsyncIterable<readonly CallRow[]>,
  { retentionDays, wrote, signal }: LoadOptions,
): Promise<void> {
  const seen = new Set<number>();
  const makeDaysFor = async (rows: readonly CallRow[]): Promise<void> => {
    const days = new Set(rows.map(({ id }) => dayOf(startOf(id)).getTime()));
    for (const day of days) {
      if (seen.has(day)) continue;
      const now = await databaseTime(db);
      // Older ones are soon deleted, and there are none to come.
      if (day >= oldestKeptDay(now, retentionDays).getTime() && day <= now.getTime())
        await makeDay(db, new Date(day), name, signal);
      seen.add(day);
    }
  };
  for await (const rows of batches) {
    try {
      await makeDaysFor(rows);
      await writeCalls(pool, rows, ANSWERED_WITHIN_MS);
    } catch (error) {
      throw storeFault(error, name);
    }
    wrote(rows.length);
  }
}

/** Without its table a day's calls would be in `calls_other` for good, so whoever is in the way is waited for. */
async function makeDay(
  db: Kysely<Tables>,
  day: Date,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const until = performance.now() + MADE_WITHIN_MS;
  const table = partitionName(day);
  while ((await makeDays(db, day)).postponed.includes(table)) {
    if (performance.now() > until)
      throw new StoreFault(
        `${name} is read or written by somebody else for long, which keeps the table ${table} from being made: let that ` +
          'end (pg_stat_activity shows it), and repeat the command; what is there stays.',
      );
    await delay(AGAIN_AFTER_MS, undefined, { signal });
  }
}
