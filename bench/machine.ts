import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The core of what is measured, and the core of everything around it: upstream and load. */
export const MEASURED_CORE = 0;
export const OTHER_CORE = 1;

export const NODE = process.execPath;

/** The service as `npm start` starts it, with the same flags. */
export const SERVICE: readonly string[] = [NODE, ...startWords('.')];

/**
 * The service of another checkout as its own `npm start` starts it: its Node, where it has one, its flags, its build. It
 * runs in this folder all the same, so that a `.env` in either folder makes no difference between the two.
 */
export function serviceOf(checkout: string): readonly string[] {
  const words = startWords(checkout);
  const node = join(checkout, 'node_modules/.bin/node');
  return [
    existsSync(node) ? node : NODE,
    ...words.slice(0, -1),
    ...words.slice(-1).map((entry) => join(checkout, entry)),
  ];
}

/** The words after `node` in the start script of a checkout: flags, then the file to run. */
function startWords(checkout: string): string[] {
  const file = readFileSync(join(checkout, 'package.json'), 'utf8');
  const { scripts } = JSON.parse(file) as { scripts: { start: string } };
  const words = scripts.start.split(' ');
  return words.slice(words.indexOf('node') + 1);
}

const READY_WITHIN_MS = 20_000;
const POLL_MS = 20;

/** Says in one sentence which programs are missing, and ends. */
export function requirePrograms(...names: readonly string[]): void {
  const missing = names.filter((name) => !exists(name));
  if (missing.length === 0) return;
  console.error(
    `The bench needs ${missing.join(' and ')}: on Debian, "apt-get install nginx-light wrk util-linux".`,
  );
  process.exit(1);
}

function exists(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`]);
    return true;
  } catch {
    return false;
  }
}

/** A process pinned to a core. */
export class Pinned {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a command on a core and waits until the URL answers 200. */
  static async start(
    core: number,
    command: readonly string[],
    readyUrl: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Pinned> {
    const child = spawn('taskset', ['-c', String(core), ...command], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const one = new Pinned(child);
    const kill = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const until = performance.now() + READY_WITHIN_MS;
    while (!(await answers(readyUrl))) {
      if (child.exitCode !== null || performance.now() > until) {
        throw new Error(`${command.join(' ')} does not answer at ${readyUrl}.`);
      }
      await delay(POLL_MS);
    }
    return one;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** CPU that the process has used, user and system, in microseconds. */
  get cpuMicroseconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    // USER_HZ is 100 on every Linux that Node runs on.
    return ticks * 10_000;
  }

  /** Resident memory in MiB. */
  get rssMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  /** Open sockets, the listening one included. */
  get sockets(): number {
    const folder = `/proc/${this.pid}/fd`;
    return readdirSync(folder).filter((file) => isSocket(join(folder, file))).length;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

function isSocket(file: string): boolean {
  try {
    return readlinkSync(file).startsWith('socket:');
  } catch {
    // Closed since the folder was listed.
    return false;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  const [low = NaN, high = NaN] = [sorted[Math.floor(half)], sorted[Math.ceil(half)]];
  return (low + high) / 2;
}
