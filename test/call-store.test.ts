import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { Client, Pool } from 'pg';
import { CallEvents } from '../src/calls/call-events.js';
import { CallRecord } from '../src/calls/call-record.js';
import { callRow, type CallRow, changeTexts } from '../src/call-store/call-row.js';
import { CallStore } from '../src/call-store/call-store.js';
import { writeCalls } from '../src/call-store/call-writer.js';
import { Instance } from '../src/call-store/instance.js';
import { DatabaseService } from '../src/database/database.service.js';
import { Spool } from '../src/database/spool/spool.js';
import type { HealthDto } from '../src/health/health.dto.js';
import { DatabaseProxy } from './kill/database-proxy.js';
import { startBuilt } from './support/built-service.js';
import { CHAT, STREAMED, WHOLE } from './support/engine-questions.js';
import { patient } from './support/pace.js';
import { expectProblem } from './support/problem.js';
import { QUESTION, type Reply, startService, type TestService } from './support/service.js';
import { openStream, readStream } from './support/sse.js';

const DATABASE_URL = process.env.TEST_DATABASE_URL ?? '';
const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
const whereItMayMount = canMount ? it : it.skip;
const STEP = { path: '/api/interview/step', body: QUESTION };
const V1 = { path: '/v1/chat/completions', body: CHAT.body };

/** A reply of the engine that begins and never goes on. */
const HALF = { kind: 'stall', after: 'half' } as const;

/** Columns of a row, those that are JSON as its text. */
type Row = Record<string, unknown> & {
  readonly outcome: string;
  readonly reply: string | null;
  readonly request: string | null;
  readonly tries: string | null;
};

let reader: Client;
const proxies: DatabaseProxy[] = [];
const folders: string[] = [];

beforeAll(async () => {
  reader = new Client({ connectionString: DATABASE_URL });
  await reader.connect();
});

afterAll(() => reader.end());

afterEach(async () => {
  for (const proxy of proxies.splice(0)) {
    proxy.thaw();
    await proxy.cut();
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Every row with this id. */
async function rowsOf(id: string | undefined): Promise<Row[]> {
  const { rows } = await reader.query<Row>(
    `select *, request::text as request, reply::text as reply, tries::text as tries from calls where id = $1`,
    [id],
  );
  return rows;
}

/** The one row of a call. */
async function rowOf({ headers }: { headers: Readonly<Record<string, unknown>> }): Promise<Row> {
  const [row, ...more] = await rowsOf(headers['x-call-id'] as string);
  if (!row || more.length > 0)
    throw new Error(`The call has ${row ? more.length + 1 : 'no'} rows instead of one.`);
  return row;
}

/** Milliseconds after which nothing more is waited for; a test has given up by then. */
const GIVEN_UP_AFTER_MS = patient(20_000);

/** Waits until there is what is looked for: the database tells nobody of a row. */
async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const until = performance.now() + GIVEN_UP_AFTER_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error('What is waited for does not come.');
    await delay(20);
  }
}

/** Does something while the way to the database is silent; what stays silent would hold the service's end up. */
async function whileFrozen<T>(proxy: DatabaseProxy, act: () => Promise<T>): Promise<T> {
  proxy.freeze();
  try {
    return await act();
  } finally {
    proxy.thaw();
  }
}

const triesOf = ({ tries }: Row): Record<string, unknown>[] =>
  JSON.parse(tries ?? '[]') as Record<string, unknown>[];

/** A folder that is gone after the test. */
function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'call-store-'));
  folders.push(folder);
  return folder;
}

/** A service whose way to the database can be cut. */
async function startBehindProxy(
  overrides: Parameters<typeof startService>[0] = {},
): Promise<{ service: TestService; proxy: DatabaseProxy; store: CallStore; database: DatabaseService }> {
  const proxy = await DatabaseProxy.start(DATABASE_URL);
  proxies.push(proxy);
  const service = await startService({ databaseUrl: proxy.url, dataDir: ownFolder(), ...overrides });
  const store = service.app.get(CallStore);
  const database = service.app.get(DatabaseService);
  // What it does by itself at its start is over then, so that a test cuts nothing but what it means to.
  await eventually(async () => ((await isAnnounced(service)) && isAtRest(database.pool)) || undefined);
  return { service, proxy, store, database };
}

/** Whether the service has said in the database that it lives. */
async function isAnnounced({ app }: TestService): Promise<boolean> {
  const { rowCount } = await reader.query('select from instances where id = $1', [app.get(Instance).id]);
  return rowCount === 1;
}

const isAtRest = ({ idleCount, totalCount }: Pool): boolean => idleCount === totalCount;

describe('a call that went well', () => {
  const LABELS = { interview_id: 'iv-1', turn: 3, user_id: 'u-1', tags: ['a', 'b,"c'] };

  it.each([
    { ...STEP, task: 'interview_step', lane: 'live', question: QUESTION.user_prompt },
    { ...WHOLE, task: 'feedback', lane: 'interactive', question: QUESTION.user_prompt },
    { ...STREAMED, task: 'report', lane: 'background', question: QUESTION.user_prompt },
    { ...CHAT, task: 'chat', lane: 'interactive', question: 'Hello' },
  ])('at $path has one row with its facts and texts', async ({ path, body, task, lane, question }) => {
    const service = await startService();

    const reply = await service.post(path, { ...body, ...LABELS }, { 'x-request-id': 'request-1' });

    const row = await rowOf(reply);
    expect(row).toMatchObject({
      ...LABELS,
      outcome: 'ok',
      error_code: null,
      left_because: null,
      request_id: 'request-1',
      task,
      lane,
      question,
      model_asked: 'Qwen/Qwen3-32B',
      model_served: reply.headers['x-model'],
      provider: reply.headers['x-provider'],
      engine: service.stub.url,
      streamed: false,
      attempts: 1,
      resets: 0,
      wasted_tokens: 0,
    });
    expect(JSON.parse(row.reply ?? '')).toEqual(reply.body);
    expect(JSON.parse(row.request ?? '')).toHaveProperty('messages');
    expect(row.prompt_tokens).toBeGreaterThan(0);
    expect(row.completion_tokens).toBeGreaterThan(0);
    expect(row.total_ms).toBeGreaterThanOrEqual(row.engine_ms as number);
    expect(Number(row.ended_at)).toBeGreaterThanOrEqual(Number(row.started_at));
    expect(triesOf(row)).toHaveLength(1);
  });

  it.each([STEP, WHOLE, STREAMED, CHAT])(
    'and was streamed at $path has the reply of its last event',
    async ({ path, body }) => {
      const service = await startService();

      const stream = await readStream(service, path, body);

      const { reply } = stream.events.at(-1)?.data as { reply: unknown };
      const row = await rowOf(stream);
      expect(row).toMatchObject({ outcome: 'ok', streamed: true });
      expect(JSON.parse(row.reply ?? '')).toEqual(reply);
      expect(row.first_token_ms).toBeGreaterThanOrEqual(0);
      expect(row.first_field_ms).toBeGreaterThanOrEqual(0);
    },
  );

  it('at /v1 has the reply as the engine wrote it', async () => {
    const service = await startService();

    const reply = await service.post(V1.path, { ...V1.body, user: 'u-2' });

    const row = await rowOf(reply);
    expect(row).toMatchObject({ outcome: 'ok', task: 'v1_chat', user_id: 'u-2', question: 'Hello' });
    expect(JSON.parse(row.reply ?? '')).toEqual(reply.body);
  });

  it('and was streamed at /v1 has the words that came', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'Seven green words, and no more.' });

    const stream = await openStream(service, V1.path, { ...V1.body, stream: true });
    await eventually(() => stream.text.endsWith('data: [DONE]\n\n') || undefined);

    expect(await rowOf(stream)).toMatchObject({
      outcome: 'ok',
      streamed: true,
      answer: 'Seven green words, and no more.',
    });
  });

  it('keeps a reply that names more tokens than a 32-bit number holds', async () => {
    const service = await startService({ dataDir: ownFolder() });
    service.stub.script({ kind: 'reply', promptTokens: 3_000_000_000 });

    const reply = await service.post(CHAT.path, CHAT.body);

    expect(reply.status).toBe(200);
    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
    expect(service.app.get(CallStore).state.dropped).toBe(0);
  });
});

describe('a call that did not go well', () => {
  it('has a row with its error and each try', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 500 }, { kind: 'status', status: 500 });

    const reply = await service.fail(STEP.path, STEP.body);

    const row = await rowOf(reply);
    expect(row).toMatchObject({ outcome: 'failed', error_code: reply.body.code, reply: null, attempts: 2 });
    expect(triesOf(row)).toEqual([
      expect.objectContaining({ engine: service.stub.url, fault: 'failed' }),
      expect.objectContaining({ engine: service.stub.url, fault: 'failed' }),
    ]);
  });

  it('but was saved by a second try has the fault of the first', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reset', after: 'request' });

    const reply = await service.post(STEP.path, STEP.body);

    const row = await rowOf(reply);
    expect(row).toMatchObject({ outcome: 'ok', attempts: 2 });
    const [first, second] = triesOf(row);
    expect(first?.fault).toEqual(expect.any(String));
    expect(first).not.toHaveProperty('judgement');
    expect(second).toMatchObject({ judgement: 'strict' });
    expect(second).not.toHaveProperty('fault');
  });

  it('but was asked for again has each reply and what was wrong with it', async () => {
    const service = await startService();
    service.stub.script(
      { kind: 'reply', content: 'No JSON at all.' },
      { kind: 'reply', content: '{"a": 1}' },
    );

    const reply = await service.post(WHOLE.path, WHOLE.body);

    const row = await rowOf(reply);
    expect(row).toMatchObject({ outcome: 'ok', attempts: 3, rung: 're-asked' });
    expect(triesOf(row)).toMatchObject([
      { judgement: 'not-json', reply: { choices: [{ message: { content: 'No JSON at all.' } }] } },
      { judgement: 'schema', request: { messages: expect.any(Array) } },
      { judgement: 'strict' },
    ]);
    expect(row.wasted_tokens).toBeGreaterThan(0);
  });

  it('and never brought a valid reply has what came instead', async () => {
    const service = await startService({ structuredMaxAttempts: 2 });
    service.stub.script({ kind: 'reply', content: 'No.' }, { kind: 'reply', content: 'Never.' });

    const reply = await service.fail(WHOLE.path, WHOLE.body);

    expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID');
    const row = await rowOf(reply);
    expect(row).toMatchObject({ outcome: 'failed', error_code: 'STRUCTURED_OUTPUT_INVALID', reply: null });
    expect(triesOf(row).map(({ judgement }) => judgement)).toEqual(['not-json', 'not-json']);
    expect(row.tries).toContain('Never.');
  });

  it('because its caller left says so', async () => {
    const service = await startService();
    service.stub.script(HALF);
    const stream = await openStream(service, CHAT.path, { ...CHAT.body, stream: true });
    await stream.event('delta');

    stream.leave();

    const row = await eventually(async () =>
      (await rowsOf(stream.headers['x-call-id'] as string)).find(({ outcome }) => outcome !== 'running'),
    );
    expect(row).toMatchObject({
      outcome: 'cancelled',
      error_code: 'CANCELLED',
      left_because: 'disconnected',
    });
  });
});

describe('a call under way', () => {
  it('has its row while it streams, and the same one when it is over', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', tokenDelayMs: 30 });
    const stream = await openStream(service, CHAT.path, { ...CHAT.body, stream: true });

    const [running] = await eventually(async () => {
      const rows = await rowsOf(stream.headers['x-call-id'] as string);
      return rows.length > 0 ? rows : undefined;
    });
    await stream.end();

    expect(running).toMatchObject({ outcome: 'running', ended_at: null, queue_ms: null, total_ms: null });
    expect(await rowOf(stream)).toMatchObject({ outcome: 'ok', instance_id: running?.instance_id });
  });
});

describe('texts that PostgreSQL cannot hold', () => {
  const ODD = 'one\0two three';
  const STORED = 'one\ufffdtwo three';

  it('are kept as they are in the JSON, and readable in the columns', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: ODD });
    const question = 'What\0is this?';

    const reply = await service.post(CHAT.path, { messages: [{ role: 'user', content: question }] });

    expect(reply.body).toMatchObject({ content: ODD });
    const row = await rowOf(reply);
    expect(row).toMatchObject({ question: 'What\ufffdis this?', answer: STORED });
    expect(JSON.parse(row.reply ?? '')).toEqual(reply.body);
    expect(row.request).toContain('What\\u0000is this?');
  });

  it('survive the way over the disk', async () => {
    const { service, proxy } = await startBehindProxy();
    await proxy.cut();
    service.stub.script({ kind: 'reply', content: ODD });

    const reply = await service.post(CHAT.path, CHAT.body);
    await proxy.restore();

    const [row] = await eventually(() => arrived(reply));
    expect(row).toMatchObject({ answer: STORED });
    expect(JSON.parse(row?.reply ?? '')).toEqual(reply.body);
  });

  it('of nested JSON without end do not keep other calls out of the log', async () => {
    const service = await startService({ dataDir: ownFolder() });
    const depth = 50_000;
    const [before, after] = [
      '{"model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],"x":',
      '}',
    ];
    service.stub.script({
      kind: 'raw',
      body: [before, { repeat: '[', times: depth }, { repeat: ']', times: depth }, after],
    });
    await service.post(V1.path, V1.body).catch(() => undefined);

    const reply = await service.post(CHAT.path, CHAT.body);

    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
    expect(service.app.get(DatabaseService).problem).toBeUndefined();
  });
});

/** The rows of a call, once there are any. */
async function arrived({
  headers,
}: {
  headers: Readonly<Record<string, unknown>>;
}): Promise<Row[] | undefined> {
  const rows = await rowsOf(headers['x-call-id'] as string);
  return rows.length > 0 ? rows : undefined;
}

describe('LOG_CONTENT=none', () => {
  it('keeps the facts of a call and none of its texts', async () => {
    const service = await startService({ logContent: 'none' });
    service.stub.script({ kind: 'reply', content: 'sesame' });

    const reply = await service.post(STEP.path, STEP.body);

    const row = await rowOf(reply);
    expect(row).toMatchObject({
      outcome: 'ok',
      question: null,
      answer: null,
      request: null,
      reply: null,
      attempts: 2,
    });
    expect(triesOf(row)).toMatchObject([{ judgement: 'not-json' }, { judgement: 'strict' }]);
    expect(JSON.stringify(row)).not.toMatch(/sesame|EXPLAIN|messages/);
  });
});

/** Asks, and says how many calls waited on disk then, and why. */
async function askAndLook(
  service: TestService,
): Promise<{ reply: Reply; waiting: number; because: unknown }> {
  const reply = await service.post(STEP.path, STEP.body);
  const { waiting } = service.app.get(CallStore).state;
  return { reply, waiting, because: service.app.get(DatabaseService).problem };
}

describe('a database that is away', () => {
  it('does not keep calls from being answered; their rows come later, once each', async () => {
    const { service, proxy, store } = await startBehindProxy();
    await proxy.cut();

    const replies = await Promise.all(Array.from({ length: 5 }, () => service.post(STEP.path, STEP.body)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(store.state).toEqual({ waiting: 5, dropped: 0 });
    await proxy.restore();
    await eventually(() => store.state.waiting === 0 || undefined);

    for (const reply of replies) {
      const row = await rowOf(reply);
      expect(row.outcome).toBe('ok');
      expect(JSON.parse(row.reply ?? '')).toEqual(reply.body);
    }
  });

  it('and comes back between a stream’s begin and end has one row of it', async () => {
    const { service, proxy, store } = await startBehindProxy();
    await proxy.cut();
    service.stub.script({ kind: 'reply', tokenDelayMs: 60, content: 'word '.repeat(60).trim() });
    const stream = await openStream(service, CHAT.path, { ...CHAT.body, stream: true });
    await eventually(() => store.state.waiting === 1 || undefined);

    await proxy.restore();
    await stream.end();

    await eventually(() => store.state.waiting === 0 || undefined);
    expect(await rowOf(stream)).toMatchObject({ outcome: 'ok' });
  });

  it('and is frozen holds a call up no longer than DATABASE_TIMEOUT', async () => {
    const { service, proxy, store } = await startBehindProxy({ databaseTimeout: 0.2 });

    const { reply, waiting, because } = await whileFrozen(proxy, () => askAndLook(service));

    expect(reply.status).toBe(200);
    expect({ waiting, because }).toEqual({ waiting: 1, because: 'nothing was stored within 200 ms' });
    await eventually(() => store.state.waiting === 0 || undefined);
    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
  });

  it('and is frozen while no connection is free holds a call up no longer either', async () => {
    const { service, proxy, store, database } = await startBehindProxy({ databaseTimeout: 0.2 });
    const taken = await Promise.all([1, 2, 3].map(() => database.pool.connect()));

    const { reply, waiting, because } = await whileFrozen(proxy, () => askAndLook(service));
    for (const client of taken) client.release();

    expect(reply.status).toBe(200);
    expect({ waiting, because }).toEqual({ waiting: 1, because: 'nothing was stored within 200 ms' });
    await eventually(() => store.state.waiting === 0 || undefined);
    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
  });

  it('and never answers on the old connections is found again over new ones', async () => {
    const { service, proxy, store, database } = await startBehindProxy({ databaseTimeout: 0.2 });
    const open = await Promise.all([1, 2, 3].map(() => database.pool.connect()));
    for (const client of open) client.release();

    await whileFrozen(proxy, async () => {
      const reply = await service.post(STEP.path, STEP.body);
      proxy.forget();
      await eventually(() => store.state.waiting === 0 || undefined);
      expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
    });

    expect(database.problem).toBeUndefined();
  });

  it('and breaks off under a query does not end the process', async () => {
    const { proxy, database } = await startBehindProxy();
    const asked = sql`select pg_sleep(5)`.execute(database.db);
    const refused = expect(asked).rejects.toThrow(/terminated/);
    await eventually(() => !isAtRest(database.pool) || undefined);

    await proxy.cut();

    await refused;
    await proxy.restore();
  });

  it('costs no calls where two services of one process share a folder', async () => {
    const dataDir = ownFolder();
    const { service, proxy, store } = await startBehindProxy({ dataDir });
    await proxy.cut();
    const first = await service.post(STEP.path, STEP.body);
    const other = await startService({ dataDir });
    await eventually(() => other.app.get(CallStore).state.waiting === 0 || undefined);

    const second = await service.post(STEP.path, STEP.body);
    await proxy.restore();
    await eventually(() => store.state.waiting === 0 || undefined);

    for (const reply of [first, second]) expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
  });

  it('leaves the calls to the next service in the same folder', async () => {
    const dataDir = ownFolder();
    const { service, proxy } = await startBehindProxy({ dataDir });
    await proxy.cut();
    const reply = await service.post(STEP.path, STEP.body);
    await service.app.close();

    const next = await startService({ dataDir });

    await eventually(() => next.app.get(CallStore).state.waiting === 0 || undefined);
    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
  });
});

describe('a row', () => {
  let pool: Pool;

  beforeAll(() => {
    pool = new Pool({ connectionString: DATABASE_URL, max: 1 });
  });

  afterAll(() => pool.end());

  /** The row of a call as it was, under a new id, with another outcome. */
  function as(record: CallRecord, outcome: CallRow['outcome'], callId: string, facts: object = {}): CallRow {
    const row = callRow(record, randomUUID(), true);
    const text = JSON.stringify({ ...(JSON.parse(row.facts) as object), ...facts, id: callId, outcome });
    return { id: callId, outcome, facts: text, ...changeTexts(row, String) };
  }

  async function aRecord(): Promise<CallRecord> {
    const service = await startService();
    const ended = once(service.app.get(CallEvents), 'end');
    await service.post(CHAT.path, CHAT.body);
    const [record] = (await ended) as [CallRecord];
    return record;
  }

  it.each([
    { comes: ['ok', 'ok'], stays: 'ok' },
    { comes: ['running', 'ok'], stays: 'ok' },
    { comes: ['ok', 'running'], stays: 'ok' },
    { comes: ['ok', 'failed'], stays: 'ok' },
    { comes: ['failed', 'ok'], stays: 'failed' },
    { comes: ['cancelled', 'running'], stays: 'cancelled' },
    { comes: ['interrupted', 'ok'], stays: 'ok' },
    { comes: ['interrupted', 'running'], stays: 'interrupted' },
  ] as const)('that comes as $comes is there once, as $stays', async ({ comes, stays }) => {
    const record = await aRecord();
    const id = randomUUID();

    for (const outcome of comes) await writeCalls(pool, [as(record, outcome, id)], 1000);

    expect((await rowsOf(id)).map(({ outcome }) => outcome)).toEqual([stays]);
  });

  it.each([
    { comes: ['running', 'ok'], stays: 'ok' },
    { comes: ['ok', 'running'], stays: 'ok' },
    { comes: ['failed', 'ok'], stays: 'failed' },
  ] as const)('that comes as $comes in one statement is there once, as $stays', async ({ comes, stays }) => {
    const record = await aRecord();
    const id = randomUUID();

    await writeCalls(
      pool,
      comes.map((outcome) => as(record, outcome, id)),
      1000,
    );

    expect((await rowsOf(id)).map(({ outcome }) => outcome)).toEqual([stays]);
  });

  it('that the database refuses is counted as dropped, and keeps no other out of the log', async () => {
    const record = await aRecord();
    const dataDir = ownFolder();
    const [refused, taken] = [randomUUID(), randomUUID()];
    const folder = join(dataDir, 'spool', 'elsewhere~1~gone');
    const left = await Spool.open({ folder, maxBytes: 1_048_576 });
    for (const row of [as(record, 'ok', refused, { task: null }), as(record, 'ok', taken)]) {
      await left.append(JSON.stringify({ ...row, request: null, reply: null, tries: null }));
    }
    await left.close();
    const longAgo = new Date(Date.now() - 86_400_000);
    for (const file of ['', ...readdirSync(folder)]) utimesSync(join(folder, file), longAgo, longAgo);

    const { app } = await startService({ dataDir });

    await eventually(() => app.get(CallStore).state.waiting === 0 || undefined);
    expect(app.get(CallStore).state.dropped).toBe(1);
    expect(await rowsOf(refused)).toEqual([]);
    expect(await rowsOf(taken)).toMatchObject([{ outcome: 'ok' }]);
  });
});

/** The record of another call that went as this one. */
function anotherCall(record: CallRecord, reply: string): CallRecord {
  return Object.assign(Object.create(CallRecord.prototype) as CallRecord, record, {
    facts: { ...record.facts, callId: randomUUIDv7() },
    content: { ...record.content, reply },
  });
}

describe('many rows at once', () => {
  it('are all in the log though the database refuses the JSON of one, which is kept as text', async () => {
    const service = await startService();
    const ended = once(service.app.get(CallEvents), 'end');
    await service.post(CHAT.path, CHAT.body);
    const [record] = (await ended) as [CallRecord];
    const refused = anotherCall(record, '{');
    const others = Array.from({ length: 40 }, (_, n) => anotherCall(record, `{"n":${n}}`));
    const store = service.app.get(CallStore);

    await Promise.all([refused, ...others].map((call) => store.write(call)));

    expect(await rowsOf(refused.facts.callId)).toMatchObject([{ outcome: 'ok', reply: '"{"' }]);
    for (const { facts, content } of others) {
      expect(await rowsOf(facts.callId)).toMatchObject([{ outcome: 'ok', reply: content.reply }]);
    }
    expect(store.state).toEqual({ waiting: 0, dropped: 0 });
  });

  it('are all in the log when the database is back, once each', async () => {
    const { service, proxy, store } = await startBehindProxy({ databaseTimeout: 0.2 });
    const ended = once(service.app.get(CallEvents), 'end');
    await service.post(CHAT.path, CHAT.body);
    const [record] = (await ended) as [CallRecord];
    const calls = Array.from({ length: 40 }, (_, n) => anotherCall(record, `{"n":${n}}`));

    await whileFrozen(proxy, () => Promise.all(calls.map((call) => store.write(call))));

    await eventually(() => store.state.waiting === 0 || undefined);
    for (const { facts, content } of calls) {
      expect(await rowsOf(facts.callId)).toMatchObject([{ outcome: 'ok', reply: content.reply }]);
    }
  });
});

describe('a disk without room', () => {
  it('refuses calls with LOG_REQUIRED=true until the database is back', async () => {
    const { service, proxy, store } = await startBehindProxy({ logRequired: true, spoolMaxBytes: 8192 });
    await proxy.cut();

    const refused = await eventually(async () => {
      const reply = await service.fail(STEP.path, STEP.body);
      return reply.status === 200 ? undefined : reply;
    });
    expectProblem(refused, 'CALL_LOG_FULL');
    const asked = service.stub.requests.length;
    const next = await service.fail(STEP.path, STEP.body);
    expectProblem(next, 'CALL_LOG_FULL');
    expect(next.headers['retry-after']).toBe('5');
    expect(service.stub.requests).toHaveLength(asked);

    await proxy.restore();
    await eventually(() => store.state.waiting === 0 || undefined);
    const reply = await eventually(async () => {
      const one = await service.post(STEP.path, STEP.body);
      return one.status === 200 ? one : undefined;
    });
    expect(await rowOf(reply)).toMatchObject({ outcome: 'ok' });
  });

  it('refuses no longer once the database is back, though nothing ever fitted on it', async () => {
    const { service, proxy, database } = await startBehindProxy({ logRequired: true, spoolMaxBytes: 100 });
    await proxy.cut();
    expectProblem(await service.fail(STEP.path, STEP.body), 'CALL_LOG_FULL');

    await proxy.restore();
    await eventually(() => database.problem === undefined || undefined);

    expect(await service.post(STEP.path, STEP.body)).toMatchObject({ status: 200 });
  });

  it('drops calls without LOG_REQUIRED, and counts each once, streamed or not', async () => {
    const { service, proxy, store } = await startBehindProxy({ spoolMaxBytes: 100 });
    await proxy.cut();

    const replies = await Promise.all([1, 2, 3].map(() => service.post(STEP.path, STEP.body)));
    service.stub.script({ kind: 'reply', tokenDelayMs: 30 });
    await readStream(service, CHAT.path, CHAT.body);

    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(store.state).toEqual({ waiting: 0, dropped: 4 });
  });

  whereItMayMount(
    'is told of in two lines, with what to do: the first loss at once, the rest later',
    async () => {
      const dataDir = ownFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', dataDir]);
      try {
        const service = startBuilt({ DATA_DIR: dataDir, DATABASE_URL: 'postgresql://127.0.0.1:9/none' });
        const url = await service.url();
        const dropped = await eventually(async () => {
          await fetch(url + STEP.path, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(STEP.body),
          });
          const { store } = (await (await fetch(`${url}/health`)).json()) as HealthDto;
          return store.calls_dropped < 3 ? undefined : store.calls_dropped;
        });
        await service.stop();

        const losses = service.lines.filter((line) => line.includes('calls are in no log'));
        expect(losses).toEqual(
          [1, dropped - 1].map((calls) =>
            expect.stringMatching(
              `ERROR   calls are in no log calls=${calls} reason="The disk under the spool in ${dataDir}/spool/.+ is full ` +
                '\\(ENOSPC: no space left on device, write\\): make room on it\\."',
            ),
          ),
        );
      } finally {
        execFileSync('umount', [dataDir]);
      }
    },
  );
});
