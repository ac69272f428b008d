import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CompiledQuery, sql } from 'kysely';
import { Client } from 'pg';
import { filterOf } from '../src/call-log/call-filter.js';
import { CallLogRepository } from '../src/call-log/call-log.repository.js';
import { writeCursor } from '../src/call-log/cursor.js';
import { LogReader } from '../src/call-log/log-reader.js';
import { momentOf } from '../src/call-log/moment.js';
import { Turns } from '../src/call-log/turns.js';
import type { CallDto, CallPageDto, CallSummaryDto } from '../src/call-log/call-log.dto.js';
import type { StatsDto } from '../src/call-log/stats.dto.js';
import { partitionBounds, partitionName } from '../src/call-store/upkeep/days.js';
import type { FieldError, Problem } from '../src/common/errors.js';
import { loadSettings } from '../src/config/load-settings.js';
import { DatabaseService } from '../src/database/database.service.js';
import { expectProblem } from './support/problem.js';
import { type Reply, startService, type TestService } from './support/service.js';
import { callAt, idAt, type NewCall, ownMoment, removeCalls, storeCalls } from './support/stored-calls.js';

const AWAY = 'postgresql://nobody:secret@127.0.0.1:1/nothing';

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
  await removeCalls('instance_id', mark);
  await removeCalls('user_id', mark);
});

const at = (ms: number): string => new Date(start + ms).toISOString();

const store = (...calls: NewCall[]): Promise<void> =>
  storeCalls(
    service,
    calls.map((call) => ({ interview_id: mark, ...call, instance_id: mark })),
  );

async function list(parameters: string): Promise<CallPageDto> {
  const { status, body } = await service.get<CallPageDto>(`/api/calls?interview_id=${mark}&${parameters}`);
  expect(status).toBe(200);
  return body;
}

const idsOf = (calls: readonly Pick<CallSummaryDto, 'id'>[]): string[] => calls.map(({ id }) => id);

/** The findings of a refusal, with its code and status checked. */
async function findings(path: string): Promise<readonly FieldError[]> {
  return expectProblem(await service.get<Problem>(path), 'VALIDATION_FAILED').errors ?? [];
}

describe('GET /api/calls', () => {
  it('shows facts, tokens and latencies, and how question and answer begin', async () => {
    const call = callAt(start, {
      user_id: 'u-7',
      tags: ['mock', '백엔드'],
      question: '가'.repeat(300),
      answer: 'a😀'.repeat(200),
      request: '{"messages":[]}',
      total_ms: 5.22,
    });
    await store(call);

    const { calls } = await list('');

    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({
      id: call.id,
      started_at: at(0),
      outcome: 'ok',
      user_id: 'u-7',
      tags: ['mock', '백엔드'],
      prompt_tokens: 100,
      completion_tokens: 18,
      total_ms: 5.22,
      question: '가'.repeat(200),
      answer: 'a😀'.repeat(100),
      error_code: null,
    });
    for (const name of ['request', 'reply', 'tries']) expect(calls[0]).not.toHaveProperty(name);
  });

  it('shows the beginning of a reply that is an object', async () => {
    await store(callAt(start, { reply: '{"score":7,"feedback":"Names the right tool."}' }));
    const { calls } = await list('');
    expect(calls[0]?.answer).toBe('{"score":7,"feedback":"Names the right tool."}');
  });

  it('has a call that was made just now', async () => {
    const reply = await service.post('/chat', { message: 'What is LLMOps?', user_id: mark });
    const { body } = await service.get<CallPageDto>(`/api/calls?user_id=${mark}`);
    expect(idsOf(body.calls)).toEqual([reply.headers['x-call-id']]);
  });

  it.each<[filter: string, facts: Partial<NewCall>]>([
    ['model=asked-x', { model_asked: 'asked-x' }],
    ['model=served-x', { model_served: 'served-x' }],
    ['task=feedback', { task: 'feedback' }],
    ['task=v1_chat', { task: 'v1_chat' }],
    ['outcome=failed', { outcome: 'failed' }],
    ['outcome=interrupted', { outcome: 'interrupted' }],
    ['user_id=u-7', { user_id: 'u-7' }],
    ['interview_id=int-7', { interview_id: 'int-7' }],
    ['prompt_version=v2', { prompt_version: 'v2' }],
    ['tag=mock', { tags: ['other', 'mock'] }],
    [`tag=${encodeURIComponent("a'b,{}")}`, { tags: ["a'b,{}"] }],
    ['min_latency=500', { total_ms: 500 }],
    ['min_latency=500&outcome=failed', { total_ms: 900, outcome: 'failed' }],
    ['request_id=req-7', { request_id: 'req-7' }],
    ['key=ops-7', { key_name: 'ops-7' }],
    ['action=NEXT_PHASE', { action: 'NEXT_PHASE' }],
    ['is_passed=true', { is_passed: true }],
    ['is_passed=false', { is_passed: false }],
    ['system_prompt_hash=c0ffee', { system_prompt_hash: 'c0ffee' }],
    ['prompt_name=judge', { prompt_name: 'judge' }],
    ['min_score=7.1', { score: 7.1 }],
    ['max_score=-0.5', { score: -0.5 }],
    ['min_score=5&max_score=6', { score: 6 }],
    ['action=FOLLOW_UP&request_id=req-8', { action: 'FOLLOW_UP', request_id: 'req-8' }],
  ])('finds by %s what matches and nothing else', async (filter, facts) => {
    const found = callAt(start, facts);
    await store(
      found,
      callAt(start, { user_id: 'u-70', interview_id: 'int-70', prompt_version: 'v20', tags: ['mocks'] }),
      callAt(start, { total_ms: 499.9, score: 7, action: 'FOLLOW' }),
      callAt(start, { total_ms: null, outcome: 'running', score: 4.9 }),
    );
    const { body } = await service.get<CallPageDto>(`/api/calls?from=${at(0)}&to=${at(1)}&${filter}`);
    expect(idsOf(body.calls)).toEqual([found.id]);
  });

  it('finds by whole names only', async () => {
    await store(callAt(start));
    const { body } = await service.get<CallPageDto>(`/api/calls?interview_id=${mark.slice(0, -1)}`);
    expect(body).toEqual({ calls: [], next_cursor: null });
  });

  it.each([
    'chat',
    'chat_message',
    'chat_prompt',
    'feedback',
    'interview_step',
    'report',
    'v1_chat',
    'v1_completions',
    'v1_embeddings',
  ])('takes the task %s', async (name) => {
    expect(await list(`task=${name}`)).toEqual({ calls: [], next_cursor: null });
  });

  it('takes from as the first moment and to as the first one after', async () => {
    const calls = [0, 1, 2, 3].map((ms) => callAt(start + ms));
    await store(...calls);
    const { calls: found } = await list(`from=${at(1)}&to=${at(3)}`);
    expect(idsOf(found)).toEqual([calls[2]?.id, calls[1]?.id]);
  });

  it('takes moments before all calls', async () => {
    await store(callAt(start));
    expect((await list('from=0001-01-01')).calls).toHaveLength(1);
    expect((await list('to=0001-01-01')).calls).toEqual([]);
  });

  it('pages without gaps or doubles while rows are added', async () => {
    const calls = Array.from({ length: 7 }, (_, second) => callAt(start + second * 1000));
    await store(...calls);

    const pages: string[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await list(`limit=3${cursor && `&cursor=${cursor}`}`);
      pages.push(idsOf(page.calls));
      cursor = page.next_cursor;
      // Newer than all that are listed: they belong to no later page.
      await store(callAt(start + 60_000 + pages.length));
    }

    expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(idsOf(calls).reverse());
  });

  it('keeps apart calls of one millisecond', async () => {
    const calls = Array.from({ length: 5 }, () => callAt(start));
    await store(...calls);
    const first = await list('limit=2');
    const second = await list(`limit=2&cursor=${first.next_cursor ?? ''}`);
    const third = await list(`limit=2&cursor=${second.next_cursor ?? ''}`);
    expect(idsOf([...first.calls, ...second.calls, ...third.calls])).toEqual(idsOf(calls).sort().reverse());
  });

  it('has no next page where the last one is just full', async () => {
    await store(callAt(start), callAt(start));
    expect((await list('limit=2')).next_cursor).toBeNull();
  });

  it('shows 50 calls where no limit is named', async () => {
    await store(...Array.from({ length: 51 }, () => callAt(start)));
    const page = await list('');
    expect(page.calls).toHaveLength(50);
    expect(page.next_cursor).not.toBeNull();
  });
});

describe('a cursor', () => {
  let cursor: string;

  beforeEach(async () => {
    await store(callAt(start), callAt(start));
    cursor = (await list('limit=1')).next_cursor ?? '';
  });

  it('goes with another limit', async () => {
    expect((await list(`limit=200&cursor=${cursor}`)).calls).toHaveLength(1);
  });

  it('is the same after a restart and on another replica', async () => {
    const { body } = await (
      await startService()
    ).get<CallPageDto>(`/api/calls?interview_id=${mark}&cursor=${cursor}`);
    expect(body.calls).toHaveLength(1);
  });

  it.each<[name: string, change: (cursor: string) => string]>([
    ['has another id', (text) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1)],
    ['has another check', (text) => text.slice(0, -1) + (text.endsWith('A') ? 'E' : 'A')],
    ['is cut', (text) => text.slice(0, -4)],
    ['is longer', (text) => `${text}AAAA`],
    ['has a character that is none of its alphabet', (text) => `${text}.`],
    ['is padded', (text) => `${text}=`],
    ['is a word', () => 'next'],
  ])('is refused that %s', async (_, change) => {
    expect(await findings(`/api/calls?interview_id=${mark}&cursor=${change(cursor)}`)).toEqual([
      {
        path: '/cursor',
        message: 'cursor must be the next_cursor of a reply to the same filters; leave it out to begin anew',
      },
    ]);
  });

  it.each(['user_id=u-7', 'min_latency=1', 'from=1970-01-02', 'outcome=ok', 'max_score=1', 'is_passed=true'])(
    'is refused with another filter: %s',
    async (filter) => {
      expect(await findings(`/api/calls?interview_id=${mark}&${filter}&cursor=${cursor}`)).toMatchObject([
        { path: '/cursor' },
      ]);
    },
  );
});

describe('parameters', () => {
  it.each<[query: string, path: string, sentence: RegExp]>([
    ['from=yesterday', '/from', /^from must be a date or date-time of ISO 8601/],
    ['from=2026-02-30', '/from', /ISO 8601/],
    ['from=2026-11-21T25:00', '/from', /ISO 8601/],
    ['from=21.11.2026', '/from', /ISO 8601/],
    ['from=1763717400', '/from', /ISO 8601/],
    ['to=', '/to', /ISO 8601/],
    ['from=2026-11-21&to=2026-11-21', '/to', /^to must be later than from$/],
    ['limit=0', '/limit', /^limit must be a whole number from 1 to 200$/],
    ['limit=201', '/limit', /whole number/],
    ['limit=ten', '/limit', /whole number/],
    ['limit=1e2', '/limit', /whole number/],
    ['limit=', '/limit', /whole number/],
    ['min_latency=-1', '/min_latency', /^min_latency must be a whole number from 0 to 86400000$/],
    ['min_latency=1.5', '/min_latency', /whole number/],
    ['min_score=high', '/min_score', /^min_score must be a number from -1000000 to 1000000$/],
    ['max_score=1e3', '/max_score', /must be a number/],
    ['max_score=', '/max_score', /must be a number/],
    ['max_score=1000001', '/max_score', /must be a number/],
    ['min_score=7&max_score=6.9', '/max_score', /^max_score must be at least min_score$/],
    ['min_score=1&min_score=2', '/min_score', /must be a number/],
    ['is_passed=yes', '/is_passed', /^is_passed must be one of the following values: true, false$/],
    ['is_passed=true&is_passed=false', '/is_passed', /must be one of/],
    ['request_id=', '/request_id', /^request_id must be one text of 1 to 200 characters/],
    ['action=a%0Ab', '/action', /control characters/],
    ['key_name=ops', '/key_name', /^is no parameter of this route/],
    ['outcome=success', '/outcome', /running, ok, failed, cancelled, interrupted$/],
    ['task=', '/task', /^task must be one of the following values: chat, /],
    ['task=nonsense', '/task', / chat_prompt, .* v1_chat, v1_completions, v1_embeddings$/],
    ['task=chat&task=report', '/task', /must be one of/],
    ['model=', '/model', /^model must be one text of 1 to 200 characters without control characters$/],
    ['model=a&model=b', '/model', /must be one text/],
    ['limit=1&limit=2', '/limit', /whole number/],
    ['user_id=%00', '/user_id', /control characters/],
    [`user_id=${'u'.repeat(201)}`, '/user_id', /200 characters/],
    ['userId=u-7', '/userId', /^is no parameter of this route; did you mean user_id\?$/],
    ['min_latancy=1', '/min_latancy', /did you mean min_latency\?$/],
    ['__proto__=1', '/__proto__', /^is no parameter of this route; it has /],
    ['a/b~c=1', '/a~1b~0c', /is no parameter/],
  ])('are refused with their name: %s', async (query, path, sentence) => {
    expect(await findings(`/api/calls?${query}`)).toEqual([
      { path, message: expect.stringMatching(sentence) },
    ]);
  });

  it('are refused all at once', async () => {
    const found = await findings('/api/calls?from=x&limit=x&outcome=x');
    expect(found.map(({ path }) => path).sort()).toEqual(['/from', '/limit', '/outcome']);
  });
});

describe('a moment', () => {
  it.each([
    ['2026-11-21', '2026-11-21T00:00:00.000Z'],
    ['2026-11-21T09:30', '2026-11-21T09:30:00.000Z'],
    ['2026-11-21T09:30:15', '2026-11-21T09:30:15.000Z'],
    ['2026-11-21T09:30:15.1234567Z', '2026-11-21T09:30:15.123Z'],
    ['2026-11-21T09:30:00+09:00', '2026-11-21T00:30:00.000Z'],
    ['2026-11-21T09:30:00 09:00', '2026-11-21T00:30:00.000Z'],
    ['2026-11-21t09:30:00z', '2026-11-21T09:30:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ])('is read from %s', (text, moment) => {
    expect(momentOf(text)?.toISOString()).toBe(moment);
  });

  it.each(['2025-02-29', '2026-13-01', '2026-11-21T', '2026-11-21T09', '2026-11-21 09:30', '2026-W47', ''])(
    'is not read from %p',
    (text) => {
      expect(momentOf(text)).toBeUndefined();
    },
  );
});

describe('GET /api/calls/{id}', () => {
  it('shows everything of a call', async () => {
    const { headers } = await service.post('/chat', { message: '질문 "하나"', user_id: mark });
    const { status, body } = await service.get<CallDto>(`/api/calls/${headers['x-call-id'] ?? ''}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: headers['x-call-id'],
      question: '질문 "하나"',
      prompt_version: 'v1',
      request: { messages: [{ role: 'system' }, { role: 'user', content: '질문 "하나"' }] },
      reply: { content: body.answer },
      tries: [{ engine: service.stub.url, usage: { prompt_tokens: body.prompt_tokens } }],
    });
  });

  it('shows texts whole, with what no text column of PostgreSQL can hold', async () => {
    const call = callAt(start, {
      question: 'q'.repeat(300),
      request: String.raw`{"content":"a\u0000b\ud800"}`,
    });
    await store(call);
    const { body } = await service.get<CallDto>(`/api/calls/${call.id.toUpperCase()}`);
    expect(body).toMatchObject({
      question: 'q'.repeat(300),
      request: { content: 'a\0b\ud800' },
      reply: null,
      tries: null,
    });
  });

  it('shows the request as it was sent, and null for a call from before that was kept', async () => {
    const call = callAt(start, { input: '{"task":"feedback","pass_mark":6}' });
    const old = callAt(start);
    await store(call, old);
    const inputOf = async ({ id }: NewCall): Promise<unknown> =>
      (await service.get<CallDto>(`/api/calls/${id}`)).body.input;
    expect(await inputOf(call)).toEqual({ task: 'feedback', pass_mark: 6 });
    expect(await inputOf(old)).toBeNull();
  });

  it('says where to find an id, and nothing of what was not asked for', async () => {
    const { remedy } = (await service.get<Problem>('/api/calls/unknown')).body;
    expect(remedy).toMatch(/X-Call-Id.*GET \/api\/calls/);
    expect(remedy).not.toMatch(/cancel/);
  });

  it.each(['unknown', '1', 'exports', "' or 1=1 --"])('knows no call with the id %s', async (id) => {
    expectProblem(await service.get<Problem>(`/api/calls/${encodeURIComponent(id)}`), 'CALL_NOT_FOUND');
  });

  it('knows no call that is not there', async () => {
    expectProblem(await service.get<Problem>(`/api/calls/${idAt(start)}`), 'CALL_NOT_FOUND');
  });
});

describe('a log of many days', () => {
  const DAY_MS = 86_400_000;
  const FIRST = Date.UTC(2026, 2, 1);
  const day = (days: number, ms = 0): number => FIRST + days * DAY_MS + ms;
  const text = (moment: number): string => new Date(moment).toISOString();

  let name: string;
  let url: string;
  let log: TestService;

  async function onServer(statement: string): Promise<void> {
    const client = new Client(process.env.TEST_DATABASE_URL);
    await client.connect();
    await client.query(statement);
    await client.end();
  }

  beforeEach(async () => {
    name = `days_${randomBytes(6).toString('hex')}`;
    await onServer(`create database ${name}`);
    // A server behind a socket has an address without a host, which is no URL.
    url = (process.env.TEST_DATABASE_URL ?? '').replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${name}`);
    log = await startService({ databaseUrl: url });
  });

  afterEach(async () => {
    await log.app.close();
    await onServer(`drop database ${name}`);
  });

  async function makeTables(...days: number[]): Promise<void> {
    const { db } = log.app.get(DatabaseService);
    for (const number of days) {
      const date = new Date(day(number));
      const { from, to } = partitionBounds(date);
      await sql`
        create table ${sql.table(partitionName(date))} partition of calls
        for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(db);
    }
  }

  /** Calls around midnights, some of one millisecond; days with a table of their own, without one, and without calls. */
  async function storeDays(): Promise<NewCall[]> {
    await makeTables(1, 2, 5, 6, 8);
    const moments = [
      day(-400),
      ...[day(0), day(0, DAY_MS - 1)],
      ...[day(1), day(1), day(1, 1), day(1, DAY_MS / 2), day(1, DAY_MS - 1)],
      ...[day(2), day(2, DAY_MS - 1), day(2, DAY_MS - 1)],
      ...[day(3, 5), day(3, DAY_MS / 2)],
      ...[day(6), day(6, DAY_MS / 2)],
      day(7),
      // A clock that is ahead.
      ...[Date.now() + DAY_MS, Date.now() + 40 * DAY_MS],
    ];
    const calls = moments.map((moment) => callAt(moment));
    await storeCalls(log, calls);
    return calls.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  async function pages(parameters: string): Promise<string[][]> {
    const found: string[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const reply: Reply<CallPageDto> = await log.get(
        `/api/calls?${parameters}${cursor && `&cursor=${cursor}`}`,
      );
      expect(reply.status).toBe(200);
      found.push(idsOf(reply.body.calls));
      cursor = reply.body.next_cursor;
    }
    return found;
  }

  async function exported(parameters: string): Promise<string[]> {
    const response = await fetch(`${log.url}/api/calls/export?format=jsonl&${parameters}`, {
      headers: log.localKey,
    });
    expect(response.status).toBe(200);
    const lines = (await response.text()).split('\n').slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as CallDto).id);
  }

  it.each([1, 2, 3, 4, 7, 200])('is listed newest first, whole, by pages of %i', async (limit) => {
    const calls = await storeDays();
    const found = await pages(`limit=${limit}`);
    expect(found.flat()).toEqual(idsOf(calls).reverse());
    expect(found.slice(0, -1).every(({ length }) => length === limit)).toBe(true);
    expect(found).toHaveLength(Math.ceil(calls.length / limit));
  });

  it.each([
    ['the middles of days', day(1, DAY_MS / 2), day(6, DAY_MS / 2)],
    ['midnights', day(1), day(7)],
    ['a millisecond after midnight', day(1, 1), day(2, 1)],
    ['one day', day(2), day(3)],
    ['a part of one day', day(2, 1), day(2, DAY_MS - 1)],
    ['days without calls', day(4), day(6)],
    ['much more than there is', 0, day(100_000)],
    ['what is before all calls', 0, 1],
    ['what is behind all calls', day(90_000), day(100_000)],
  ])('is cut to %s', async (_, from, to) => {
    const calls = await storeDays();
    const expected = idsOf(
      calls.filter(({ started_at }) => +new Date(started_at) >= from && +new Date(started_at) < to),
    );
    const period = `from=${text(from)}&to=${text(to)}`;
    expect((await pages(`limit=2&${period}`)).flat()).toEqual(expected.toReversed());
    const now = idsOf(calls.filter(({ started_at }) => +new Date(started_at) < Date.now()));
    expect(await exported(period)).toEqual(expected.filter((id) => now.includes(id)));
  });

  it('finds what is rare among other calls of the same days', async () => {
    const calls = await storeDays();
    const rare = [day(-400), day(1, 7), day(3, 9), day(8)].map((moment) =>
      callAt(moment, { tags: ['rare'] }),
    );
    await storeCalls(log, rare);
    expect(calls.length).toBeGreaterThan(rare.length);
    expect(await pages('tag=rare&limit=3')).toEqual([
      idsOf(rare.slice(1)).reverse(),
      idsOf(rare.slice(0, 1)),
    ]);
    expect(await exported('tag=rare')).toEqual(idsOf(rare));
  });

  it('is exported oldest first, whole, up to now', async () => {
    const calls = await storeDays();
    const now = calls.filter(({ started_at }) => +new Date(started_at) < Date.now());
    expect(await exported('')).toEqual(idsOf(now));
  });

  it.each([[[]], [[1, 2]]])('may be empty, with tables for the days %j', async (days) => {
    await makeTables(...days);
    for (const filter of [
      '',
      `from=${text(day(1))}`,
      `to=${text(day(2))}`,
      'to=1970-01-01',
      'to=0001-01-01',
    ]) {
      expect(await pages(filter)).toEqual([[]]);
      expect(await exported(filter)).toEqual([]);
    }
  });

  it('is not looked at in days that a page or a batch does not need', async () => {
    await storeDays();
    const client = new Client(url);
    await client.connect();
    // Who as much as plans a query of these tables waits.
    const lock = (...numbers: number[]): Promise<unknown> => {
      const tables = numbers.map((number) => partitionName(new Date(day(number))));
      return client.query(`begin; lock table ${[...tables, 'calls_other'].join()} in access exclusive mode`);
    };

    await lock(1, 5, 6, 8);
    expect(await log.get(`/api/calls?limit=2&to=${text(day(3))}`)).toMatchObject({ status: 200 });
    await client.query('rollback');

    await lock(2, 5, 6, 8);
    const batches = log.app.get(CallLogRepository).whole(filterOf({ from: text(day(1)) }));
    expect((await batches.next()).value).toHaveLength(5);
    await batches.return();
    await client.end();
  });
});

describe('GET /api/stats', () => {
  const period = (days = 1): string => `from=${at(0)}&to=${at(days * 86_400_000)}`;

  const stats = async (parameters: string): Promise<StatsDto> => {
    const { status, body } = await service.get<StatsDto>(`/api/stats?${parameters}`);
    expect(status).toBe(200);
    return body;
  };

  it('counts and averages by prompt version', async () => {
    const calls = [
      { prompt_version: 'v2', total_ms: 148, prompt_tokens: 100, completion_tokens: 63 },
      { prompt_version: 'v1', total_ms: 100.25, prompt_tokens: 100, completion_tokens: 40 },
      { prompt_version: 'v1', total_ms: 112.25, prompt_tokens: 100, completion_tokens: 49 },
      // Neither has an answer whose time or tokens would say something.
      { prompt_version: 'v1', total_ms: 9000, outcome: 'failed', prompt_tokens: 0, completion_tokens: 0 },
      { prompt_version: 'v1', total_ms: null, outcome: 'interrupted' },
      { prompt_version: 'v1', total_ms: 3, outcome: 'cancelled' },
      { prompt_version: null, total_ms: null, outcome: 'running' },
    ] as const;
    await store(...calls.map((facts) => callAt(start, facts)));

    expect(await stats(`by=prompt_version&${period()}`)).toEqual({
      by: 'prompt_version',
      from: at(0),
      to: at(86_400_000),
      groups: [
        {
          name: 'v1',
          calls: 5,
          failed: 2,
          avg_latency_ms: 106.25,
          avg_tokens: 144.5,
          scored: 0,
          avg_score: null,
        },
        { name: 'v2', calls: 1, failed: 0, avg_latency_ms: 148, avg_tokens: 163, scored: 0, avg_score: null },
        {
          name: null,
          calls: 1,
          failed: 0,
          avg_latency_ms: null,
          avg_tokens: null,
          scored: 0,
          avg_score: null,
        },
      ],
    });
  });

  it('takes the model that answered, else the one that was asked for', async () => {
    await store(
      callAt(start, { model_asked: 'a', model_served: 'b-stub' }),
      callAt(start, { model_asked: 'a', model_served: null, outcome: 'failed' }),
      callAt(start, { model_asked: 'B', model_served: null, outcome: 'failed' }),
    );
    const { groups } = await stats(`by=model&${period()}`);
    expect(groups.map(({ name, calls, failed }) => [name, calls, failed])).toEqual([
      ['B', 1, 1],
      ['a', 1, 1],
      ['b-stub', 1, 0],
    ]);
  });

  it.each<[by: string, facts: Partial<NewCall>, names: (string | null)[]]>([
    ['task', { task: 'report' }, ['chat_message', 'report']],
    ['system_prompt', { system_prompt_hash: 'c0ffee' }, ['c0ffee', null]],
    ['key', { key_name: 'ops' }, ['ops', null]],
    ['prompt_name', { prompt_name: 'judge' }, ['judge', null]],
    ['action', { action: 'NEXT_PHASE' }, ['NEXT_PHASE', null]],
    ['is_passed', { is_passed: false }, ['false', null]],
  ])('puts calls together by %s', async (by, facts, names) => {
    await store(callAt(start, facts), callAt(start));
    const { groups } = await stats(`by=${by}&${period()}`);
    expect(groups.map(({ name }) => name)).toEqual(names);
  });

  it('counts a call once under each of its tags', async () => {
    await store(
      callAt(start, { tags: ['a', 'b', 'a'] }),
      callAt(start, { tags: ['b'] }),
      callAt(start, { tags: [] }),
    );
    const { groups } = await stats(`by=tag&${period()}`);
    expect(groups.map(({ name, calls }) => [name, calls])).toEqual([
      ['a', 1],
      ['b', 2],
      [null, 1],
    ]);
  });

  it('averages the scores of answered calls, with their number', async () => {
    const feedback = { task: 'feedback', prompt_version: 'v1' };
    await store(
      callAt(start, { ...feedback, score: 7 }),
      callAt(start, { ...feedback, score: 8 }),
      callAt(start, { ...feedback, score: 8 }),
      callAt(start, { ...feedback, score: 1, outcome: 'failed' }),
      callAt(start, { prompt_version: 'v1' }),
    );
    const { groups } = await stats(`by=prompt_version&${period()}`);
    expect(groups).toMatchObject([{ calls: 5, scored: 3, avg_score: 7.67 }]);
  });

  it('averages no scores of several tasks, whose scales differ', async () => {
    await store(
      callAt(start, { task: 'feedback', score: 7, key_name: 'ops' }),
      callAt(start, { task: 'report', score: 70, key_name: 'ops' }),
      callAt(start, { task: 'report', score: 60, key_name: 'app' }),
    );
    const { groups } = await stats(`by=key&${period()}`);
    expect(groups).toMatchObject([
      { name: 'app', scored: 1, avg_score: 60 },
      { name: 'ops', scored: 2, avg_score: null },
    ]);
  });

  it('counts what began in the period alone', async () => {
    await store(callAt(start - 1), callAt(start), callAt(start + 86_400_000));
    const { groups } = await stats(`by=model&${period()}`);
    expect(groups).toMatchObject([{ calls: 1 }]);
  });

  it('covers the last 24 hours where no period is named', async () => {
    const { from, to } = await stats('by=model');
    expect(new Date(to).getTime() - new Date(from).getTime()).toBe(86_400_000);
  });

  it('covers 31 days and no more', async () => {
    expect(await stats(`by=model&${period(31)}`)).toMatchObject({ groups: [] });
    expect(await findings(`/api/stats?by=model&${period(32)}`)).toEqual([
      { path: '/from', message: 'from must be at most 31 days before to' },
    ]);
  });

  it.each([
    ['', '/by'],
    ['by=user_id', '/by'],
    ['by=tag&by=task', '/by'],
    ['by=model&from=2999-01-01', '/to'],
    ['by=model&form=2026-11-21', '/form'],
  ])('refuses wrong parameters: %p', async (query, path) => {
    expect(await findings(`/api/stats?${query}`)).toMatchObject([{ path }]);
  });
});

const ROUTES = [
  '/api/calls',
  '/api/calls/export',
  '/api/calls/019aa5a5-0000-7000-8000-000000000000',
  '/api/stats?by=model',
];

describe('access', () => {
  const { apiKeys } = loadSettings(
    { API_KEYS: 'app:inference:secret-inference,ops:read:secret-read' },
    undefined,
  ).settings;

  it.each(ROUTES)('to %s needs the scope read', async (path) => {
    const guarded = await startService({ apiKeys });
    const status = async (authorization?: string): Promise<number> => {
      const response = await fetch(guarded.url + path, { headers: authorization ? { authorization } : {} });
      await response.body?.cancel();
      return response.status;
    };
    expect(await status()).toBe(401);
    expect(await status('Bearer secret-inference')).toBe(403);
    expect([200, 404]).toContain(await status('Bearer secret-read'));
  });
});

describe('without texts (LOG_CONTENT=none)', () => {
  it('shows facts and null for texts', async () => {
    const silent = await startService({ logContent: 'none' });
    const { headers } = await silent.post('/chat', { message: 'What is LLMOps?', user_id: mark });
    const { body } = await silent.get<CallDto>(`/api/calls/${headers['x-call-id'] ?? ''}`);
    expect(body).toMatchObject({
      outcome: 'ok',
      prompt_version: 'v1',
      question: null,
      answer: null,
      request: null,
      reply: null,
    });
    const page = await silent.get<CallPageDto>(`/api/calls?user_id=${mark}`);
    expect(page.body.calls).toMatchObject([{ question: null, answer: null }]);
  });
});

describe('without a database', () => {
  it.each(ROUTES)('%s is answered with 503 and nothing of the address', async (path) => {
    const alone = await startService({ databaseUrl: AWAY });
    const reply = await alone.get<Problem>(path);
    expectProblem(reply, 'DATABASE_UNAVAILABLE');
    expect(reply.headers['retry-after']).toBe('5');
    expect(JSON.stringify(reply.body)).not.toMatch(/127\.0\.0\.1|nobody|secret|select|ECONN/i);
  });

  it('wrong parameters are still called wrong', async () => {
    const alone = await startService({ databaseUrl: AWAY });
    expectProblem(await alone.get<Problem>('/api/calls?limit=0'), 'VALIDATION_FAILED');
  });
});

describe('a database that goes away while it is asked', () => {
  it('is a 503, and the service goes on', async () => {
    const { db } = service.app.get(DatabaseService);
    const reader = service.app.get(LogReader);
    const victim = sql<{ done: boolean }>`
      select pg_terminate_backend(pg_backend_pid()) as done`.compile(db) as CompiledQuery<{ done: boolean }>;
    await expect(reader.read(victim)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    expect((await list('')).calls).toEqual([]);
  });
});

describe('a query', () => {
  it('is ended by the server after its limit', async () => {
    const { db } = service.app.get(DatabaseService);
    const endless = sql<object>`select pg_sleep(3600)`.compile(db);
    await expect(service.app.get(LogReader).read(endless, { limitMs: 20 })).rejects.toMatchObject({
      code: 'QUERY_TOO_SLOW',
    });
  });

  it('cannot write', async () => {
    const { db } = service.app.get(DatabaseService);
    const write = sql<object>`delete from calls where instance_id = ${mark}::uuid`.compile(db);
    await expect(service.app.get(LogReader).read(write)).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    });
  });

  it('that the database does not understand is a fault of ours, told to nobody', async () => {
    const { db } = service.app.get(DatabaseService);
    const wrong = sql<object>`select nothing from nowhere`.compile(db);
    await expect(service.app.get(LogReader).read(wrong)).rejects.not.toHaveProperty('status');
  });
});

describe('queries of one turn', () => {
  it('go over one connection, in one transaction', async () => {
    const { db } = service.app.get(DatabaseService);
    const query = sql<object>`select pg_backend_pid() as pid, now() as began`.compile(db);
    const [[one], [other]] = await service.app
      .get(LogReader)
      .together(async (ask) => [await ask<object>(query), await ask<object>(query)] as const);
    expect(one).toEqual(other);
  });

  it('have one limit together', async () => {
    const { db } = service.app.get(DatabaseService);
    const short = sql<object>`select pg_sleep(0.02)`.compile(db);
    const reading = service.app.get(LogReader).together(
      async (ask) => {
        for (;;) await ask(short);
      },
      { limitMs: 200 },
    );
    await expect(reading).rejects.toMatchObject({ code: 'QUERY_TOO_SLOW' });
  });
});

describe('requests that wait for their turn', () => {
  const MOST = 20;
  let crowded: TestService;
  let reader: LogReader;
  let door: PromiseWithResolvers<undefined>;
  let readings: Promise<unknown>[];

  /** Takes the one turn, and lets so many wait for it, until the door opens. */
  function crowd(waiting: number): void {
    for (let count = 0; count < waiting + 1; count++) {
      readings.push(reader.together(() => door.promise));
    }
  }

  beforeEach(async () => {
    crowded = await startService({ databaseConnections: 2 });
    reader = crowded.app.get(LogReader);
    door = Promise.withResolvers<undefined>();
    readings = [];
  });

  afterEach(async () => {
    door.resolve(undefined);
    await Promise.all(readings);
  });

  it('are refused where too many wait already, and told when to come back', async () => {
    crowd(MOST);
    const reply = await crowded.get<Problem>('/api/calls');
    expectProblem(reply, 'DATABASE_UNAVAILABLE');
    expect(reply.headers['retry-after']).toBe('5');
    expect(reply.body.detail).toContain('20 requests wait');

    door.resolve(undefined);
    await Promise.all(readings);
    expect((await crowded.get('/api/calls?limit=1')).status).toBe(200);
  });

  it('are not refused where they have a part of their answer', async () => {
    crowd(MOST);
    readings.push(reader.together(() => Promise.resolve(), { hasBegun: true }));
    door.resolve(undefined);
    await expect(Promise.all(readings)).resolves.toHaveLength(MOST + 2);
  });

  it('give their place up when their caller leaves', async () => {
    crowd(MOST - 1);
    const leaving = new AbortController();
    const server = crowded.app.getHttpServer();
    const arrived = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const left = fetch(`${crowded.url}/api/calls`, { headers: crowded.localKey, signal: leaving.signal });
    const [, response] = await arrived;
    // Answered behind it: the one before waits by then.
    await crowded.get('/health/live');
    const closed = once(response, 'close');
    leaving.abort();
    await expect(left).rejects.toThrow();
    await closed;

    readings.push(reader.together(() => door.promise));
    await expect(reader.together(() => door.promise)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });
});

describe('turns', () => {
  it('are not taken by work whose signal is aborted', async () => {
    const turns = new Turns(1);
    const door = Promise.withResolvers<undefined>();
    const leaving = new AbortController();
    const events: string[] = [];
    const first = turns.run(() => door.promise);
    const second = turns.run(() => Promise.resolve(events.push('second')), leaving.signal);
    const third = turns.run(() => Promise.resolve(events.push('third')));

    leaving.abort(new Error('left'));
    await expect(second).rejects.toThrow('left');
    door.resolve(undefined);
    await Promise.all([first, third]);

    expect(events).toEqual(['third']);
    await expect(turns.run(() => Promise.resolve(), leaving.signal)).rejects.toThrow('left');
  });

  it('let no more run at once than they have, in order, whatever becomes of the others', async () => {
    const turns = new Turns(2);
    const events: string[] = [];
    const doors = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...Promise.withResolvers<undefined>() }));
    const runs = doors.map(({ name, promise }) =>
      turns.run(async () => {
        events.push(name);
        await promise;
      }),
    );
    expect(events).toEqual(['a', 'b']);
    doors[1]?.reject(new Error('b fails'));
    await expect(runs[1]).rejects.toThrow('b fails');
    for (const { resolve } of doors) resolve(undefined);
    await Promise.allSettled(runs);
    expect(events).toEqual(['a', 'b', 'c', 'd']);
    await turns.run(() => Promise.resolve(events.push('e')));
    expect(events.at(-1)).toBe('e');
  });
});

describe('docs/logs.md', () => {
  const page = readFileSync('docs/logs.md', 'utf8');

  it('explains every parameter of a list, and everything that numbers are grouped by', () => {
    const named = new Set([...page.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
      paths: Record<string, { get: { parameters: { name: string; schema: { enum?: string[] } }[] } }>;
    };
    const parameters = paths['/api/calls']?.get.parameters.map(({ name }) => name) ?? [];
    const groupings = paths['/api/stats']?.get.parameters.flatMap(({ schema }) => schema.enum ?? []) ?? [];
    expect([...parameters, ...groupings].filter((name) => !named.has(name))).toEqual([]);
  });

  it('shows a call with the fields that a list has, in their order', async () => {
    await store(callAt(start));
    const [example = ''] = /(?<=```json\n).+?(?=```)/s.exec(page) ?? [];
    const { calls } = JSON.parse(example) as CallPageDto;
    expect(Object.keys(calls[0] ?? {})).toEqual(Object.keys((await list('')).calls[0] ?? {}));
  });

  it('shows a refusal as the service sends it', async () => {
    const [example = ''] = /\{\n {2}"type".+?(?=```)/s.exec(page) ?? [];
    const { body } = await service.get('/api/calls?usr_id=test-user', { 'x-request-id': 'req-0042' });
    expect(body).toEqual(JSON.parse(example));
  });

  it('shows a cursor that the service would write', () => {
    const { calls, next_cursor } = JSON.parse(
      /(?<=```json\n).+?(?=```)/s.exec(page)?.[0] ?? '',
    ) as CallPageDto;
    const filter = filterOf({ user_id: 'test-user' });
    expect(next_cursor).toBe(writeCursor(calls[0]?.id ?? '', filter));
  });
});
