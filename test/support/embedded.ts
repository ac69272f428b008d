import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach } from '@jest/globals';
import { Client } from 'pg';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/database/embedded/embedded-server.js';
import type { OwnerMessage } from './embedded-owner.js';

const OWNER = new URL('embedded-owner.ts', import.meta.url);

/** Node strips types, but does not find `x.ts` where `./x.js` is imported. */
const RESOLVE_SOURCES = `
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve: (name, context, next) =>
      next(name.startsWith('.') && context.parentURL?.endsWith('.ts') ? name.replace(/\\.js$/, '.ts') : name, context),
  });`;

const servers: EmbeddedServer[] = [];
const owners: ChildProcess[] = [];
const folders: string[] = [];

/** Has a folder go with the test. */
export function removeLater(folder: string): void {
  folders.push(folder);
}

afterEach(async () => {
  for (const owner of owners.splice(0)) await kill(owner);
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Waits until a process is gone: its file goes a moment before it. */
export async function ended(pid: number): Promise<void> {
  while (isThere(pid)) await delay(10);
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A folder that every account of this machine may pass, and that is gone after the test. */
export function openFolder(name = 'embedded-'): string {
  const folder = mkdtempSync(join(tmpdir(), name));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

/** A server of this process; it stops with the test. */
export async function startHere(dataDir: string): Promise<EmbeddedServer> {
  const server = await startEmbeddedServer({ dataDir });
  servers.push(server);
  return server;
}

/** A process that starts a server, and what it said of it. */
export interface Owner {
  readonly child: ChildProcess;
  readonly said: OwnerMessage;
}

/** Runs a process that starts a server; it ends with the test. What it leaves behind is the test's to stop. */
export function runOwner(dataDir: string, user?: { uid: number; gid: number }): ChildProcess {
  const child = fork(OWNER, [dataDir], {
    execArgv: [
      '--experimental-transform-types',
      '--disable-warning=ExperimentalWarning',
      '--import',
      `data:text/javascript,${encodeURIComponent(RESOLVE_SOURCES)}`,
    ],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { OWNERS_SECRET: 'sesame' },
    cwd: '/',
    detached: true,
    ...user,
  });
  owners.push(child);
  return child;
}

/** Starts a server in a process of its own and waits for what became of it. */
export async function startElsewhere(dataDir: string, user?: { uid: number; gid: number }): Promise<Owner> {
  const child = runOwner(dataDir, user);
  const early = once(child, 'exit').then(() => {
    throw new Error('The process ended before it said a word.');
  });
  const [said] = (await Promise.race([once(child, 'message'), early])) as [OwnerMessage];
  early.catch(() => undefined);
  return { child, said };
}

/** Kills a process and all of its group, as a terminal or a container that goes away would. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await exit;
}

/** Asks a server one question. */
export async function ask(
  connection: EmbeddedServer['connection'],
  question: string,
): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...connection, ssl: false });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(question)).rows;
  } finally {
    await client.end();
  }
}

/** The id of the server that runs on a data folder. */
export function serverPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
}
