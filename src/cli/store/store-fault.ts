import { DatabaseError } from 'pg';
import { ConfigError } from '../../config/config-error.js';
import { refusalOf } from '../../database/connection.js';
import { DatabaseRefused } from '../../database/database-refused.js';

/** Why the command cannot go on. The message is a sentence or two for whoever typed it. */
export class StoreFault extends Error {
  override readonly name = 'StoreFault';
}

/** PostgreSQL's codes for what a person can do something about: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REASONS: readonly (readonly [code: RegExp, reason: string])[] = [
  [/^53100$/, 'has no space left: free some and repeat the command; what is there stays'],
  [/^53300$/, 'has no connection left: raise its max_connections, or come back later'],
  [/^42501$/, 'lacks a right: grant it, or name another user'],
  [/^25006$/, 'takes no writes, as a standby does: name the primary'],
  [/^(08|57P)/, 'ended the connection: repeat the command, which leaves what is there as it is'],
  [/^2[23]/, 'does not take what a call holds: is its encoding UTF8?'],
];

/** What does not answer, or stopped to: names of the system's errors, and the driver's words, which have none. */
const UNREACHABLE = /^E(CONN|HOST|NET|TIMEDOUT|PIPE|NOTFOUND|AI_AGAIN|NOENT|ACCES)/;
const SILENT = /timeout|Connection terminated/i;

/** What says that a statement took too long: the driver's words, and those of writing. */
const SLOW = /^Query read timeout|^nothing was stored within/;

/**
 * What a database threw, told by the name under which the operator knows it, and never with its password.
 * @returns the error itself where it is no fault of the database's
 */
export function storeFault(error: unknown, name: string): unknown {
  if (error instanceof StoreFault || error instanceof ConfigError) return error;
  if (error instanceof DatabaseRefused) return renamed(error, name);
  if (error instanceof DatabaseError) {
    const reason = REASONS.find(([code]) => code.test(error.code ?? ''))?.[1];
    return new StoreFault(
      reason === undefined ? `${name} refuses: ${error.message}.` : `${name} ${reason} (${error.message}).`,
      { cause: error },
    );
  }
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (SLOW.test(message))
    return new StoreFault(
      `${name} takes too long for one step (${message}): see in its pg_stat_activity what it waits for, and repeat the ` +
        'command; what is there stays.',
      { cause: error },
    );
  if (!UNREACHABLE.test(code) && !SILENT.test(message)) return error;
  return new StoreFault(
    `${name} does not answer (${message || code}): is the server running, and are its host and port right?`,
    { cause: error },
  );
}

/** What a connection that was not to be had threw. */
export function connectionFault(error: unknown, name: string): unknown {
  if (error instanceof TypeError) {
    return new StoreFault(`${name} is no address like postgresql://user:password@host:5432/database.`);
  }
  const refusal = refusalOf(error);
  return refusal ? renamed(refusal, name) : storeFault(error, name);
}

function renamed({ message }: DatabaseRefused, name: string): StoreFault {
  return new StoreFault(message.replaceAll('DATABASE_URL', name));
}

/** What a file threw. */
export function fileFault(error: unknown, file: string): unknown {
  const reason = FILE_REASONS[(error as NodeJS.ErrnoException).code ?? ''];
  return reason === undefined ? error : new StoreFault(`${file}: ${reason}.`, { cause: error });
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such folder',
  EISDIR: 'this is a folder; name a file in it',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the disk is read-only',
  ENOSPC: 'there is no space left on the disk',
  EDQUOT: 'there is no space left in this user’s quota',
};
