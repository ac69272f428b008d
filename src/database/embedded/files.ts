import { chmod, chown } from 'node:fs/promises';
import type { Account } from './run-program.js';

/** Whether an error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** The system's name for what went wrong, such as `EACCES`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Leaves a file or folder to the account that the server runs as, and to nobody else. */
export async function keepPrivate(path: string, mode: number, account: Account | undefined): Promise<void> {
  await chmod(path, mode);
  if (account) await chown(path, account.uid, account.gid);
}
