import { JSON_COLUMNS } from '../calls/call-columns.js';
import type { CallRow } from './call-row.js';
import type { CommitBounds } from './group-commit.js';

/** How calls share commits. */
export const COMMIT_BOUNDS: CommitBounds<CallRow> = {
  writers: 2,
  joinAt: 100,
  // 500 make the most of a commit; more only make it longer.
  items: 500,
  weight: 8_388_608,
  weigh: sizeOf,
};

/** Characters or bytes of the texts. What of them is large in the facts is in these as well. */
function sizeOf(row: CallRow): number {
  let size = 0;
  for (const name of JSON_COLUMNS) size += row[name]?.length ?? 0;
  return size;
}
