import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { patient } from './support/pace.js';
import { HAS_PTY, NO_PTY, Pty } from './support/pty.js';
import { startService } from './support/service.js';

const SERVER = process.env.TEST_DATABASE_URL ?? '';

/** The material of the pages' structured calls. */
const TRANSCRIPT = 'Interviewer: How do you find a slow query?\nCandidate: I just look at it.\n';

/** A command of the client as a page shows it, with the screen below it. */
interface ShownScreen {
  readonly command: string;
  readonly shown: string;
}

function readScreens(page: string): ShownScreen[] {
  const text = readFileSync(page, 'utf8');
  const pairs = text.matchAll(/```bash\nnpm run client -- ([^\n]+)\n```\n\n```text\n([^`]+)\n```/g);
  return [...pairs].map(([, command = '', shown = '']) => ({ command, shown }));
}

/** The words of a command line as a shell would take it apart; the pages quote with " alone. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
}

/** Ids, times and figures differ from run to run, and with them how wide a column is and where a line ends; the tests' store is a server. */
function withoutChance(screen: string): string {
  return screen
    .replaceAll(/\b[\da-f]{8}-[\da-f-]{27}\b|\b[\da-f]{6}\b/g, 'ID')
    .replaceAll(/(localhost|127\.0\.0\.1):\d+/g, 'localhost')
    .replaceAll(/\d+(\.\d+)?/g, '0')
    .replaceAll(/\s+/g, '')
    .replace('databaseserver', 'databaseembedded')
    .replace('데이터베이스server', '데이터베이스embedded');
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: SERVER });
  await client.connect();
  await client.query(statement);
  await client.end();
}

describe.each(['docs/cli.md', 'README.md', 'README.ko.md'])('%s', (page) => {
  const screens = readScreens(page);
  const database = `client_docs_${randomBytes(6).toString('hex')}`;
  const outputs = new Map<string, string>();
  let folder: string;

  /** In order, on a log of their own: those about the log are about the ones before them. */
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'llm-service-client-docs-'));
    symlinkSync(resolve('examples'), join(folder, 'examples'));
    writeFileSync(join(folder, 'transcript.txt'), TRANSCRIPT);
    if (!HAS_PTY) return;
    await onServer(`create database ${database}`);
    const databaseUrl = SERVER.replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${database}`);
    const { url } = await startService({ databaseUrl, dataDir: join(folder, 'data') });
    let lastId = '';
    for (const { command } of screens) {
      const args = wordsOf(command.replace(/(?<=^logs show )\S+/, lastId));
      const pty = Pty.start(args, { cwd: folder, env: { LLM_SERVICE_URL: url } });
      expect(await pty.ended()).toBe(0);
      outputs.set(command, pty.screen);
      lastId = /^id .*\n([\da-f]{6})/m.exec(pty.screen)?.[1] ?? lastId;
    }
  }, patient(60_000));

  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await onServer(`drop database if exists ${database} with (force)`);
  });

  it('shows screens of the client', () => {
    expect(screens.length).toBeGreaterThan(2);
  });

  (HAS_PTY ? it : it.skip).each(screens)(
    `shows the real screen of $command${NO_PTY}`,
    ({ command, shown }) => {
      expect(withoutChance(outputs.get(command) ?? '')).toBe(withoutChance(shown));
    },
  );
});
