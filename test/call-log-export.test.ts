import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { sql } from 'kysely';
import { request } from 'undici';
import { CallLogRepository } from '../src/call-log/call-log.repository.js';
import { type CallFilter, filterOf } from '../src/call-log/call-filter.js';
import { SEED } from '../src/call-log/export-layouts.js';
import { openText } from '../src/call-log/export-text.js';
import { LogReader } from '../src/call-log/log-reader.js';
import { FACT_NAMES } from '../src/calls/call-columns.js';
import type { Problem } from '../src/common/errors.js';
import { type CsvRecord, readCsv } from '../src/csv/read-csv.js';
import { DatabaseService } from '../src/database/database.service.js';
import { expectProblem } from './support/problem.js';
import { startService, type TestService } from './support/service.js';
import { callAt, type NewCall, ownMoment, removeCalls, storeCalls } from './support/stored-calls.js';

const SEED_HEADER = 'timestamp,message,prompt_version,model,latency_ms,total_tokens,provider';

let service: TestService;
/** Of this test alone: what else is in the table does not count. */
let mark: string;
let start: number;

beforeEach(async () => {
  service = await startService();
  mark = randomUUID();
  start = ownMoment();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await removeCalls('instance_id', mark);
});

const store = (...calls: NewCall[]): Promise<void> =>
  storeCalls(
    service,
    calls.map((call) => ({ interview_id: mark, ...call, instance_id: mark })),
  );

const pathOf = (parameters: string): string => `/api/calls/export?interview_id=${mark}&${parameters}`;

async function exported(parameters: string): Promise<{ headers: Headers; text: string }> {
  const response = await fetch(service.url + pathOf(parameters), { headers: service.localKey });
  expect(response.status).toBe(200);
  return { headers: response.headers, text: await response.text() };
}

async function csv(text: string): Promise<(readonly string[])[]> {
  const records: CsvRecord[] = [];
  const bytes = new Blob([text]).stream() as unknown as AsyncIterable<Uint8Array>;
  for await (const batch of readCsv(bytes)) records.push(...batch);
  return records.map(({ cells }) => cells);
}

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Writes many small calls, a millisecond apart, or a few large ones. */
async function fill(count: number, questionBytes = 10): Promise<void> {
  const { db } = service.app.get(DatabaseService);
  await sql`
    insert into calls (id, started_at, instance_id, outcome, request_id, interview_id, task, lane, tags, model_asked, provider,
      streamed, attempts, resets, prompt_tokens, completion_tokens, wasted_tokens, total_ms, question)
    select
      (substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7000-8000-' || ${mark.slice(-12)}::text)::uuid,
      to_timestamp((${start}::bigint + n) / 1000.0), ${mark}::uuid, 'ok', 'req', ${mark}, 'chat', 'interactive', '{}', 'm', 'stub',
      false, 1, 0, n, 0, 0, 1, rpad(n::text, ${questionBytes}::int, '-')
    from (select n, lpad(to_hex(${start}::bigint + n), 12, '0') as hex from generate_series(1, ${count}::int) as n) as row
  `.execute(db);
}

describe('GET /api/calls/export', () => {
  it('writes the seven columns as CSV, oldest first', async () => {
    await store(
      callAt(start + 1000, {
        question: 'two',
        prompt_version: 'v2',
        model_served: null,
        total_ms: 99.5,
        provider: 'openai',
      }),
      callAt(start, { question: 'LLMOps가 뭐야?', prompt_version: 'v1', total_ms: 120.4 }),
    );
    const { text } = await exported('columns=seed');
    const first = new Date(start).toISOString();
    const second = new Date(start + 1000).toISOString();
    expect(text).toBe(
      `${SEED_HEADER}\n${first},LLMOps가 뭐야?,v1,model-served,120,118,stub\n${second},two,v2,model-asked,100,118,openai\n`,
    );
  });

  it.each([
    ['a comma and quotes', 'He said "a, b"'],
    ['line breaks', '첫째 줄\n둘째 줄\r\nthird'],
    ['a formula', '=HYPERLINK("http://evil.example","x")'],
    ['a formula behind a line break', '\n=1+1'],
    ['a sign', '-1 is what?'],
    ['an apostrophe before a formula', "'=1+1"],
    ['Korean and emoji', '가나다 👩‍💻'],
    ['nothing', ''],
  ])('gives back a question with %s as it was', async (_, question) => {
    await store(callAt(start, { question }));
    const { text } = await exported('format=csv&columns=seed');
    expect((await csv(text)).map((cells) => cells[1])).toEqual(['message', question]);
  });

  it('writes no cell that a spreadsheet takes for a formula', async () => {
    await store(callAt(start, { question: '=1+1', user_id: '@SUM(1)', answer: '+1', request_id: '-2' }));
    for (const columns of ['seed', 'all']) {
      const { text } = await exported(`columns=${columns}`);
      expect(text).not.toMatch(/(^|,)"?[=+\-@]/m);
    }
  });

  it('leaves calls without a latency out of the seven columns, and of nothing else', async () => {
    await store(callAt(start, { total_ms: null, outcome: 'running' }), callAt(start, { question: 'over' }));
    expect(await csv((await exported('columns=seed')).text)).toHaveLength(1 + 1);
    expect(await csv((await exported('columns=all')).text)).toHaveLength(1 + 2);
  });

  it('writes every column, JSON as its text', async () => {
    const request = '{"messages": [{"content":"=1"}],"seed":12345678901234567890}';
    const call = callAt(start, { tags: ['a', 'b,"c'], request, reply: '"x\\u0000"', first_token_ms: 7.25 });
    await store(call);

    const [header = [], cells = []] = await csv((await exported('')).text);

    expect(header).toEqual(FACT_NAMES);
    const row = Object.fromEntries(header.map((name, at) => [name, cells[at]]));
    expect(row).toMatchObject({
      id: call.id,
      started_at: new Date(start).toISOString(),
      interview_id: mark,
      tags: '["a","b,\\"c"]',
      streamed: 'false',
      first_token_ms: '7.25',
      user_id: '',
      request,
      reply: '"x\\u0000"',
      tries: '',
    });
  });

  it('writes JSONL with the same seven names', async () => {
    await store(callAt(start, { question: '=1\n둘', prompt_version: null, total_ms: 5.2 }));
    expect(lines((await exported('format=jsonl&columns=seed')).text)).toEqual([
      {
        timestamp: new Date(start).toISOString(),
        message: '=1\n둘',
        prompt_version: null,
        model: 'model-served',
        latency_ms: 5,
        total_tokens: 118,
        provider: 'stub',
      },
    ]);
  });

  it('writes JSONL lines that are what the call’s own route shows', async () => {
    const call = callAt(start, { tags: ['a'], request: '{"a":[1]}', tries: '[{"ms":1}]', question: '둘' });
    await store(call);
    const [line] = lines((await exported('format=jsonl')).text);
    expect(line).toEqual((await service.get(`/api/calls/${call.id}`)).body);
  });

  it('takes the filters of the list', async () => {
    const found = callAt(start, { user_id: 'u-7', outcome: 'failed', total_ms: 700 });
    await store(found, callAt(start, { user_id: 'u-7' }), callAt(start + 5, { user_id: 'u-8' }));
    const filters = `outcome=failed&user_id=u-7&min_latency=700&to=${new Date(start + 1).toISOString()}`;
    expect(lines((await exported(`format=jsonl&${filters}`)).text)).toMatchObject([{ id: found.id }]);
  });

  it.each([
    ['format=csv&columns=seed', SEED_HEADER + '\n'],
    ['format=jsonl', ''],
  ])('is whole where nothing is found: %s', async (parameters, expected) => {
    expect((await exported(parameters)).text).toBe(expected);
  });

  it.each([
    ['csv', 'text/csv; charset=utf-8'],
    ['jsonl', 'application/x-ndjson; charset=utf-8'],
  ])('is a file with a date in its name: %s', async (format, type) => {
    const { headers } = await exported(`format=${format}`);
    expect(headers.get('content-type')).toBe(type);
    expect(headers.get('content-disposition')).toMatch(
      new RegExp(String.raw`^attachment; filename="calls-\d{4}-\d\d-\d\d\.${format}"$`),
    );
  });

  it('writes thousands of calls, each once and in order', async () => {
    await fill(3210);
    const found = lines((await exported('format=jsonl&columns=seed')).text);
    expect(found.map(({ total_tokens }) => total_tokens)).toEqual(
      Array.from({ length: 3210 }, (_, at) => at + 1),
    );
  });

  it.each([
    ['task=nonsense', '/task'],
    ['format=xml', '/format'],
    ['columns=few', '/columns'],
    ['limit=5', '/limit'],
    ['cursor=x', '/cursor'],
    ['colums=seed', '/colums'],
  ])('refuses wrong parameters: %s', async (parameters, path) => {
    const { errors } = expectProblem(await service.get<Problem>(pathOf(parameters)), 'VALIDATION_FAILED');
    expect(errors).toMatchObject([{ path }]);
  });
});

describe('the byte order mark of an export', () => {
  const bytes = async (parameters: string): Promise<Buffer> =>
    Buffer.from(
      await (await fetch(service.url + pathOf(parameters), { headers: service.localKey })).arrayBuffer(),
    );

  it('stands before a CSV where it is asked for, and is no part of its header', async () => {
    const plain = await bytes('columns=seed');
    const marked = await bytes('columns=seed&bom=true');

    expect(marked).toEqual(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), plain]));
    expect((await csv(marked.toString()))[0]?.[0]).toBe('timestamp');
  });

  it('is refused before JSON', async () => {
    const { status, body } = await service.get<Problem>(pathOf('format=jsonl&bom=true'));

    expect({ status, errors: body.errors }).toEqual({
      status: 400,
      errors: [{ path: '/bom', message: 'is for CSV alone: leave it out' }],
    });
  });
});

describe('an export in JSON Lines', () => {
  it('has a line a call for readers that know Unicode’s line ends too', async () => {
    const question = 'one\u2028two\u2029three\u0085four';
    await store(callAt(start, { question }));

    const { text } = await exported('format=jsonl');

    expect(text.trimEnd().split(/[\n\u0085\u2028\u2029]/)).toHaveLength(1);
    expect(lines(text)).toMatchObject([{ question }]);
  });
});

describe('what is held of an export', () => {
  const all = (): CallFilter => filterOf({ interview_id: mark });

  async function sizesOf(batches: AsyncIterable<readonly unknown[]>): Promise<number[]> {
    const sizes: number[] = [];
    for await (const { length } of batches) sizes.push(length);
    return sizes;
  }

  it('is at most 500 rows', async () => {
    await fill(1100);
    const batches = service.app.get(CallLogRepository).short(all());
    expect(await sizesOf(batches)).toEqual([500, 500, 100]);
  });

  it('is fewer rows where they are large, and one where that is larger than all', async () => {
    await fill(5, 400_000);
    await store(callAt(start + 100, { question: '-'.repeat(3_000_000) }), callAt(start + 200));
    const batches = service.app.get(CallLogRepository).whole(all());
    expect(await sizesOf(batches)).toEqual([2, 2, 1, 1, 1]);
  });

  it.each(['csv', 'jsonl'] as const)('is read only when the %s before it is taken', async (format) => {
    let read = 0;
    const call = {
      id: '',
      started_at: new Date(start),
      question: '-'.repeat(70_000),
      prompt_version: null,
      model_asked: 'm',
      model_served: null,
      total_ms: 1,
      prompt_tokens: 1,
      completion_tokens: 1,
      provider: 'stub',
    };
    async function* batches() {
      for (;;) {
        read++;
        yield await Promise.resolve([call]);
      }
    }
    const text = await openText(batches(), SEED, format);
    expect(read).toBe(1);
    await text.next();
    expect(read).toBe(1);
    await text.next();
    expect(read).toBe(2);
    await text.return();
    expect(read).toBe(2);
  });
});

describe('an export that does not come to its end', () => {
  it('breaks the connection off when the database goes away', async () => {
    await fill(60, 1_000_000);
    const database = service.app.get(DatabaseService);
    const { statusCode, body } = await request(service.url + pathOf('columns=seed'), {
      headers: service.localKey,
    });
    expect(statusCode).toBe(200);
    let bytes = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        // Until the next look at the database, which finds it there.
        database.lost(new Error('gone'));
      }
    };
    await expect(reading()).rejects.toThrow();
    expect(bytes).toBeLessThan(60_000_000);
  });

  it('is cut when its reader takes nothing for SLOW_READER_TIMEOUT', async () => {
    await fill(60, 1_000_000);
    const { app, url, localKey } = await startService({ slowReaderTimeout: 0.2 });
    const connected = once(app.getHttpServer(), 'connection') as Promise<[Socket]>;
    const { hostname, port } = new URL(url);
    const reader = connect(Number(port), hostname).pause();
    const key = `Authorization: ${localKey.authorization}`;
    reader.write(`GET ${pathOf('columns=seed')} HTTP/1.1\r\nHost: localhost\r\n${key}\r\n\r\n`);
    const [connection] = await connected;

    await once(connection, 'close');

    // Enough for it to be an answer, and far from all.
    expect(connection.bytesWritten).toBeGreaterThan(100_000);
    expect(connection.bytesWritten).toBeLessThan(30_000_000);
    reader.destroy();
  });

  it('is read no further when its reader leaves', async () => {
    await fill(60, 1_000_000);
    const { body } = await request(service.url + pathOf('columns=seed'), { headers: service.localKey });
    const [piece] = (await once(body, 'data')) as [Buffer];
    expect(piece.length).toBeGreaterThan(0);
    body.on('error', () => undefined).destroy();

    // Each of these waits for its turn behind the export's next query, if there is one.
    for (let count = 0; count < 5; count++) await service.get('/api/calls?limit=1');
    const reads = jest.spyOn(service.app.get(LogReader), 'together');
    for (let count = 0; count < 20; count++) await service.get('/api/calls?limit=1');
    expect(reads).toHaveBeenCalledTimes(20);
  });

  it('asks for nothing but the head of a HEAD', async () => {
    await fill(600);
    const reads = jest.spyOn(service.app.get(LogReader), 'together');
    // Days before it may have calls of other tests, each of which is a read.
    const from = `from=${new Date(start).toISOString()}`;
    const { statusCode, body } = await request(service.url + pathOf(from), {
      method: 'HEAD',
      headers: service.localKey,
    });
    await body.dump();
    expect(statusCode).toBe(200);
    expect(reads).toHaveBeenCalledTimes(1);
  });
});
