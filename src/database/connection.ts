import { type ClientBase, DatabaseError, type PoolConfig } from 'pg';
import type { Settings } from '../config/settings.js';
import { DatabaseRefused } from './database-refused.js';

/** What every connection of the service has in common. */
export function poolConfig({ databaseConnections }: Settings): PoolConfig {
  return {
    max: databaseConnections,
    application_name: 'llm-service',
    connectionTimeoutMillis: 3000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // A server that is frozen keeps its connections and says nothing.
    query_timeout: 30_000,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool waits for it; its types do not say so
    onConnect: prepareSession,
  };
}

/**
 * Settings of a session that driver and queries count on, whatever the server, the database or the role has as its
 * own: times and numbers that the driver can read exactly, and backslashes that stand for themselves. A statement and no
 * parameters of the start, which PgBouncer refuses.
 */
const SESSION = [
  'set datestyle to iso',
  'set extra_float_digits to 1',
  'set standard_conforming_strings to on',
].join('; ');

async function prepareSession(client: ClientBase): Promise<void> {
  await client.query(SESSION);
}

/**
 * Whether a connection that is given back must not be lent out again: a query that was given up still runs on it, or it
 * is within a transaction, in which rows of others would be stored and never committed. Kysely gives back such a one as
 * if it were sound.
 */
export function isUnsettled(client: ClientBase): boolean {
  // Public in the driver, and missing in its types.
  const { readyForQuery } = client as ClientBase & { readonly readyForQuery?: boolean };
  return readyForQuery !== true || client.getTransactionStatus() !== 'I';
}

/**
 * Whether the database is away, by PostgreSQL's codes for connections (class 08) and for a server that stops (57P),
 * by the system's, or by the driver's words. A pool whose connections are all busy says nothing of the database.
 */
export function isConnectionLost(error: unknown): boolean {
  if (error instanceof DatabaseError) return /^(08|57P)/.test(error.code ?? '');
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return /^E(?!RR_)/.test(code) || /^Connection terminated|^Query read timeout/.test(message);
}

/** A server's refusals that no waiting mends, by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REFUSALS: Readonly<Record<string, string>> = {
  '28P01': 'the server does not accept its password (a % in it is written %25)',
  '28000': 'the server does not accept its user',
  '3D000': 'the server has no such database: make it with createdb',
  '42501': 'its user may not connect to that database: grant it CONNECT',
};

/** Makes of what a connection threw either a refusal, told without the password, or nothing where waiting may help. */
export function refusalOf(error: unknown): DatabaseRefused | undefined {
  if (error instanceof DatabaseRefused) return error;
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const reason = REFUSALS[code];
  if (reason !== undefined)
    return new DatabaseRefused(`DATABASE_URL cannot be used: ${reason} (${message}).`);
  if (/does not support SSL|self-signed certificate|unable to verify/i.test(message)) {
    return new DatabaseRefused(
      `DATABASE_URL cannot be used: ${message}. Its parameter sslmode says how to connect (disable, require, verify-full).`,
    );
  }
  if (message.includes('password must be a string')) {
    return new DatabaseRefused('DATABASE_URL cannot be used: the server wants a password, and it has none.');
  }
  const { syscall, path } = error as { syscall?: string; path?: string };
  if (code === 'ENOENT' && syscall === 'open') {
    return new DatabaseRefused(
      `DATABASE_URL cannot be used: it names the file ${path ?? ''}, which is not there.`,
    );
  }
  return undefined;
}
