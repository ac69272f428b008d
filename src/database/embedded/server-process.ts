import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, runningServer } from './pid-file.js';
import type { NativeServer } from './native-package.js';
import { letGoOn } from './server-family.js';
import { type Account, programEnvironment, runProgram } from './run-program.js';

/** Bytes above which the server's log is emptied at a start. */
const MAX_LOG_BYTES = 10 * 1_048_576;

/** Bytes of the log's end that are looked at when a start fails. */
const LOG_END_BYTES = 16_384;

/** Milliseconds between two looks at whether a server has ended. */
const LOOK_EVERY_MS = 10;

/** Milliseconds that a server which is still starting gets to end. */
const END_WITHIN_MS = 5000;

/** The signals that stop a server, each with the milliseconds that it gets: clients cut off, files left to recovery, by force. */
const STOPPING = [
  ['SIGINT', 10_000],
  ['SIGQUIT', 5000],
  ['SIGKILL', 5000],
] as const;

/** Small, for a machine that has other work; and no caller's words in the log. */
const SETTINGS = {
  max_connections: '50',
  shared_buffers: '64MB',
  // A container's /dev/shm is small, and a parallel query would fail there.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  log_checkpoints: 'off',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_timezone: 'UTC',
  timezone: 'UTC',
};

/** Where a server runs and what it is told. */
export interface ServerPlan {
  readonly dataDir: string;
  readonly cluster: string;
  readonly native: NativeServer;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

/** A server that this process started. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #logStart: number;
  #failure = '';

  private constructor(child: ChildProcess, log: string, logStart: number) {
    this.#child = child;
    this.#log = log;
    this.#logStart = logStart;
    child.once('error', (error) => {
      this.#failure = error.message;
    });
  }

  /**
   * Starts the server in a session of its own, so that a Ctrl-C meant for the service does not stop it first. It does
   * not keep this process alive, and outlives it if that is killed.
   */
  static async start({ dataDir, cluster, native, account, settings }: ServerPlan): Promise<ServerProcess> {
    const path = join(dataDir, 'postgres.log');
    const log = await open(path, 'a', 0o600);
    try {
      if ((await log.stat()).size > MAX_LOG_BYTES) await log.truncate();
      const { size } = await log.stat();
      const options = Object.entries({ ...SETTINGS, ...settings }).map(
        ([name, value]) => `--${name}=${value}`,
      );
      const child = spawn(native.postgres, ['-D', cluster, ...options], {
        cwd: dataDir,
        detached: true,
        env: programEnvironment(native.libraryPath),
        stdio: ['ignore', log.fd, log.fd],
        windowsHide: true,
        ...account,
      });
      child.unref();
      return new ServerProcess(child, path, size);
    } finally {
      await log.close();
    }
  }

  get ended(): boolean {
    return this.#failure !== '' || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Ends it wherever its start has got to. */
  async end(): Promise<void> {
    this.#child.kill('SIGINT');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS);
    while (!this.ended) await delay(LOOK_EVERY_MS);
    clearTimeout(killer);
  }

  /** The end of what it wrote. */
  async output(): Promise<string> {
    if (this.#failure !== '') return this.#failure;
    const log = await open(this.#log, 'r');
    try {
      const { size } = await log.stat();
      const start = Math.max(this.#logStart, size - LOG_END_BYTES);
      const { buffer, bytesRead } = await log.read({ buffer: Buffer.alloc(LOG_END_BYTES), position: start });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await log.close();
    }
  }
}

/**
 * Stops whatever server runs on a cluster, first in order and in the end by force. Nothing is lost by force either: the
 * next start recovers what was committed.
 */
export async function stopServer(cluster: string, native: NativeServer): Promise<void> {
  const server = await runningServer(cluster);
  if (!server) return;
  for (const [signal, within] of STOPPING) {
    await send(server.pid, signal, native);
    if (await hasEnded(server.pid, cluster, within)) return;
  }
}

async function send(
  pid: number,
  signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL',
  native: NativeServer,
): Promise<void> {
  if (process.platform === 'win32') {
    // Windows has no signals; a server there listens for them on a pipe.
    await runProgram(native.pgCtl, ['kill', signal.slice('SIG'.length), String(pid)]);
    return;
  }
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
  // What was frozen hears it only when it goes on.
  await letGoOn(pid);
}

async function hasEnded(pid: number, cluster: string, within: number): Promise<boolean> {
  const until = Date.now() + within;
  for (;;) {
    // One that nobody waits for keeps its id after its end, but not its file.
    if (!isAlive(pid) || (await runningServer(cluster))?.pid !== pid) return true;
    if (Date.now() > until) return false;
    await delay(LOOK_EVERY_MS);
  }
}
