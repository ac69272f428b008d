import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { afterEach } from '@jest/globals';
import xterm from '@xterm/headless';
import { CLIENT } from './client.js';
import { patient } from './pace.js';

const COLUMNS = 80;
const ROWS = 24;

/** Keys as a terminal sends them. */
export const KEYS = {
  enter: '\r',
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  delete: '\u001b[3~',
  backspace: '\u007f',
  altEnter: '\u001b\r',
  ctrl: (letter: string) => String.fromCharCode(letter.toUpperCase().charCodeAt(0) - 64),
  pasted: (text: string) => `\u001b[200~${text}\u001b[201~`,
} as const;

/** Whether this machine has util-linux's `script`, which runs a program on a terminal of its own; CI has to. */
export const HAS_PTY =
  process.env.CI !== undefined || String(spawnSync('script', ['--version']).stdout).includes('util-linux');

/** What a test says that cannot run here. */
export const NO_PTY = HAS_PTY ? '' : ' (skipped: it needs `script` of util-linux)';

interface PtyOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether a shell is around it that shows it as one of its jobs when it is stopped, and at Enter lets it go on. */
  readonly isJob?: boolean;
}

const running: Pty[] = [];

afterEach(async () => {
  for (const pty of running.splice(0)) await pty.kill();
});

/** The built client on a terminal of 80 columns and 24 rows, whose screen a terminal emulator keeps. */
export class Pty {
  readonly #emulator = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #closed: Promise<number | null>;
  #hasEnded = false;
  /** All that was written, escape sequences included. */
  raw = '';

  /** Starts the client; it ends with the test. */
  static start(args: readonly string[], options: PtyOptions = {}): Pty {
    const pty = new Pty(args, options);
    running.push(pty);
    return pty;
  }

  private constructor(args: readonly string[], { env = {}, cwd, isJob = false }: PtyOptions) {
    const command = [process.execPath, CLIENT, ...args].map(quoted).join(' ');
    const run = isJob ? asJob(command) : `exec ${command}`;
    // The size is set from inside: `script` gives a terminal without one where it has none itself.
    this.#child = spawn('script', ['-qec', `stty cols ${COLUMNS} rows ${ROWS}; ${run}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/sh', ...env },
      ...(cwd !== undefined && { cwd }),
    });
    this.#child.stdout.setEncoding('utf8');
    this.#child.stdout.on('data', (text: string) => {
      this.raw += text;
      this.#emulator.write(text, () => this.#changes.emit('change'));
    });
    this.#closed = once(this.#child, 'close').then(([code]) => {
      this.#hasEnded = true;
      // Behind what is still to be drawn.
      this.#emulator.write('', () => this.#changes.emit('change'));
      return code as number | null;
    });
  }

  /** What is on the screen and above it, without the blanks at the ends of its lines. */
  get screen(): string {
    const { active } = this.#emulator.buffer;
    const lines = Array.from({ length: active.length }, (_, row) =>
      (active.getLine(row)?.translateToString(true) ?? '').trimEnd(),
    );
    return lines.join('\n').trimEnd();
  }

  /** The line on which the cursor stands, and its column from 0. */
  get cursor(): { readonly line: string; readonly column: number } {
    const { active } = this.#emulator.buffer;
    const line = active.getLine(active.baseY + active.cursorY)?.translateToString(true) ?? '';
    return { line: line.trimEnd(), column: active.cursorX };
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until the screen shows this. */
  async shows(expected: string | RegExp): Promise<void> {
    await this.until(`to show ${String(expected)}`, () =>
      typeof expected === 'string' ? this.screen.includes(expected) : expected.test(this.screen),
    );
  }

  /** Waits until something holds of the screen. */
  async until(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#hasEnded)
        throw new Error(`The client ended; waited for it ${what}. Its screen:\n${this.screen}`);
      await this.#change(what);
    }
  }

  /** Waits for the client's end. @returns its exit code */
  async ended(): Promise<number | null> {
    const code = await this.#closed;
    await new Promise<void>((resolve) => {
      this.#emulator.write('', resolve);
    });
    return code;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
    this.#emulator.dispose();
  }

  async #change(what: string): Promise<void> {
    const late = AbortSignal.timeout(patient(15_000));
    try {
      await once(this.#changes, 'change', { signal: late });
    } catch (error) {
      throw new Error(`Waited in vain for it ${what}. Its screen:\n${this.screen}`, { cause: error });
    }
  }
}

/** As a job of two processes, which is what `npm run` makes of it. */
function asJob(command: string): string {
  return `set -m; sh -c ${quoted(`${command}; exit $?`)}; jobs; read -r line; fg`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
