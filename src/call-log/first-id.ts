import { firstId } from '../call-store/upkeep/days.js';

/** No call is older. */
const OLDEST = new Date(0);

/** An id between those of all calls that began before a moment and those of all others: ids sort by their moments. */
export function firstIdAt(moment: Date): string {
  return firstId(moment < OLDEST ? OLDEST : moment);
}
