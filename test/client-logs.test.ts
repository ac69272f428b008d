import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import type { CallPageDto } from '../src/call-log/call-log.dto.js';
import { CallRows } from '../src/client/logs/call-rows.js';
import { moment } from '../src/client/logs/moment.js';
import { runClient } from '../src/client/program.js';
import { loadSettings } from '../src/config/load-settings.js';
import { type ClientRun, runClientHere } from './support/client.js';
import { clientEnvOf } from './support/local-key.js';
import { startService, startStub, type TestService } from './support/service.js';
import { callAt, type NewCall, ownMoment, removeCalls, storeCalls } from './support/stored-calls.js';

const folder = mkdtempSync(join(tmpdir(), 'client-logs-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

let service: TestService;
/** Of this test alone: what else is in the table does not count. */
let mark: string;
let start: number;

beforeEach(async () => {
  service = await startService();
  mark = randomUUID();
  start = ownMoment();
});

const closing: (() => void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await removeCalls('instance_id', mark);
});

const at = (ms: number): string => new Date(start + ms).toISOString();

const store = (...calls: NewCall[]): Promise<void> =>
  storeCalls(
    service,
    calls.map((call) => ({ interview_id: mark, ...call, instance_id: mark })),
  );

/** Runs the client's `logs` with these arguments against the service. */
const logs = (...args: string[]): Promise<ClientRun> =>
  runClientHere(['logs', ...args, '--url', service.url], { env: clientEnvOf(service) });

/** A server that answers by this function. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close().closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes one piece at a time, and counts those that come while it is not ready. */
class SlowReader extends Writable {
  length = 0;
  /** Bytes that waited for it at once. */
  mostWaiting = 0;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _: BufferEncoding, taken: () => void): void {
    this.length += chunk.length;
    this.mostWaiting = Math.max(this.mostWaiting, this.writableLength);
    setImmediate(taken);
  }
}

describe('logs list', () => {
  it('shows the newest calls in a table that fits 80 columns', async () => {
    await store(
      callAt(start, { question: 'Older?' }),
      callAt(start + 60_000, {
        outcome: 'interrupted',
        model_served: 'an-organisation/a-model-with-a-long-name',
        total_ms: 299_999,
        prompt_tokens: 123_456,
        question: '면접관: 느린 쿼리는 어떻게 찾나요?\n지원자: 로그에서 찾습니다.',
      }),
    );

    const { code, stdout, stderr } = await logs('list', '--interview', mark);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const rows = stdout.split('\n').slice(0, -1);
    expect(rows[0]).toMatch(/^id +time +task +outcome +model +ms +tokens question$/);
    expect(rows[1]).toMatch(/ interrupted .* 299999 123474 면접관/);
    expect(rows[2]).toMatch(/ ok .* 120 +118 Older\?$/);
    expect(Math.max(...rows.map((row) => stringWidth(row)))).toBeLessThanOrEqual(80);
  });

  it('follows pages up to the limit, and says that there are more', async () => {
    await store(...Array.from({ length: 203 }, (_, index) => callAt(start + index)));

    const { stdout, stderr } = await logs('list', '--interview', mark, '--limit', '202', '--json');

    expect(stdout.trim().split('\n')).toHaveLength(202);
    expect(stderr).toBe('The newest 202 only; --limit shows more.\n');
  });

  it('shows 20 where no limit is given', async () => {
    await store(...Array.from({ length: 21 }, (_, index) => callAt(start + index)));

    const { stdout } = await logs('list', '--interview', mark, '--json');

    expect(stdout.trim().split('\n')).toHaveLength(20);
  });

  it('prints what the service says as a line of JSON each', async () => {
    await store(callAt(start, { question: 'a\u0085b' }), callAt(start + 1));

    const { stdout } = await logs('list', '--interview', mark, '--json');

    const { body } = await service.get<CallPageDto>(`/api/calls?interview_id=${mark}`);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(body.calls);
    expect(stdout).toContain('a\\u0085b');
  });

  it.each([
    { flags: ['--model', 'model-x'], facts: { model_served: 'model-x' } },
    { flags: ['--task', 'report'], facts: { task: 'report' } },
    { flags: ['--outcome', 'failed'], facts: { outcome: 'failed' as const } },
    { flags: ['--user', 'u&1'], facts: { user_id: 'u&1' } },
    { flags: ['--interview', '면접 1'], facts: { interview_id: '면접 1' } },
    { flags: ['--prompt-version', 'v2'], facts: { prompt_version: 'v2' } },
    { flags: ['--tag', 'b'], facts: { tags: ['a', 'b'] } },
    { flags: ['--min-latency', '121'], facts: { total_ms: 121 } },
  ])('finds by $flags', async ({ flags, facts }) => {
    const wanted = callAt(start, facts);
    await store(callAt(start), wanted);

    const period = ['--from', at(0), '--to', at(1)];
    const { stdout } = await logs('list', ...period, '--json', ...flags);

    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual([wanted.id]);
  });

  it('finds by a period', async () => {
    const wanted = callAt(start + 2000);
    await store(callAt(start), wanted, callAt(start + 4000));
    const { stdout } = await logs(
      'list',
      '--interview',
      mark,
      '--from',
      at(1000),
      '--to',
      at(3000),
      '--json',
    );

    expect((JSON.parse(stdout) as { id: string }).id).toBe(wanted.id);
  });

  it('says which tasks there are where there is none of that name', async () => {
    const { code, stdout, stderr } = await logs('list', '--task', 'nonsense');

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('--task');
    expect(stderr).toContain('interview_step');
  });

  it('says that no call matches, in Korean too', async () => {
    const nothing = { code: 0, stdout: '' };
    expect(await logs('list', '--interview', mark)).toEqual({ ...nothing, stderr: 'No call matches.\n' });
    expect(await logs('list', '--interview', mark, '--lang', 'ko')).toEqual({
      ...nothing,
      stderr: '조건에 맞는 호출이 없습니다.\n',
    });
  });

  it('shows control characters of a question instead of sending them to the terminal', async () => {
    await store(callAt(start, { question: '\u001b[2Jx' }));

    expect((await logs('list', '--interview', mark)).stdout).toContain(' \\u001b[2Jx\n');
  });
});

describe('a table of calls', () => {
  const call = {
    id: '01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0',
    started_at: new Date(2026, 10, 21, 9, 5, 7).toISOString(),
    outcome: 'ok',
    task: 'chat',
    model_asked: 'm',
    model_served: null,
    prompt_tokens: 1,
    completion_tokens: 2,
    total_ms: null,
    question: null,
  };

  it.each([
    { now: new Date(2026, 10, 21, 23), time: '09:05:07' },
    { now: new Date(2026, 10, 22, 0), time: '11-21 09:05' },
  ])('has local times, with the day where it is another one: $time', ({ now, time }) => {
    expect(new CallRows([call], 80, now).row(call)).toContain(`8c38d0 ${time} chat ok`);
  });
});

describe('--from and --to', () => {
  it.each([
    ['2026-11-21T09:30:00Z', '2026-11-21T09:30:00.000Z'],
    ['2026-11-21T09:30+09:00', '2026-11-21T00:30:00.000Z'],
    ['2026-11-21', new Date(2026, 10, 21).toISOString()],
    ['2026-11-21T09:30', new Date(2026, 10, 21, 9, 30).toISOString()],
    ['2026-11-21 09:30:15', new Date(2026, 10, 21, 9, 30, 15).toISOString()],
  ])('take %s for %s', (text, utc) => {
    expect(moment(text)).toBe(utc);
  });

  it.each([
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('take %s for so long ago', (text, ms) => {
    const before = Date.now();
    const found = Date.parse(moment(text));
    expect(found).toBeGreaterThanOrEqual(before - ms);
    expect(found).toBeLessThanOrEqual(Date.now() - ms);
  });

  it.each(['yesterday', '2026-02-30', '2026-11-21T25:00', '', '9999999d', '999999d', '24'])(
    'refuse %j by a sentence',
    async (text) => {
      const { code, stderr } = await logs('list', '--from', text);

      expect(code).toBe(2);
      expect(stderr).toContain('It must be a date or time like 2026-11-21');
    },
  );
});

describe('a filter that the service refuses', () => {
  it.each([
    [['list', '--from', '24h', '--to', '30h'], '--to must be later than --from.'],
    [
      ['list', '--interview', 'x'.repeat(600), '--tag', ''],
      '--interview must be one text of 1 to 200 characters without control characters. --tag must be one text of 1 to 200 characters without control characters.',
    ],
    [['analyze', '--from', '1h', '--to', '2h'], '--to must be later than --from, and is now if left out.'],
  ])('is named by its flag in a sentence: %j', async (args, sentence) => {
    expect(await logs(...args)).toEqual({ code: 2, stdout: '', stderr: `${sentence}\n` });
  });
});

describe('logs show', () => {
  it('shows facts, tries, question and answer of a call', async () => {
    service.stub.script({ kind: 'status', status: 500 }, { kind: 'reply', content: 'An answer.' });
    const { headers } = await service.post('/api/chat', { user_id: mark, prompt: 'A question?' });
    const id = headers['x-call-id'] ?? '';

    const { code, stdout } = await logs('show', id);
    await removeCalls('user_id', mark);

    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^id +${id}\n`));
    expect(stdout).toMatch(/\noutcome +ok\n/);
    expect(stdout).toMatch(/\nattempts +2\n/);
    expect(stdout).toMatch(
      /\ntries\n {2}1\. http\S+ · \S+ · [\d.]+ ms.*\n {2}2\. http\S+ · answered · [\d.]+ ms · \d+ \+ \d+ tokens\n/s,
    );
    expect(stdout).toContain('\nquestion\n  A question?\n\nanswer\n  An answer.\n');
  });

  it('shows an object field by field', async () => {
    await store(
      callAt(start, { reply: JSON.stringify({ message: '질문입니다.', tags: ['a', 'b'], score: 7 }) }),
    );
    const { stdout: list } = await logs('list', '--interview', mark, '--json');
    const { id } = JSON.parse(list) as { id: string };

    const { stdout } = await logs('show', id);

    expect(stdout).toContain(
      '\nreply\n  message\n    질문입니다.\n  tags\n    • a\n    • b\n  score\n    7\n',
    );
  });

  it('prints everything as one object of JSON', async () => {
    const call = callAt(start, { question: 'x' });
    await store(call);

    const { stdout } = await logs('show', call.id, '--json');

    expect(JSON.parse(stdout)).toEqual((await service.get(`/api/calls/${call.id}`)).body);
  });

  it('takes the end of an id, as a list shows it', async () => {
    // Of the newest calls, among which it is looked for.
    const call = callAt(Date.now(), { question: 'This one' });
    await store(call);

    const { code, stdout } = await logs('show', call.id.slice(-6));

    expect(code).toBe(0);
    expect(stdout).toContain(call.id);
  });

  it('says that no call has the id', async () => {
    const { code, stderr } = await logs('show', '01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0');

    expect(code).toBe(1);
    expect(stderr).toMatch(/The log has no call with that id.* or from what logs list shows\.\n$/);
  });

  it('refuses what is no id', async () => {
    expect(await logs('show', '../../metrics')).toMatchObject({
      code: 2,
      stderr:
        '../../metrics is no id of a call: take X-Call-Id of the reply, or what logs list shows under id.\n',
    });
  });
});

describe('logs export', () => {
  const calls = (): Promise<void> =>
    store(
      callAt(start, { question: '첫 질문', prompt_version: 'v1' }),
      callAt(start + 1, { question: '=1+1' }),
    );

  it.each([
    ['csv', 'seed'],
    ['csv', 'all'],
    ['jsonl', 'seed'],
    ['jsonl', 'all'],
  ])('writes the file that the service gives: %s, %s', async (format, columns) => {
    await calls();
    const file = join(folder, randomUUID());

    const run = await logs(
      'export',
      '--interview',
      mark,
      '--format',
      format,
      '--columns',
      columns,
      '--output',
      file,
    );

    expect(run).toMatchObject({ code: 0, stdout: '' });
    expect(run.stderr).toMatch(/^[12] KiB written to \S+\.\n$/);
    const { stdout } = await logs('export', '--interview', mark, '--format', format, '--columns', columns);
    expect(readFileSync(file, 'utf8')).toBe(stdout);
    expect(stdout).toContain('첫 질문');
    expect(existsSync(`${file}.part`)).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('takes the format from the name of the file', async () => {
    await calls();
    const file = join(folder, `${randomUUID()}.jsonl`);
    await logs('export', '--interview', mark, '--output', file);

    expect(JSON.parse(readFileSync(file, 'utf8').split('\n')[0] ?? '')).toMatchObject({
      question: '첫 질문',
    });
  });

  it('refuses a format that is not the one in the name of the file', async () => {
    const { code, stderr } = await logs('export', '--format', 'csv', '--output', join(folder, 'new.jsonl'));

    expect(code).toBe(2);
    expect(stderr).toBe('--output ends with .jsonl, and --format is csv: change one of the two.\n');
  });

  it('begins a CSV with a byte order mark for Excel, which logs analyze passes over', async () => {
    await calls();
    const file = join(folder, `${randomUUID()}.csv`);
    await logs('export', '--interview', mark, '--columns', 'seed', '--output', file, '--bom');

    expect(readFileSync(file, 'utf8')).toMatch(/^\uFEFFtimestamp,/);
    expect((await runClientHere(['logs', 'analyze', file])).stdout).toContain('\nv1                  1 ');
  });

  it('refuses a byte order mark for another format than CSV', async () => {
    const { code, stderr } = await logs('export', '--format', 'jsonl', '--bom');

    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: '--bom is for CSV: leave it out, or say --format csv.\n',
    });
  });

  it('writes what logs analyze reads', async () => {
    await calls();
    const file = join(folder, `${randomUUID()}.csv`);
    await logs('export', '--interview', mark, '--columns', 'seed', '--output', file);

    expect((await runClientHere(['logs', 'analyze', file])).stdout).toContain('\nv1                  1 ');
  });

  it('leaves a file as it is that is there already, unless it is told otherwise', async () => {
    await calls();
    const file = join(folder, `${randomUUID()}.csv`);
    writeFileSync(file, 'mine');

    expect(await logs('export', '--interview', mark, '--output', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${file} is there already: name another file, or say --overwrite to replace it.\n`,
    });
    expect(readFileSync(file, 'utf8')).toBe('mine');

    expect(await logs('export', '--interview', mark, '--output', file, '--overwrite')).toMatchObject({
      code: 0,
    });
    expect(readFileSync(file, 'utf8')).toContain('첫 질문');
  });

  it('does not replace what is no file', async () => {
    expect(await logs('export', '--format', 'csv', '--output', folder, '--overwrite')).toMatchObject({
      code: 2,
      stderr: `${folder} is no file: name one, or - for standard output.\n`,
    });
  });

  it.each(['x.xml', 'calls'])('refuses a file whose name says no format: %s', async (name) => {
    const file = join(folder, name);

    expect(await logs('export', '--output', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `The name ${file} does not say how calls are to be written; let it end with .csv or .jsonl, or say --format.\n`,
    });
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  it('finds a folder that is missing before it asks the service', async () => {
    const { code, stderr } = await runClientHere([
      'logs',
      'export',
      '--url',
      'http://127.0.0.1:1',
      '--output',
      join(folder, 'none', 'calls.csv'),
    ]);

    expect(code).toBe(2);
    expect(stderr).toMatch(/calls\.csv\.part cannot be written: its folder is not there; make it first\./);
  });

  it('keeps what came under another name when the connection breaks', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.write('timestamp,message\nhalf', () => response.destroy());
    });
    const file = join(folder, `${randomUUID()}.csv`);

    const { code, stdout, stderr } = await runClientHere(['logs', 'export', '--url', url, '--output', file]);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(
      `What came before is in ${file}.part, which is not the whole log: run the command again.`,
    );
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(`${file}.part`, 'utf8')).toBe('timestamp,message\nhalf');
  });

  it('says that what it printed is not the whole log when the connection breaks', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.write('timestamp,message\nhalf', () => response.destroy());
    });

    const { code, stdout, stderr } = await runClientHere(['logs', 'export', '--url', url]);

    expect({ code, stdout }).toEqual({ code: 1, stdout: 'timestamp,message\nhalf' });
    expect(stderr).toContain('What was printed is not the whole log: run the command again.');
  });

  it('leaves nothing where nothing came', async () => {
    const file = join(folder, `${randomUUID()}.csv`);

    const { code } = await runClientHere([
      'logs',
      'export',
      '--url',
      'http://127.0.0.1:1',
      '--retries',
      '0',
      '--output',
      file,
    ]);

    expect(code).toBe(3);
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  it('ends with 130 when it is interrupted, and says where the beginning is', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' });
      response.write('timestamp,message\nhalf');
    });
    const file = join(folder, `${randomUUID()}.csv`);
    const stop = new AbortController();
    const ended = runClientHere(['logs', 'export', '--url', url, '--output', file], { stop: stop.signal });
    while (!existsSync(`${file}.part`) || statSync(`${file}.part`).size === 0)
      await new Promise(setImmediate);
    stop.abort();

    expect(await ended).toEqual({
      code: 130,
      stdout: '',
      stderr: `What came before is in ${file}.part, which is not the whole log: run the command again.\n`,
    });
  });

  it('waits for a reader who is slow', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv' });
      for (let count = 0; count < 100; count++) response.write('x'.repeat(65_536));
      response.end();
    });
    const reader = new SlowReader();
    const host = { stdin: process.stdin, stdout: reader, stderr: reader, env: {} };

    const code = await runClient(['logs', 'export', '--url', url], host, new AbortController().signal);

    expect({ code, length: reader.length }).toEqual({ code: 0, length: 100 * 65_536 });
    expect(reader.mostWaiting).toBeLessThanOrEqual(65_536);
  });
});

describe('logs analyze without a file', () => {
  it('prints the numbers of the service as the same two tables', async () => {
    await store(
      callAt(start, { prompt_version: 'v1', total_ms: 100, prompt_tokens: 100, completion_tokens: 44 }),
      callAt(start + 1, { prompt_version: 'v1', total_ms: 112.5, prompt_tokens: 100, completion_tokens: 44 }),
      callAt(start + 2, { prompt_version: 'v2', outcome: 'failed', total_ms: 5 }),
      callAt(start + 3, { total_ms: 1, model_served: 'm2' }),
    );
    const period = ['--from', new Date(start).toISOString(), '--to', new Date(start + 60_000).toISOString()];

    const { code, stdout, stderr } = await logs('analyze', ...period);

    expect({ code, stdout: stdout.split('\n') }).toEqual({
      code: 0,
      stdout: [
        'Prompt version stats:',
        '                calls  avg_latency_ms  avg_tokens',
        'prompt_version                                   ',
        'v1                  2          106.25       144.0',
        'v2                  1               -           -',
        '(none)              1            1.00       118.0',
        '',
        'Model stats:',
        '              calls  avg_latency_ms',
        'model                              ',
        'm2                1            1.00',
        'model-served      3          106.25',
        '',
      ],
    });
    expect(stderr).toMatch(/^\n4 calls, .* to .*; averages of those answered\.\n$/);
  });

  it('names a wrong period by its flag', async () => {
    const { code, stderr } = await logs('analyze', '--from', '40d');

    expect(code).toBe(2);
    expect(stderr).toBe('--from must be at most 31 days before --to.\n');
  });
});

/** Each command that asks the service. */
const READING = [['list'], ['show', '01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0'], ['export'], ['analyze']];

describe('logs that cannot be read', () => {
  it('says which scope the key lacks', async () => {
    const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:secret-app' }, undefined).settings;
    const { url } = await startService({ apiKeys });

    expect(await runClientHere(['logs', 'list', '--url', url, '--api-key', 'secret-app'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `The key may not read the call log of ${url}: use one whose entry in API_KEYS has the scope read.\n`,
    });
  });

  it('says that it needs LLM Service where an engine answers', async () => {
    const { url } = await startStub();

    for (const command of READING) {
      expect(await runClientHere(['logs', ...command, '--url', url])).toEqual({
        code: 1,
        stdout: '',
        stderr: `${url} answers, but has no such route: this command needs LLM Service. Name one with --url or LLM_SERVICE_URL.\n`,
      });
    }
  });

  it.each(['null', '[]', '{}', '{"calls":{}}', '{"calls":[null]}'])(
    'says that another server answers where it gives %s',
    async (json) => {
      const url = await serve((_, answer) => {
        answer.setHeader('content-type', 'application/json').end(json);
      });

      for (const command of READING) {
        expect(await runClientHere(['logs', ...command, '--url', url])).toEqual({
          code: 1,
          stdout: '',
          stderr: `${url} answers, but not with LLM Service’s call log. Name LLM Service with --url or LLM_SERVICE_URL.\n`,
        });
      }
    },
  );

  it('says that no server is there', async () => {
    const { code, stderr } = await runClientHere([
      'logs',
      'list',
      '--url',
      'http://127.0.0.1:1',
      '--retries',
      '0',
    ]);

    expect(code).toBe(3);
    expect(stderr).toMatch(/^http:\/\/127\.0\.0\.1:1 .*\n$/);
  });
});
