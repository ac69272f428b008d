import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import type { Settings } from '../config/settings.js';
import type { StubListening } from './stub/types.js';

const ENTRY = fileURLToPath(new URL('./stub/main.js', import.meta.url));

/** Milliseconds that the stub gets to end by itself. */
const STOP_WITHIN_MS = 1000;

/** Milliseconds before a stub that ended is started again. */
const RESTART_AFTER_MS = 500;

/** The built-in stub engine, in a process of its own that ends with this one. */
export class StubProcess {
  readonly #logger = new Logger('Engine');
  #child: ChildProcess | undefined;
  #stopped = false;
  #url = '';

  private constructor(private readonly settings: Settings) {}

  /** Starts the stub and waits until it listens on a free port of this machine. */
  static async start(settings: Settings): Promise<StubProcess> {
    const stub = new StubProcess(settings);
    await stub.#spawn('0');
    return stub;
  }

  get url(): string {
    return this.#url;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await ended;
    clearTimeout(killer);
  }

  async #spawn(port: string): Promise<void> {
    const { modelName, maxModelLen } = this.settings;
    const child = fork(
      ENTRY,
      ['--model', modelName, '--port', port, '--context-length', String(maxModelLen)],
      {
        env: {},
      },
    );
    this.#child = child;
    const early = once(child, 'exit').then(([code]) => {
      throw new Error(`The stub engine ended at its start (exit code ${String(code)}).`);
    });
    const [message] = (await Promise.race([once(child, 'message'), early])) as [StubListening];
    early.catch(() => undefined);
    this.#url = message.listening.url;

    child.once('exit', (code, signal) => {
      if (this.#stopped) return;
      this.#logger.error({ message: 'the stub engine ended; starting it again', code, signal });
      this.#restart();
    });
  }

  #restart(): void {
    setTimeout(() => {
      if (this.#stopped) return;
      this.#spawn(new URL(this.#url).port).catch((error: unknown) => {
        this.#logger.error({
          message: 'the stub engine does not start; trying again',
          reason: String(error),
        });
        this.#restart();
      });
    }, RESTART_AFTER_MS).unref();
  }
}
