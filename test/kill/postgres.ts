import { type ChildProcess, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { end, isOver, makeFolder, removeFolder, signalTree, start } from './processes.ts';

/** The server's superuser, and what the service connects to. */
const USER = 'llm_service';
const DATABASE = 'llm_service';

/** Of a socket it is only the end of the name. */
const PORT = 5432;

/** Milliseconds that a start may take, the recovery behind a crash included. */
const UP_WITHIN_MS = 30_000;

const POLL_MS = 20;

/** How a server of one's own lets clients in. */
export interface ServerOptions {
  /** @default `local all all trust` */
  readonly access?: string;
  /** The superuser's password, for access that asks for one. */
  readonly password?: string;
}

/** Folder of PostgreSQL's programs: POSTGRES_BIN, else the newest that Debian has installed. */
export function postgresPrograms(): string | undefined {
  const { POSTGRES_BIN } = process.env;
  if (POSTGRES_BIN !== undefined) return POSTGRES_BIN;
  return globSync('/usr/lib/postgresql/*/bin')
    .toSorted((a, b) => versionOf(a) - versionOf(b))
    .findLast((folder) => existsSync(join(folder, 'postgres')));
}

/** A PostgreSQL of one's own, in a folder of its own and behind a socket there, which can be killed and frozen. */
export class OwnPostgres {
  readonly #folder: string;
  readonly #programs: string;
  readonly #password: string | undefined;
  #server: ChildProcess | undefined;

  private constructor(folder: string, programs: string, password: string | undefined) {
    this.#folder = folder;
    this.#programs = programs;
    this.#password = password;
  }

  /** Makes a cluster, starts it and makes the service's database. */
  static async start({ access, password }: ServerOptions = {}): Promise<OwnPostgres> {
    const programs = postgresPrograms();
    if (programs === undefined) {
      throw new Error(
        'No PostgreSQL is found: on Debian "apt-get install postgresql", or name its bin in POSTGRES_BIN.',
      );
    }
    const folder = makeFolder();
    const one = new OwnPostgres(folder, programs, password);
    one.#makeCluster(access ?? 'local all all trust');
    await one.up();
    await one.query(`create database ${DATABASE}`, 'postgres');
    return one;
  }

  /** What DATABASE_URL has to say. */
  get url(): string {
    return this.urlOf({});
  }

  /** The same with another user, password or database. */
  urlOf({ user = USER, password = this.#password, database = DATABASE }): string {
    const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
    const host = encodeURIComponent(this.#folder);
    return `postgresql://${user}${secret}@localhost/${database}?host=${host}&port=${PORT}`;
  }

  /** Starts it, unless it runs, and waits until it answers. */
  async up(): Promise<void> {
    const until = performance.now() + UP_WITHIN_MS;
    while (!(await this.#answers())) {
      if (performance.now() > until) throw new Error(`PostgreSQL in ${this.#folder} does not start.`);
      // Right after a kill it may refuse: what is left of the killed one has not noticed yet.
      if (!this.#server || isOver(this.#server)) this.#server = this.#launch();
      await delay(POLL_MS);
    }
  }

  /** Kills it as a crash of its main process does; the others end by themselves. */
  async kill(): Promise<void> {
    if (this.#server) await end(this.#server, 'SIGKILL');
  }

  /** Ends all its processes at once without a checkpoint, as `pg_ctl stop -m immediate` does. */
  async stopAtOnce(): Promise<void> {
    if (this.#server) await end(this.#server, 'SIGQUIT');
  }

  /** Stops all its processes where they are. */
  freeze(): void {
    if (this.#server) signalTree(this.#server, 'SIGSTOP');
  }

  /** Lets them go on. */
  thaw(): void {
    if (this.#server) signalTree(this.#server, 'SIGCONT');
  }

  /** Ends it for good. */
  async remove(): Promise<void> {
    this.thaw();
    await this.stopAtOnce();
    removeFolder(this.#folder);
  }

  /** Asks one question over a connection of its own. */
  async query<T extends object>(
    question: string,
    database = DATABASE,
    values: readonly unknown[] = [],
  ): Promise<T[]> {
    const client = new Client({ connectionString: this.urlOf({ database }), connectionTimeoutMillis: 2000 });
    // A server that ends while it is asked is told by the question's own error.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<T>(question, [...values])).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  #makeCluster(access: string): void {
    const account = postgresAccount();
    const passwordFile = join(this.#folder, 'password');
    if (this.#password !== undefined) writeFileSync(passwordFile, this.#password, { mode: 0o600 });
    if (account) {
      chownSync(this.#folder, account.uid, account.gid);
      if (this.#password !== undefined) chownSync(passwordFile, account.uid, account.gid);
    }
    // PostgreSQL keeps its data private by itself; this process must reach the socket.
    chmodSync(this.#folder, 0o755);
    execFileSync(
      this.#program('initdb'),
      [
        ...[
          '--pgdata',
          this.#data,
          '--username',
          USER,
          '--encoding',
          'UTF8',
          '--no-locale',
          '--auth',
          'trust',
        ],
        ...(this.#password === undefined ? [] : ['--pwfile', passwordFile]),
      ],
      { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/', ...account },
    );
    writeFileSync(join(this.#data, 'pg_hba.conf'), `${access}\n`);
  }

  #launch(): ChildProcess {
    const settings = {
      listen_addresses: '',
      unix_socket_directories: this.#folder,
      port: PORT,
      max_connections: 100,
    };
    return start(
      this.#program('postgres'),
      ['-D', this.#data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { stdio: 'ignore', cwd: '/', ...postgresAccount() },
    );
  }

  async #answers(): Promise<boolean> {
    if (!this.#server || isOver(this.#server)) return false;
    try {
      await this.query('select 1', 'postgres');
      return true;
    } catch {
      return false;
    }
  }

  get #data(): string {
    return join(this.#folder, 'data');
  }

  #program(name: string): string {
    return join(this.#programs, name);
  }
}

/** PostgreSQL does not run as root; where this process does, the account that its package has made runs it. */
function postgresAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function versionOf(folder: string): number {
  return Number(/\/(\d+)\/bin$/.exec(folder)?.[1] ?? 0);
}
