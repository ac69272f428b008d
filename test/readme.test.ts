import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { startService } from './support/service.js';

const run = promisify(execFile);

const SERVER = process.env.TEST_DATABASE_URL ?? '';

/** A call as a page shows it. */
interface ShownCall {
  readonly path: string;
  readonly command: string;
  readonly language: string;
  readonly shown: string;
}

/** Every curl of a page, with the output that the page shows for it. */
function readCalls(page: string): ShownCall[] {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const pairs = text.matchAll(/```bash\n(curl [^`]+)```\n\n```(json|text)\n([^`]+)```/g);
  return [...pairs].map(([, command = '', language = '', shown = '']) => ({
    path: /localhost:8000([^\s']+)/.exec(command)?.[1] ?? '',
    command,
    language,
    shown,
  }));
}

/** Ids, times and the stub's port differ from call to call. */
function withoutChance(output: string): string {
  return output
    .replaceAll(/"(id|rid|request_id|instance_id)": ?"[\da-f-]{32,36}"/g, '"$1":"…"')
    .replaceAll(/"created": ?\d+/g, '"created":0')
    .replaceAll(/"(\w+_)?ms": ?[\d.]+/g, '"$1ms":0')
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"/g, '"…"')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1');
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: SERVER });
  await client.connect();
  await client.query(statement);
  await client.end();
}

describe.each(['README.md', 'README.ko.md'])('%s', (page) => {
  const calls = readCalls(page);
  const database = `readme_${randomBytes(6).toString('hex')}`;
  const outputs = new Map<string, string>();
  let folder: string;

  /** In order and on a log of their own: those about the log are about the ones before them. */
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'readme-'));
    await onServer(`create database ${database}`);
    // A server behind a socket has an address without a host, which is no URL.
    const databaseUrl = SERVER.replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${database}`);
    const { url } = await startService({ databaseUrl, dataDir: join(folder, 'data') });
    let withRealId = (command: string): string => command;
    for (const { command, shown } of calls) {
      const asked = withRealId(command).replace('http://localhost:8000', url);
      const { stdout } = await run('bash', ['-c', asked], { cwd: folder });
      outputs.set(command, stdout);
      const [shownId, id] = [idIn(shown), idIn(stdout)];
      if (shownId && id) withRealId = (next) => next.replace(shownId, id);
    }
  });

  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await onServer(`drop database if exists ${database} with (force)`);
  });

  it('shows a call per endpoint', () => {
    const endpoints = [
      '/api/interview/step',
      '/api/feedback',
      '/api/report',
      '/api/chat/completions',
      '/v1/chat/completions',
      '/chat',
      '/api/calls?',
      '/api/calls/',
      '/api/stats',
      '/health',
    ];
    for (const endpoint of endpoints) {
      expect(calls.some(({ path }) => path.startsWith(endpoint))).toBe(true);
    }
  });

  it.each(calls.filter(({ language }) => language === 'json'))(
    'shows what really comes back from $path',
    ({ path, command, shown }) => {
      const real: unknown = JSON.parse(withoutChance(outputs.get(command) ?? ''));
      const told = JSON.parse(withoutChance(shown)) as Record<string, unknown>;

      // Of a single call the page shows what the list above it has not.
      if (path.startsWith('/api/calls/')) expect(real).toEqual(expect.objectContaining(told));
      else expect(real).toEqual(told);
    },
  );

  it.each(calls.filter(({ language }) => language === 'text'))(
    'shows the events that really come from $path',
    ({ command, shown }) => {
      const [beginning = '', end = ''] = withoutChance(shown).trim().split('\n…\n');
      const events = withoutChance(outputs.get(command) ?? '').trim();

      expect(events.startsWith(beginning)).toBe(true);
      expect(events.endsWith(end)).toBe(true);
    },
  );
});

/** The first id in a reply or event. */
function idIn(output: string): string | undefined {
  return /"id": ?"([\da-f-]{32,36})"/.exec(output)?.[1];
}
