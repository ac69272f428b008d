/** The spool takes no more records: its own limit is reached, or the disk's. The message is one sentence for the operator. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull';
}

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT']);

/** Whether the file system says that there is no room, on the disk or in the user's quota. */
export function isNoSpace(error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && 'code' in error && NO_SPACE.has(String(error.code));
}
