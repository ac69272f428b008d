import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ClientFault, wrongUse } from '../faults/fault.js';
import { PRIVATE } from '../new-file.js';
import { writeFault } from '../faults/write-fault.js';

/** What the lock of a file of results is called behind that file's name. */
const LOCK = '.lock';

/**
 * Keeps other runs away from a file of results, by whatever path they come to it: a file beside it with the number of
 * the process that writes there.
 */
export class ResultLock {
  private constructor(private readonly path: string) {}

  /**
   * Takes it; one that a process left when it was killed is taken over.
   * @throws ClientFault where another run has it, or it cannot be written
   */
  static take(results: string): ResultLock {
    const path = lockOf(results);
    try {
      if (!create(path)) {
        if (isHeld(path)) throw heldByAnother(results, path);
        rmSync(path, { force: true });
        if (!create(path)) throw heldByAnother(results, path);
      }
      return new ResultLock(path);
    } catch (error) {
      throw error instanceof ClientFault ? error : writeFault(error, path, 2);
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }
}

/** @throws ClientFault where there is no way to the file */
function lockOf(results: string): string {
  try {
    return realPathOf(results) + LOCK;
  } catch (error) {
    throw writeFault(error, results, 2);
  }
}

/** The one path of a file that may not be there yet. */
function realPathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return join(realpathSync(dirname(file)), basename(file));
  }
}

/** @returns whether it was not there */
function create(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx', mode: PRIVATE });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether its process lives. This one's own number is that of an earlier process: containers start from the same one. */
function isHeld(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return pid > 0 && pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    // A process of another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function heldByAnother(results: string, path: string): ClientFault {
  return wrongUse(
    `Another run writes to ${results}: wait for its end, or name another file. If there is none, remove ${path}.`,
  );
}
