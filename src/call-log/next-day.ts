import type { Kysely } from 'kysely';
import { startOf } from '../calls/call-id.js';
import { dayOf, partitionBounds } from '../call-store/upkeep/days.js';
import type { Tables } from '../database/tables.js';
import { firstIdAt } from './first-id.js';
import { type BoundedRange, type IdRange, isEmpty, overlap, within } from './id-range.js';
import type { Ask } from './log-reader.js';

/** From which end a range is read. */
type Order = 'asc' | 'desc';

/**
 * The first UTC day of a range that has calls, from the end that `order` begins with, cut to the range. A query for rows
 * looks at one such day at a time: one for all days would look for its first match in every day before it returns any.
 * @returns nothing where the range has no calls
 */
export async function nextDay(
  ask: Ask,
  db: Kysely<Tables>,
  range: IdRange,
  order: Order,
): Promise<BoundedRange | undefined> {
  for (const part of nearFirst(range, order)) {
    const query = db
      .selectFrom('calls')
      .select('id')
      .where((eb) => within(eb, part))
      .orderBy('id', order)
      .limit(1);
    const [call] = await ask(query.compile());
    if (call) return overlap(partitionBounds(dayOf(startOf(call.id))), range);
  }
  return undefined;
}

/**
 * The range in two: the day at its end, where the next call nearly always is and one table is looked at, and the rest,
 * which costs a look into each table, however many days without calls there are.
 */
function nearFirst(range: IdRange, order: Order): IdRange[] {
  const border = borderOf(range, order);
  const older = overlap({ from: undefined, to: border }, range);
  const newer = overlap({ from: border, to: undefined }, range);
  return (order === 'asc' ? [older, newer] : [newer, older]).filter((part) => !isEmpty(part));
}

/** Nothing before the oldest call is known; nothing but slow clocks is ahead of now. */
function borderOf({ from, to }: IdRange, order: Order): string | undefined {
  if (order === 'asc') return from === undefined ? undefined : firstIdAt(dayOf(startOf(from), 1));
  const lastMs = to === undefined ? Infinity : startOf(to).getTime() - 1;
  return firstIdAt(dayOf(new Date(Math.min(lastMs, Date.now()))));
}
