import { ClientFault } from './fault.js';

/** Why a file cannot be written, and what to do, by the code of the file system. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder is not there; make it first',
  ENOTDIR: 'what should be its folder is a file; name another folder',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'this user may not write there; change its rights or name another folder',
  EPERM: 'this user may not write there; change its rights or name another folder',
  EROFS: 'its disk can only be read; name a folder on another',
  ENOSPC: 'its disk is full; make room',
  EDQUOT: 'this user’s share of the disk is used up; make room',
  EFBIG: 'it has reached the size that the system allows; raise `ulimit -f`, or name another file',
  EIO: 'its disk reports an error; look after it or name a folder on another',
  ENAMETOOLONG: 'its name is too long; name it shorter',
};

/**
 * What a user can do something about; else the error itself.
 * @param exitCode 2 before anything was asked, 1 after it
 */
export function writeFault(error: unknown, path: string, exitCode: 1 | 2): unknown {
  const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
  if (error instanceof ClientFault || reason === undefined) return error;
  return new ClientFault(exitCode, `${path} cannot be written: ${reason}.`, { cause: error });
}
