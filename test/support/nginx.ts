import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach } from '@jest/globals';
import { NGINX } from './programs.js';

const running: { readonly child: ChildProcess; readonly folder: string }[] = [];

afterEach(async () => {
  for (const { child, folder } of running.splice(0)) {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    rmSync(folder, { recursive: true });
  }
});

/**
 * Starts an nginx that ends with the test, as one process and without rights of its own.
 * @param http what stands in the `http` block; `listen unix:nginx.sock` in its server
 * @returns path of its socket
 */
export async function startNginx(http: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  mkdirSync(join(folder, 'tmp'));
  const socket = join(folder, 'nginx.sock');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, 'tmp', name)};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    [
      'daemon off; master_process off;',
      `pid ${join(folder, 'nginx.pid')};`,
      'error_log stderr notice;',
      'events {}',
      `http { access_log off; ${temporary.join(' ')}`,
      http.replaceAll('unix:nginx.sock', `unix:${socket}`),
      '}',
    ].join('\n'),
  );
  const child = spawn(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.push({ child, folder });
  const lines: string[] = [];
  for await (const line of createInterface(child.stderr)) {
    lines.push(line);
    // Said once it listens.
    if (line.includes('OS: ')) {
      child.stderr.resume();
      return socket;
    }
  }
  throw new Error(`nginx does not start:\n${lines.join('\n')}`);
}
