import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Embedded from '../src/database/embedded/embedded-server.js';
import { OTHER_CORE } from './machine.ts';

/** A PostgreSQL for the call log, on the core that is not measured. */
export interface BenchDatabase {
  /** Settings of a service that writes its log there. */
  readonly env: { readonly DATABASE_URL: string; readonly DATA_DIR: string };
  stop(): Promise<void>;
}

const built = (path: string): string => `../dist/${path}`;

/** Starts the service's own PostgreSQL, as the build has it, in a folder of its own. */
export async function startDatabase(): Promise<BenchDatabase> {
  const { startEmbeddedServer } = (await import(
    built('database/embedded/embedded-server.js')
  )) as typeof Embedded;
  const dataDir = mkdtempSync(join(tmpdir(), 'llm-service-bench-data-'));
  const server = await startEmbeddedServer({ dataDir });
  const [pid = ''] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
  for (const process of [pid, ...childrenOf(pid)]) {
    execFileSync('taskset', ['-c', '-p', String(OTHER_CORE), process], { stdio: 'ignore' });
  }
  const { host, port, user, database } = server.connection;
  return {
    env: {
      DATABASE_URL: `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`,
      DATA_DIR: dataDir,
    },
    stop: async () => {
      await server.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** Processes that a server has begun with; those of connections inherit its core. */
function childrenOf(pid: string): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ');
}
