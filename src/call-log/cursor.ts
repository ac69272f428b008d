import { createHash } from 'node:crypto';
import { refusal } from '../common/refusal.js';
import type { CallFilter } from './call-filter.js';

const ID_BYTES = 16;
const CHECK_BYTES = 8;

/** Where a list goes on behind this call, for the same filter only. It holds no secret: whoever has it has seen the id. */
export function writeCursor(id: string, filter: CallFilter): string {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return Buffer.concat([bytes, checkOf(bytes, filter)]).toString('base64url');
}

/**
 * The id of the call behind which a list goes on.
 * @throws ServiceError VALIDATION_FAILED for a cursor that was changed or belongs to another filter
 */
export function readCursor(cursor: string, filter: CallFilter): string {
  const bytes = Buffer.from(cursor, 'base64url');
  const id = bytes.subarray(0, ID_BYTES);
  const isOurs =
    bytes.length === ID_BYTES + CHECK_BYTES &&
    // The decoder passes over what is no base64url.
    bytes.toString('base64url') === cursor &&
    bytes.subarray(ID_BYTES).equals(checkOf(id, filter));
  if (isOurs) return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  throw refusal([
    {
      path: '/cursor',
      message: 'cursor must be the next_cursor of a reply to the same filters; leave it out to begin anew',
    },
  ]);
}

function checkOf(id: Buffer, filter: CallFilter): Buffer {
  return createHash('sha256').update(id).update(JSON.stringify(filter)).digest().subarray(0, CHECK_BYTES);
}
