import { startOf, type CallRow } from '../../calls/call-row.js';
import { writeCalls } from '../../calls/call-writer.js';
import { dayOf, oldestKeptDay } from '../../calls/upkeep/days.js';
import { makeDays } from '../../calls/upkeep/make-days.js';
import { databaseTime } from '../../calls/upkeep/partitions.js';
import type { Store } from './open-store.js';
import { storeFault } from './store-fault.js';

/** Milliseconds that one batch may take. */
const WRITTEN_WITHIN_MS = 600_000;

/**
 * Writes calls into a store. A call that is there stays, unless it was still running there and is over by now; so what
 * was broken off can be repeated. Days that are to be kept get a table each.
 * @param wrote is told how many calls a batch had, once they are safe
 * @throws StoreFault
 */
export async function loadCalls(
  { name, pool, db }: Store,
  batches: AsyncIterable<readonly CallRow[]>,
  retentionDays: number,
  wrote: (calls: number) => void,
): Promise<void> {
  const seen = new Set<number>();
  const makeDaysFor = async (rows: readonly CallRow[]): Promise<void> => {
    const days = new Set(rows.map(({ id }) => dayOf(startOf(id)).getTime()));
    for (const day of days) {
      if (seen.has(day)) continue;
      seen.add(day);
      const now = await databaseTime(db);
      // Older ones are soon deleted, and there are none to come.
      if (day >= oldestKeptDay(now, retentionDays).getTime() && day <= now.getTime())
        await makeDays(db, new Date(day));
    }
  };
  for await (const rows of batches) {
    try {
      await makeDaysFor(rows);
      await writeCalls(pool, rows, WRITTEN_WITHIN_MS);
    } catch (error) {
      throw storeFault(error, name);
    }
    wrote(rows.length);
  }
}
