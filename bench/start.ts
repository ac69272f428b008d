import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../scripts/free-port.ts';
import type { Bench } from './bench.ts';
import { startDatabase } from './database.ts';
import { median, SERVICE } from './machine.ts';
import { printTable } from './table.ts';

const POLL_MS = 5;

/**
 * How long the service takes from its command to the first connection that it accepts, on all cores, stub included: with
 * a server that runs already, with a database of its own that it has to make, and with its own that is there.
 */
export async function benchStart({ rounds }: Bench): Promise<void> {
  const server = await startDatabase();
  const [running, first, later]: [number[], number[], number[]] = [[], [], []];
  // The tables are made once, which no round is to count.
  await startOnce(server.env);
  for (let round = 0; round < rounds; round++) {
    const own = { DATABASE_URL: '', DATA_DIR: mkdtempSync(join(tmpdir(), 'llm-service-bench-start-')) };
    running.push(await startOnce(server.env));
    first.push(await startOnce(own));
    later.push(await startOnce(own));
    rmSync(own.DATA_DIR, { recursive: true });
  }
  await server.stop();
  const row = (database: string, seconds: readonly number[]) => [
    database,
    median(seconds).toFixed(2),
    Math.max(...seconds).toFixed(2),
    (median(seconds) - median(running)).toFixed(2),
  ];
  printTable(
    'From the command of `npm start`, already built, to listening, with the built-in stub',
    ['database', 'median s', 'slowest s', 'added s'],
    [
      row('a server that runs', running),
      row('its own, first start', first),
      row('its own, later starts', later),
    ],
  );
}

async function startOnce(database: NodeJS.ProcessEnv): Promise<number> {
  const port = await freePort();
  const [node = '', ...options] = SERVICE;
  const env = {
    ...process.env,
    ENGINE: 'stub',
    APP_HOST: '127.0.0.1',
    APP_PORT: String(port),
    ...database,
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
