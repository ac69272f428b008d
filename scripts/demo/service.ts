import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.ts';

/** A service to call, and how to leave it as it was found. */
export interface Service {
  url: string;
  isOurs: boolean;
  stop: () => Promise<void>;
}

const DEFAULT_URL = 'http://127.0.0.1:8000';
const ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const PROBE_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 100;
const START_TIMEOUT_MS = 30_000;
const LOG_TAIL = 2_000;

/** The service at a given URL; else the one on the default port; else one of our own. */
export async function findService(url: string | undefined): Promise<Service> {
  if (url !== undefined) return { url, isOurs: false, stop: () => Promise.resolve() };
  if (await isOk(`${DEFAULT_URL}/health`)) {
    return { url: DEFAULT_URL, isOurs: false, stop: () => Promise.resolve() };
  }
  return startService(ENTRY);
}

/** Where a service takes its settings from; by default from where the demo was started. */
interface Where {
  /** Folder of its `.env`. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a service with the operator's own settings on a free port, and waits until it is ready. */
export async function startService(entry: string, where: Where = {}): Promise<Service> {
  if (!existsSync(entry)) throw new Error(`${entry} is missing. Build the service first: npm run build`);
  const dataDir = mkdtempSync(join(tmpdir(), 'llm-service-demo-'));
  // Where root runs the demo, the database has an account of its own and must get through.
  chmodSync(dataDir, 0o711);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [entry], {
    cwd: where.cwd,
    env: {
      ...(where.env ?? process.env),
      APP_HOST: '127.0.0.1',
      APP_PORT: String(port),
      // Only this machine reaches the port, and the demo has no key of the operator's .env.
      AUTH: 'off',
      LOG_LEVEL: 'WARNING',
      // What the demo plays is nobody's interview: it stays out of the operator's log.
      DATABASE_URL: '',
      DATA_DIR: dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const keepTail = (chunk: Buffer) => (log = (log + chunk.toString()).slice(-LOG_TAIL));
  child.stdout.on('data', keepTail);
  child.stderr.on('data', keepTail);
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  const terminate = () => child.kill('SIGTERM');
  const stop = async () => {
    process.off('exit', terminate);
    terminate();
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  };
  // However the demo ends, also by Ctrl-C while the service is starting.
  process.once('exit', terminate);

  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await isOk(`${url}/health/ready`))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`The service stopped while starting.\n${log}`);
    }
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`The service was not ready after ${START_TIMEOUT_MS / 1000} s.\n${log}`);
    }
    await Promise.race([sleep(POLL_INTERVAL_MS), exited]);
  }
  return { url, isOurs: true, stop };
}

async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
