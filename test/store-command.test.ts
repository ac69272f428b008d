import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import { type CallRow, wholeRow } from '../src/call-store/call-row.js';
import { writeCalls } from '../src/call-store/call-writer.js';
import { dayOf, firstId, partitionName } from '../src/call-store/upkeep/days.js';
import { Tally } from '../src/cli/store/backup-format.js';
import { type ExitCode, runStore } from '../src/cli/store/command.js';
import { readCalls } from '../src/cli/store/read-calls.js';
import { Settings } from '../src/config/settings.js';
import { migrate } from '../src/database/migrate.js';
import type { Tables } from '../src/database/tables.js';
import { openFolder, removeLater, startHere } from './support/embedded.js';
import { patient } from './support/pace.js';

const DATABASE_URL = process.env.TEST_DATABASE_URL ?? '';

const asRoot = process.getuid?.() === 0 ? it : it.skip;

const DAY_MS = 86_400_000;
const NOW = Date.now();

/** Every column as the text that the server has for it. */
const EXACTLY = `
  select id, started_at::text, ended_at::text, outcome, turn, tags::text, streamed, queue_ms::text, total_ms::text,
    question, answer, score::text, is_passed, action, input::text, request::text, reply::text, tries::text
  from calls order by id`;

interface Result {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** Databases that no test uses; making one costs more than emptying it. */
const free: string[] = [];
const used: string[] = [];
const pools: Pool[] = [];
const holders: Client[] = [];

afterEach(async () => {
  jest.useRealTimers();
  for (const holder of holders.splice(0)) await holder.end();
  for (const pool of pools.splice(0)) await pool.end();
  for (const name of used.splice(0)) {
    await query(urlOf(name), 'drop schema public cascade; create schema public');
    free.push(name);
  }
});

afterAll(async () => {
  for (const name of free) await query(DATABASE_URL, `drop database ${name} with (force)`);
}, patient(60_000));

async function query(url: string, statements: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statements);
  await client.end();
}

/** The address of another database on the server of the tests. */
const urlOf = (name: string): string => DATABASE_URL.replace(/^([^/]*\/\/[^/]*\/)[^?]*/, `$1${name}`);

/** An empty database of its own. */
async function newDatabase(): Promise<string> {
  let name = free.pop();
  if (name === undefined) {
    name = `store_${randomBytes(6).toString('hex')}`;
    await query(DATABASE_URL, `create database ${name} template template0`);
  }
  used.push(name);
  return urlOf(name);
}

/** Connections that end with the test. */
function connect(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 2 });
  // Its server may end before it.
  pool.on('error', () => undefined);
  pools.push(pool);
  return pool;
}

/** Keeps what a statement locks until the test lets it go, or ends. */
async function hold(url: string, statement: string): Promise<() => Promise<unknown>> {
  const holder = new Client({ connectionString: url });
  holders.push(holder);
  await holder.connect();
  await holder.query(`begin; ${statement}`);
  return () => holder.query('rollback');
}

async function rowsOf(url: string, question = EXACTLY): Promise<Record<string, unknown>[]> {
  const { rows } = await connect(url).query<Record<string, unknown>>(question);
  return rows;
}

const settingsOf = (values: Partial<Settings>): Settings => Object.assign(new Settings(), values);

/** Runs the command on a service's store. */
async function store(
  args: readonly string[],
  values: Partial<Settings> = {},
  signal?: AbortSignal,
): Promise<Result> {
  let stdout = '';
  let stderr = '';
  const code = await runStore(
    args,
    { stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) } },
    { settings: settingsOf(values), ...(signal && { signal }) },
  );
  return { code, stdout, stderr };
}

/** A store that a service has used. */
async function newStore(rows: readonly CallRow[] = []): Promise<string> {
  const url = await newDatabase();
  const pool = connect(url);
  await migrate(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }));
  if (rows.length > 0) await writeCalls(pool, rows, 10_000);
  return url;
}

/** An id of a moment; the same number makes the same one. */
const idAt = (moment: number, number: number): string =>
  firstId(new Date(moment)).slice(0, 24) + number.toString(16).padStart(12, '0');

/** What every call has. */
function call(number: number, facts: Record<string, unknown> = {}, texts: Partial<CallRow> = {}): CallRow {
  const { id = idAt(NOW - 1000 + number, number), outcome = 'ok' } = texts;
  const row = {
    id,
    outcome,
    started_at: '2026-11-21T09:00:00.123456+09:00',
    instance_id: '00000000-0000-4000-8000-000000000001',
    request_id: `r-${number}`,
    task: 'interview.step',
    lane: 'live',
    tags: [],
    model_asked: 'm',
    provider: 'stub',
    streamed: false,
    attempts: 1,
    resets: 0,
    prompt_tokens: 10,
    completion_tokens: 5,
    wasted_tokens: 0,
    ...facts,
  };
  return wholeRow({ ...texts, id, outcome, facts: JSON.stringify(row) });
}

const calls = (count: number): CallRow[] => Array.from({ length: count }, (_, number) => call(number + 1));

/** Calls with all that a careless copy changes. */
const AWKWARD = [
  call(
    1,
    { tags: ['a b', '{"x"}', "it's", '', 'NULL', '역할'], question: '이름이 뭐예요?\n"\\', queue_ms: 0.1 },
    {
      request: '{ "b": 1,\t"a": 1.0, "a": 2e400, "nul": "\\u0000", "half": "\\ud800" }',
      reply: '"\\u0000"',
      tries: '[]',
    },
  ),
  call(2, { total_ms: 16_777.217, queue_ms: 3.4e38, ended_at: '2026-11-21T00:00:00.000001Z', turn: 3 }),
  call(3, { answer: '', question: '\u2028\ufeff\\.' }, { reply: 'null' }),
  call(
    5,
    { score: 7.1, is_passed: false, action: '질문' },
    { input: '{"b": "\\u0001", "a": [1e400, "역할"]}' },
  ),
  call(4, {}, { outcome: 'interrupted' }),
];

const copied = (count: string): Result => ({
  code: 0,
  stdout: expect.stringMatching(new RegExp(`^${count} copied in \\d+\\.\\d s\\.\n$`)) as unknown as string,
  stderr: '',
});

/** The sentence with which a command ends. */
async function refusalOf(args: readonly string[], values: Partial<Settings> = {}): Promise<string> {
  const { code, stdout, stderr } = await store(args, values);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr.slice(0, -1);
}

/** When the transactions began in which the command waits for a lock. */
const WAITS = `
  select xact_start::text as began from pg_stat_activity
  where datname = current_database() and application_name = 'llm-service store' and wait_event_type = 'Lock'`;

/** Waits until the command has waited for locks in so many transactions, or has ended. */
async function untilItWaits(url: string, running: Promise<unknown>, times: number): Promise<void> {
  const state = { over: false };
  const ended = (): void => {
    state.over = true;
  };
  running.then(ended, ended);
  const onlooker = connect(url);
  const seen = new Set<string>();
  while (!state.over && seen.size < times)
    for (const { began } of (await onlooker.query<{ began: string }>(WAITS)).rows) seen.add(began);
}

const firstWait = (url: string, running: Promise<unknown>): Promise<void> => untilItWaits(url, running, 1);

/** Waits until the command has come back to a lock that it had not got in time. */
const turnedAway = (url: string, running: Promise<unknown>): Promise<void> => untilItWaits(url, running, 2);

/** Has time pass for the limits of the command only as the test says. */
function stopTime(): void {
  jest.useFakeTimers({
    doNotFake: [
      'Date',
      'clearImmediate',
      'clearInterval',
      'hrtime',
      'nextTick',
      'queueMicrotask',
      'setImmediate',
      'setInterval',
    ],
  });
}

/** A copy whose one call somebody holds in the target; time passes for it only as the test says. */
async function heldCopy(): Promise<{
  args: readonly ['copy', '--to', string];
  options: Partial<Settings>;
  letGo: () => Promise<unknown>;
}> {
  const options = { databaseUrl: await newStore(calls(1)) };
  const args = ['copy', '--to', await newDatabase()] as const;
  await store(args, options);
  const letGo = await hold(args[2], 'select from calls for update');
  stopTime();
  return { args, options, letGo };
}

/** Stops the command as soon as it tells that it has done that with its first batch; the sentence with which it ends. */
async function stoppedAt(done: string, args: readonly string[]): Promise<string> {
  const stop = new AbortController();
  let told = '';
  const write = (text: string): void => {
    told += text;
    if (text.includes(done)) stop.abort();
  };
  const code = await runStore(
    args,
    { stdout: { write: () => true }, stderr: { isTTY: true, write } },
    { settings: new Settings(), signal: stop.signal },
  );
  expect(code).toBe(1);
  return told.slice(told.lastIndexOf('\u001b[K') + '\u001b[K'.length, -1);
}

describe('npm run store -- copy', () => {
  it('brings every call over as it is, to the last character', async () => {
    const from = await newStore(AWKWARD);
    const to = await newDatabase();
    expect(await store(['copy', '--to', to], { databaseUrl: from })).toEqual(copied('5 calls'));
    const rows = await rowsOf(to);
    expect(rows).toEqual(await rowsOf(from));
    expect(rows[0]?.request).toBe(AWKWARD[0]?.request);
    expect(rows[0]?.started_at).toContain('.123456');
  });

  it('copies more than a batch', async () => {
    const from = await newStore(calls(2345));
    const to = await newDatabase();
    expect(await store(['copy', '--to', to, '--from', from])).toEqual(copied('2,345 calls'));
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
  });

  it('goes on where a copy was broken off, and leaves calls of the target alone', async () => {
    const rows = calls(20);
    const own = call(99);
    const from = await newStore(rows);
    const to = await newStore([...rows.slice(0, 7), own]);
    expect((await store(['copy', '--to', to], { databaseUrl: from })).code).toBe(0);
    expect((await store(['copy', '--to', to], { databaseUrl: from })).code).toBe(0);
    const ids = (await rowsOf(to)).map(({ id }) => id);
    expect(ids).toEqual([...rows, own].map(({ id }) => id));
  });

  it('ends a call that was running at the time of an earlier copy', async () => {
    const over = call(1, { answer: 'done' });
    const from = await newStore([over]);
    const to = await newStore([call(1, {}, { outcome: 'running' })]);
    await store(['copy', '--to', to], { databaseUrl: from });
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
  });

  it('never takes a finished call for one that runs', async () => {
    const from = await newStore([call(1, {}, { outcome: 'running' })]);
    const to = await newStore([call(1, { answer: 'done' })]);
    await store(['copy', '--to', to], { databaseUrl: from });
    expect(await rowsOf(to)).toMatchObject([{ outcome: 'ok', answer: 'done' }]);
  });

  it('gives a table to every day that is kept, and none to others', async () => {
    const moments = [NOW - 20 * DAY_MS, NOW - 3 * DAY_MS, NOW, NOW + 400 * DAY_MS];
    const from = await newStore(
      moments.map((moment, number) => call(number, {}, { id: idAt(moment, number) })),
    );
    const to = await newDatabase();
    await store(['copy', '--to', to], { databaseUrl: from, retentionDays: 10 });
    const rows = await rowsOf(to, 'select tableoid::regclass::text as table from calls order by id');
    const [, kept, today] = moments.map((moment) => partitionName(dayOf(new Date(moment))));
    expect(rows.map(({ table }) => table)).toEqual(['calls_other', kept, today, 'calls_other']);
  });

  it('waits for who keeps a day from getting its table', async () => {
    const from = await newStore(calls(3));
    const to = await newStore();
    const letGo = await hold(to, 'select from calls');
    const copying = store(['copy', '--to', to], { databaseUrl: from });
    await turnedAway(to, copying);
    await letGo();
    expect(await copying).toEqual(copied('3 calls'));
    const tables = await rowsOf(to, 'select distinct tableoid::regclass::text as table from calls');
    expect(tables).toEqual([{ table: partitionName(dayOf(new Date(NOW))) }]);
  });

  it('says who keeps a day from getting its table for too long, and writes nothing', async () => {
    stopTime();
    const from = await newStore(calls(3));
    const to = await newStore();
    await hold(to, 'select from calls');
    const copying = refusalOf(['copy', '--to', to], { databaseUrl: from });
    await turnedAway(to, copying);
    jest.advanceTimersByTime(60_001);
    expect(await copying).toMatch(/^--to is read or written by somebody else for long, .* calls_\d{8} from/);
    expect(await rowsOf(to)).toEqual([]);
  });

  it('gives a batch longer than the service gives a statement', async () => {
    const { args, options, letGo } = await heldCopy();
    const copying = store(args, options);
    await firstWait(args[2], copying);
    jest.advanceTimersByTime(599_000);
    await letGo();
    expect(await copying).toEqual(copied('1 call'));
  });

  it('says that a batch has taken too long', async () => {
    const { args, options } = await heldCopy();
    const copying = refusalOf(args, options);
    await firstWait(args[2], copying);
    jest.advanceTimersByTime(600_001);
    expect(await copying).toMatch(/^--to takes too long for one step \(.*\): see in its pg_stat_activity/);
  });

  it('tells a terminal how far it is', async () => {
    const from = await newStore(calls(1));
    let told = '';
    const stderr = { isTTY: true, write: (text: string) => (told += text) };
    const to = await newDatabase();
    await runStore(
      ['copy', '--from', from, '--to', to],
      { stdout: { write: () => true }, stderr },
      {
        settings: new Settings(),
      },
    );
    expect(told).toContain('\r1 call copied');
    expect(told.endsWith('\r\u001b[K')).toBe(true);
  });

  it('keeps what is written when it is stopped', async () => {
    const to = await newDatabase();
    expect(await stoppedAt('copied', ['copy', '--to', to, '--from', await newStore(calls(1200))])).toBe(
      'Stopped. What is written stays, and the command can be repeated.',
    );
    expect(await rowsOf(to)).toHaveLength(500);
  });

  it('refuses the same database by another address', async () => {
    const url = await newStore(calls(1));
    const again = `${url}${url.includes('?') ? '&' : '?'}application_name=other`;
    expect(await refusalOf(['copy', '--to', again], { databaseUrl: url })).toMatch(
      /^DATABASE_URL is the same database as the target/,
    );
  });

  it('refuses a target into which another copy is under way', async () => {
    const to = await newStore();
    await connect(to).query('select pg_advisory_lock(7316024984)');
    expect(await refusalOf(['copy', '--to', to], { databaseUrl: await newStore() })).toBe(
      'Another copy or restore is under way into --to: let it finish first.',
    );
  });

  it('refuses a source that no service has used', async () => {
    expect(await refusalOf(['copy', '--to', await newDatabase(), '--from', await newDatabase()])).toBe(
      '--from has no call log: no service has used it yet.',
    );
  });

  it.each(['--from', '--to'])('refuses in %s what a newer version has written', async (option) => {
    const other = await newStore(calls(1));
    const newer = await newStore();
    await connect(newer).query(
      `insert into llm_service_migrations select '9999-later', max(timestamp) from llm_service_migrations`,
    );
    const stores =
      option === '--to' ? { '--to': newer, '--from': other } : { '--to': other, '--from': newer };
    const sentence = await refusalOf(['copy', ...Object.entries(stores).flat()]);
    expect(sentence).toContain('a newer version of the service (it has 9999-later)');
    expect(sentence).not.toContain('DATABASE_URL');
  });

  it('tells of a server that does not answer, without the password', async () => {
    const url = 'postgresql://llm:sesame@127.0.0.1:1/x';
    const sentence = await refusalOf(['copy', '--to', url], { databaseUrl: await newStore() });
    expect(sentence).toMatch(/^--to does not answer \(connect ECONNREFUSED 127\.0\.0\.1:1\): is the server/);
    expect(sentence).not.toContain('sesame');
  });

  it('tells of a database that there is not', async () => {
    const to = urlOf('no_such_database');
    expect(await refusalOf(['copy', '--to', to], { databaseUrl: await newStore() })).toMatch(
      /^--to cannot be used: the server has no such database/,
    );
  });
});

describe('a batch', () => {
  it('has few calls where they are large', async () => {
    const reply = (): string => JSON.stringify(randomBytes(600_000).toString('hex'));
    const pool = connect(await newStore());
    for (let number = 1; number <= 12; number += 1)
      await writeCalls(pool, [call(number, {}, { reply: reply() })], 10_000);
    const batches: number[] = [];
    for await (const rows of readCalls(pool, 'it')) batches.push(rows.length);
    expect(batches.reduce((sum, rows) => sum + rows)).toBe(12);
    expect(Math.max(...batches)).toBeLessThan(6);
  });

  it('holds calls of the moment at which reading began', async () => {
    const pool = connect(await newStore(calls(1500)));
    const batches = readCalls(pool, 'it');
    const first = await batches.next();
    await writeCalls(pool, [call(5000)], 10_000);
    let count = first.value?.length ?? 0;
    for await (const rows of batches) count += rows.length;
    expect(count).toBe(1500);
  });
});

describe('npm run store -- backup and restore', () => {
  let file: string;

  beforeEach(() => {
    file = join(openFolder('backup-'), 'calls.backup');
  });

  /** Makes a backup of so many calls. */
  async function backupOf(rows: readonly CallRow[]): Promise<string> {
    const databaseUrl = await newStore(rows);
    expect(await store(['backup', file], { databaseUrl })).toMatchObject({ code: 0, stderr: '' });
    return databaseUrl;
  }

  /** Changes what is in the file, not how it is packed. */
  function edit(change: (text: string) => string): void {
    writeFileSync(file, gzipSync(change(gunzipSync(readFileSync(file)).toString())));
  }

  /** A backup that was changed on purpose, with the last line that belongs to it. */
  function resealed(text: string): string {
    const lines = text.split('\n').slice(0, -2);
    const tally = new Tally();
    tally.rows = lines.length - 1;
    for (const line of lines) tally.update(`${line}\n`);
    return `${lines.join('\n')}\n${tally.trailerLine()}`;
  }

  /** Restores into an empty database, which must stay empty. */
  async function refusal(): Promise<string> {
    const url = await newDatabase();
    const sentence = await refusalOf(['restore', file, '--to', url]);
    expect(await rowsOf(url, `select to_regclass('calls') as calls`)).toEqual([{ calls: null }]);
    return sentence.replace(file, 'FILE');
  }

  it('bring every call back as it was, to the last character', async () => {
    const from = await backupOf(AWKWARD);
    const to = await newDatabase();
    expect(await store(['restore', file], { databaseUrl: to })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^5 calls restored in \d+\.\d s\.\n$/) as unknown,
    });
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
  });

  it('bring back the calls of a backup from before there was input', async () => {
    await backupOf(calls(2));
    edit((text) =>
      resealed(
        text
          .replaceAll('"input":null,', '')
          .replace(/"migration":"[^"]*"/, '"migration":"0002-third-of-a-page"'),
      ),
    );
    const to = await newDatabase();
    expect(await store(['restore', file], { databaseUrl: to })).toMatchObject({ code: 0, stderr: '' });
    expect(await rowsOf(to, 'select input, score from calls')).toEqual([
      { input: null, score: null },
      { input: null, score: null },
    ]);
  });

  it('can be repeated', async () => {
    const from = await backupOf(calls(700));
    for (const _ of [1, 2]) expect((await store(['restore', file], { databaseUrl: from })).code).toBe(0);
    expect(await rowsOf(from)).toHaveLength(700);
  });

  it('leave a file that only its owner may read, and nothing beside it', async () => {
    await backupOf(calls(3));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(file, '..'))).toEqual(['calls.backup']);
  });

  it('keep what was there when a backup does not work', async () => {
    writeFileSync(file, 'the last backup');
    const stopped = AbortSignal.abort();
    const { code, stderr } = await store(
      ['backup', file],
      { databaseUrl: await newStore(calls(1)) },
      stopped,
    );
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Stopped. No backup is left, and ${file} is as it was before.\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe('the last backup');
    expect(readdirSync(join(file, '..'))).toEqual(['calls.backup']);
  });

  it('keep what is restored when a restore is stopped', async () => {
    await backupOf(calls(1200));
    const to = await newDatabase();
    expect(await stoppedAt('restored', ['restore', file, '--to', to])).toBe(
      'Stopped. What is written stays, and the command can be repeated.',
    );
    expect(await rowsOf(to)).toHaveLength(500);
  });

  it('write nothing when a restore is stopped while it reads', async () => {
    await backupOf(calls(3));
    const to = await newDatabase();
    const { code, stderr } = await store(['restore', file, '--to', to], {}, AbortSignal.abort());
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'Stopped. Nothing is written yet.\n' });
    expect(await rowsOf(to, `select to_regclass('calls') as calls`)).toEqual([{ calls: null }]);
  });

  it('notice a file that was cut', async () => {
    await backupOf(calls(700));
    writeFileSync(file, readFileSync(file).subarray(0, -20));
    expect(await refusal()).toMatch(/^FILE is cut off at row \d+: /);
  });

  it('notice a file whose end is missing', async () => {
    await backupOf(calls(5));
    edit((text) => `${text.split('\n').slice(0, -3).join('\n')}\n`);
    expect(await refusal()).toMatch(/^FILE is cut off at row 5: /);
  });

  it('notice a byte that has changed', async () => {
    await backupOf(calls(700));
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    writeFileSync(file, bytes);
    expect(await refusal()).toMatch(/^FILE (is damaged at row \d+|does not match its checksum): /);
  });

  it.each([
    ['a word that has changed', (text: string) => text.replace('"r-2"', '"r-9"')],
    ['a row that is missing', (text: string) => text.replace(/^.*"r-2".*\n/m, '')],
  ])('notice %s, and claim for no row that it is in order', async (_, change) => {
    await backupOf(calls(5));
    edit(change);
    expect(await refusal()).toBe(
      'FILE does not match its checksum: take another backup. Which of its rows are wrong cannot be told.',
    );
  });

  it('notice that the checksum of the packing is wrong', async () => {
    await backupOf(calls(5));
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 8) ^ 1, bytes.length - 8);
    writeFileSync(file, bytes);
    expect(await refusal()).toMatch(/^FILE does not match its checksum: /);
  });

  it.each([
    ['a row that is no call', (text: string) => text.replace('{"facts":', '{"fact":'), 1],
    ['a row behind the end', (text: string) => `${text}{}\n`, 6],
  ])('notice %s', async (_, change, row) => {
    await backupOf(calls(5));
    edit(change);
    expect(await refusal()).toBe(`FILE is damaged at row ${row}: take another backup.`);
  });

  it.each([
    ['format', (text: string) => text.replace('"version":1', '"version":2')],
    ['schema', (text: string) => text.replace(/"migration":"[^"]*"/, '"migration":"9999-later"')],
  ])('refuse a file with a %s of a newer version', async (_, change) => {
    await backupOf(calls(1));
    edit(change);
    expect(await refusal()).toMatch(/^FILE was made by a newer version of the service/);
  });

  it.each([
    ['text', 'hello'],
    ['nothing', ''],
    ['packed text', gzipSync('hello\n')],
    ['packed nothing', gzipSync('')],
  ])('refuse a file with %s', async (_, content) => {
    writeFileSync(file, content);
    expect(await refusal()).toBe("FILE is no backup of this service's calls.");
  });

  it('say which file there is not', async () => {
    expect(await refusal()).toBe('FILE: there is no such file or folder.');
    expect(await refusalOf(['backup', '/no/such/folder/file'], { databaseUrl: await newStore() })).toBe(
      '/no/such/folder/file: there is no such file or folder.',
    );
  });

  it('put no file in the place of something else', async () => {
    mkdirSync(file);
    expect(await refusalOf(['backup', file], { databaseUrl: await newStore() })).toContain('this is no file');
  });
});

describe('the service’s own database', () => {
  it('is copied to a server and back', async () => {
    const dataDir = openFolder('store-own-');
    const from = await newStore(AWKWARD);
    expect(await store(['copy', '--to', 'embedded'], { databaseUrl: from, dataDir })).toEqual(
      copied('5 calls'),
    );
    const to = await newDatabase();
    expect(await store(['copy', '--to', to], { dataDir })).toEqual(copied('5 calls'));
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  });

  it('is backed up while the service runs on it, and copied only when it does not', async () => {
    const dataDir = openFolder('store-own-');
    await store(['copy', '--to', 'embedded'], { databaseUrl: await newStore(calls(9)), dataDir });
    await startHere(dataDir);
    const file = join(openFolder('backup-'), 'calls.backup');
    const { code, stdout } = await store(['backup', file], { dataDir });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^9 calls written to /);
    const to = await newDatabase();
    expect(await refusalOf(['copy', '--to', to], { dataDir })).toMatch(/is in use by another service/);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(true);
  });

  asRoot('is found under /var/lib, where it lies if its account does not get to DATA_DIR', async () => {
    const closed = openFolder('store-closed-');
    chmodSync(closed, 0o700);
    const dataDir = join(closed, 'data');
    await store(['copy', '--to', 'embedded'], { databaseUrl: await newStore(calls(9)), dataDir });
    const server = await startHere(dataDir);
    removeLater(dirname(server.connection.host));
    const file = join(openFolder('backup-'), 'calls.backup');
    const running = await store(['backup', file], { dataDir });
    await server.stop();
    const to = await newDatabase();
    expect(running).toMatchObject({ code: 0, stderr: '' });
    expect(await store(['copy', '--to', to], { dataDir })).toEqual(copied('9 calls'));
  });

  it('is looked for without a change to the folder', async () => {
    const dataDir = openFolder('store-own-');
    chmodSync(dataDir, 0o700);
    expect(await refusalOf(['backup', '/tmp/unused'], { dataDir })).toMatch(/^There is no database in /);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('is not made for a backup', async () => {
    const dataDir = join(openFolder('store-own-'), 'none');
    expect(await refusalOf(['backup', '/tmp/unused'], { dataDir })).toMatch(/^There is no database in /);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('a server that lets not everybody in', () => {
  it('tells of a wrong password and of a missing right, and shows no password', async () => {
    const server = await startHere(openFolder('store-guest-'));
    const { host, port, user, database } = server.connection;
    const urlWith = (account: string): string =>
      `postgresql://${account}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
    const pool = connect(urlWith(user));
    await pool.query(`create role guest login password 'sesame'`);
    const { rows } = await pool.query<{ hba_file: string }>('show hba_file');
    appendFileSync(rows[0]?.hba_file ?? '', 'local all guest scram-sha-256\n');
    await pool.query('select pg_reload_conf()');
    const from = { databaseUrl: await newStore(calls(1)) };

    const wrong = await refusalOf(['copy', '--to', urlWith('guest:open-up')], from);
    expect(wrong).toMatch(/^--to cannot be used: the server does not accept its password/);
    expect(wrong).not.toContain('open-up');

    const powerless = await refusalOf(['copy', '--to', urlWith('guest:sesame')], from);
    expect(powerless).toMatch(/^The user of --to may not make tables/);

    await store(['copy', '--to', urlWith(user)], from);
    const blind = await refusalOf(['backup', '/tmp/unused', '--from', urlWith('guest:sesame')]);
    expect(blind).toMatch(/^--from lacks a right: grant it, .*permission denied/);
  });
});

describe('npm run store', () => {
  it.each([
    [[], 'Say what to do'],
    [['dump'], 'There is no command "dump".'],
    [['copy'], 'Name the store to copy to: --to.'],
    [['copy', 'file', '--to', 'embedded'], 'name no file'],
    [['copy', '--to', 'embedded'], 'Name two different stores.'],
    [['copy', '--to', 'mysql://x/y'], '--to must be an address like postgresql://'],
    [['backup'], 'Name the file.'],
    [['backup', 'a', 'b'], 'Name one file.'],
    [['backup', 'a', '--to', 'embedded'], 'A backup has no --to'],
    [['restore', 'a', '--from', 'embedded'], 'A restore has no --from'],
    [['backup', '--fast'], "Unknown option '--fast'"],
  ])('%j is wrong use', async (args, sentence) => {
    const { code, stdout, stderr } = await store(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('Usage:');
  });

  it('--help prints how it is used', async () => {
    const { code, stdout, stderr } = await store(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Usage: npm run store -- copy --to STORE');
  });
});
