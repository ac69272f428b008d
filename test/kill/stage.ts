import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { freePort } from '../../scripts/free-port.ts';
import { OwnPostgres } from './postgres.ts';
import { end, makeFolder, removeFolder, start } from './processes.ts';

/** Milliseconds between the tokens of the engine, so that a stream takes long enough to be killed within it. */
const TOKEN_DELAY_MS = 4;

const READY_WITHIN_MS = 30_000;
const POLL_MS = 20;

/** The service as it is run, the engine that it asks, and the database that it writes to. */
export class Stage {
  readonly database: OwnPostgres;
  readonly url: string;
  readonly #port: number;
  readonly #engineUrl: string;
  readonly #engine: ChildProcess;
  readonly #dataDir = makeFolder();
  #service: ChildProcess | undefined;
  #crashes = 0;
  #ready: Promise<void> = Promise.reject(new Error('not started'));

  private constructor(database: OwnPostgres, port: number, engine: ChildProcess, engineUrl: string) {
    this.database = database;
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#engine = engine;
    this.#engineUrl = engineUrl;
    this.#ready.catch(() => undefined);
  }

  /** Starts database and engine; the service is started by {@link startService}. */
  static async start(): Promise<Stage> {
    const database = await OwnPostgres.start();
    // It ends by itself with this process, whose channel to it closes then.
    const engine = fork('dist/engine/stub/main.js', ['--token-delay-ms', String(TOKEN_DELAY_MS)], {
      env: {},
    });
    const [{ listening }] = (await once(engine, 'message')) as [{ listening: { url: string } }];
    return new Stage(database, await freePort(), engine, listening.url);
  }

  /** Fulfilled once the service that was started last answers. */
  get ready(): Promise<void> {
    return this.#ready;
  }

  /** How often the service has ended by itself, which it never should. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Starts the service anew; as often as it ends by itself, it is started again. */
  startService(): Promise<void> {
    this.#launch();
    this.#ready = this.#answers();
    this.#ready.catch(() => undefined);
    return this.#ready;
  }

  /** Ends the service without a warning. */
  async killService(): Promise<void> {
    const child = this.#service;
    this.#service = undefined;
    if (child) await end(child, 'SIGKILL');
  }

  /** How many files with calls wait for the database. */
  get spoolFiles(): number {
    return globSync(`${this.#dataDir}/spool/*/*.spool`).length;
  }

  /** How many files hold something that could not be read. */
  get damagedFiles(): number {
    return globSync(`${this.#dataDir}/spool/*/*.damaged`).length;
  }

  async stop(): Promise<void> {
    await this.killService();
    await end(this.#engine, 'SIGTERM');
    await this.database.remove();
    removeFolder(this.#dataDir);
  }

  #launch(): void {
    const child = start(process.execPath, ['dist/main.js'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        APP_HOST: '127.0.0.1',
        APP_PORT: String(this.#port),
        DATABASE_URL: this.database.url,
        DATA_DIR: this.#dataDir,
        ENGINE: 'stub',
        ENGINE_URLS: this.#engineUrl,
        LOG_LEVEL: 'ERROR',
      },
    });
    this.#service = child;
    child.once('exit', () => {
      if (this.#service !== child) return;
      this.#crashes++;
      this.#launch();
    });
  }

  async #answers(): Promise<void> {
    const agent = new Agent({ pipelining: 0 });
    const until = performance.now() + READY_WITHIN_MS;
    try {
      while (!(await isReady(`${this.url}/health/ready`, agent))) {
        if (performance.now() > until) throw new Error('The service does not become ready.');
        await delay(POLL_MS);
      }
    } finally {
      await agent.destroy();
    }
  }
}

async function isReady(url: string, dispatcher: Agent): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, { dispatcher });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}
