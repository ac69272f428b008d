import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach } from '@jest/globals';
import { headerIn } from './local-key.js';

const COMMAND = [process.execPath, resolve('dist/main.js')];

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built service as an operator runs it: a process of its own, in an empty folder, with these variables alone. */
export class BuiltService {
  /** What it wrote to its standard output so far. */
  readonly lines: string[] = [];
  /** Everything that it wrote to its standard error, once it ended. */
  readonly errors: Promise<string>;
  readonly exit: Promise<Exit>;
  readonly #changes = new EventEmitter();

  constructor(
    readonly child: ChildProcess,
    stdout: Readable,
    stderr: Readable,
    private readonly dataDir: string,
  ) {
    this.errors = text(stderr);
    this.exit = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
      this.#changes.emit('change');
      return { code, signal } as Exit;
    });
    let unfinished = '';
    stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (unfinished + chunk).split('\n');
      unfinished = lines.pop() ?? '';
      this.lines.push(...lines);
      this.#changes.emit('change');
    });
  }

  /** The first line, written or to come, that matches. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.child.exitCode !== null)
        throw new Error(`no ${String(pattern)} in:\n${this.lines.join('\n')}`);
      await once(this.#changes, 'change');
    }
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    return /http:[^ ]+/.exec(await this.line(/listens on/))?.[0] ?? '';
  }

  /** What the person who runs it reads with, once it listens; there is none with API_KEYS. */
  get localKey(): Record<string, string> {
    return headerIn(join(this.dataDir, 'local-key'));
  }

  /** Asks it to stop and waits until it did. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}

const running: BuiltService[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop('SIGKILL')));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A new folder that is gone after the test. */
export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'service-'));
  folders.push(folder);
  return folder;
}

/** Starts the built service on a free port, with the tests' database unless one is named; it ends with the test. */
export function startBuilt(
  environment: Readonly<Record<string, string>> = {},
  { cwd = emptyFolder(), detached = false, command = COMMAND } = {},
): BuiltService {
  const [program = '', ...parameters] = command;
  const child = spawn(program, parameters, {
    cwd,
    detached,
    env: {
      APP_HOST: '127.0.0.1',
      APP_PORT: '0',
      DATABASE_URL: process.env.TEST_DATABASE_URL,
      UPKEEP: 'false',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const dataDir = resolve(cwd, environment.DATA_DIR ?? './data');
  const service = new BuiltService(child, child.stdout, child.stderr, dataDir);
  running.push(service);
  return service;
}
