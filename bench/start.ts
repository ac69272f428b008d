import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../scripts/free-port.ts';
import type { Bench } from './bench.ts';
import { median, SERVICE } from './machine.ts';
import { printTable } from './table.ts';

const POLL_MS = 5;

/** How long the service takes from its command to the first connection that it accepts, on all cores, stub and database included. */
export async function benchStart({ rounds }: Bench): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'llm-service-bench-start-'));
  const first = await startOnce(dataDir);
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push(await startOnce(dataDir));
  rmSync(dataDir, { recursive: true });
  printTable(
    'From the command of `npm start`, already built, to listening, with the built-in stub',
    ['first start s', 'later starts s', 'slowest s'],
    [['npm start', first.toFixed(2), median(seconds).toFixed(2), Math.max(...seconds).toFixed(2)]],
  );
}

async function startOnce(dataDir: string): Promise<number> {
  const port = await freePort();
  const [node = '', ...options] = SERVICE;
  const env = {
    ...process.env,
    ENGINE: 'stub',
    APP_HOST: '127.0.0.1',
    APP_PORT: String(port),
    DATABASE_URL: '',
    DATA_DIR: dataDir,
  };
  const startedAt = performance.now();
  const child = spawn(node, options, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error('The service ended before it listened.');
    await delay(POLL_MS);
  }
  const took = performance.now() - startedAt;
  child.kill('SIGTERM');
  await ended;
  return took / 1000;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket
      .once('connect', () => {
        resolve(true);
      })
      .once('error', () => {
        resolve(false);
      });
    socket.once('connect', () => socket.destroy());
  });
}
