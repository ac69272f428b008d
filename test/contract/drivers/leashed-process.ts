import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { request } from 'undici';
import { until } from '../until.ts';

const LEASH = resolve('test/real-engine/leash.sh');

/** A real engine loads its libraries first; on a busy machine that takes minutes. */
const READY_BOUND_MS = 300_000;

/** Characters of the output that are kept, to be shown where a process does not start. */
const LOG_TAIL = 3000;

/** How a server is started. */
export interface ServerCommand {
  readonly command: readonly [string, ...string[]];
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder that it starts in; left out, this process's own. */
  readonly cwd?: string;
  readonly url: string;
  /** A path that is 200 once the server answers. */
  readonly readyPath: string;
}

/** A server in a process group of its own, of which nothing is left once this process has ended, however it ended. */
export class LeashedProcess {
  /** Whether it has not ended. */
  alive = true;
  /** The process that was started; others of its group may be its children. */
  readonly pid: number;
  readonly #leash: ChildProcess;
  #log = '';

  /** Starts a server and waits until it answers. */
  static async start(server: ServerCommand): Promise<LeashedProcess> {
    const leash = spawn(LEASH, server.command, {
      cwd: server.cwd,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...server.env },
    });
    const [pid] = (await once(leash.stdout, 'data')) as [Buffer];
    const started = new LeashedProcess(leash, Number(pid.toString()));
    leash.stderr.on('data', (chunk: Buffer) => {
      started.#log = (started.#log + chunk.toString()).slice(-LOG_TAIL);
    });
    leash.once('exit', () => {
      started.alive = false;
    });
    try {
      await until(() => started.#isReady(server.url + server.readyPath), READY_BOUND_MS);
    } catch (error) {
      await started.stop();
      throw new Error(`${server.command.join(' ')} does not answer:\n${started.#log}`, { cause: error });
    }
    return started;
  }

  private constructor(leash: ChildProcess, pid: number) {
    this.#leash = leash;
    this.pid = pid;
  }

  /** The process of the group whose title begins so. */
  async find(title: string): Promise<number> {
    const { stdout } = await promisify(execFile)('pgrep', ['-g', String(this.#leash.pid), '-f', `^${title}`]);
    return Number(stdout.trim());
  }

  /** Ends the whole group at once. */
  async stop(): Promise<void> {
    if (!this.alive) return;
    const ended = once(this.#leash, 'exit');
    this.#leash.stdin?.end();
    await ended;
  }

  async #isReady(url: string): Promise<boolean> {
    if (!this.alive) throw new Error('It ended.');
    try {
      const { statusCode, body } = await request(url);
      await body.dump();
      return statusCode === 200;
    } catch {
      return false;
    }
  }
}
