import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallEvents } from '../src/calls/call-events.js';
import type { CallRecord } from '../src/calls/call-record.js';
import type { Problem } from '../src/common/errors.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { startBuilt } from './support/built-service.js';
import { CHAT } from './support/engine-questions.js';
import { expectProblem } from './support/problem.js';
import {
  MODEL_REPLIES,
  QUESTION,
  type Reply,
  startService,
  startStub,
  type TestService,
} from './support/service.js';
import { expectSound, openStream, type OpenStream } from './support/sse.js';
import { wire } from './support/wire.js';

const STEP = { path: '/api/interview/step', body: QUESTION };
const FEEDBACK = { path: '/api/feedback', body: QUESTION };
const REPORT = { path: '/api/report', body: QUESTION };
const ROUTES = [STEP, FEEDBACK, REPORT, CHAT];

/** An engine that is frozen: only the end of the connection ends it. */
const FROZEN: Fault = { kind: 'stall', after: 'request' };
const FROZEN_HALFWAY: Fault = { kind: 'stall', after: 'half' };

/** An engine that needs long enough for a test to be in the middle of its reply. */
const SLOW: Fault = { kind: 'reply', tokenDelayMs: 50 };

/** What the service asked engines to abort, by the ids of the requests. */
const aborts = Object.assign(new EventEmitter(), { ids: [] as string[] });

function noteAbort(message: unknown): void {
  const { request } = message as { request: { path: string; body: string | null } };
  if (request.path !== '/abort_request') return;
  aborts.ids.push((JSON.parse(request.body ?? '') as { rid: string }).rid);
  aborts.emit('abort');
}

beforeEach(() => {
  aborts.ids = [];
  subscribe('undici:request:create', noteAbort);
});

afterEach(() => {
  unsubscribe('undici:request:create', noteAbort);
});

/** Expects that the engine was let go: its connection closed, and the requests aborted under the ids that it knows. */
async function expectLetGo({ stub }: TestService, requests = 1): Promise<void> {
  await stub.waitFor(() => stub.running === 0);
  while (aborts.ids.length < requests) await once(aborts, 'abort');
  expect(aborts.ids).toEqual(wire(stub).map(({ rid }) => rid));
  expect(stub.requests).toHaveLength(requests);
}

/** The record of the next call, once it has ended. */
function recordOf({ app }: TestService): { ended: Promise<CallRecord> } {
  return { ended: once(app.get(CallEvents), 'end').then(([record]) => record as CallRecord) };
}

/** How a call ended, as its line in the log tells it. */
const endOf = ({ outcome, code, context }: CallRecord): object => ({
  outcome,
  code,
  left: context.leftBecause,
});
const LEFT = { outcome: 'cancelled', code: 'CANCELLED', left: 'disconnected' };

describe('a caller of a stream who leaves', () => {
  const ask = ({ path, body }: typeof STEP | typeof CHAT, service: TestService): Promise<OpenStream> =>
    openStream(service, path, { ...body, stream: true });

  it.each(ROUTES)('before the first token ends the engine’s work for $path', async (route) => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script(FROZEN);
    const stream = await ask(route, service);
    await service.stub.waitFor(() => service.stub.running === 1);

    stream.leave();

    expect(endOf(await ended)).toEqual(LEFT);
    await expectLetGo(service);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it.each(ROUTES)(
    'in the middle ends the engine’s work for $path, and its tokens are counted',
    async (route) => {
      const service = await startService();
      const { ended } = recordOf(service);
      service.stub.script(FROZEN_HALFWAY);
      const stream = await ask(route, service);
      await stream.until(() => stream.events.length > 1);

      stream.leave();

      const record = await ended;
      expect(endOf(record)).toEqual(LEFT);
      expect(record.usage.prompt_tokens).toBeGreaterThan(0);
      expect(record.usage.completion_tokens).toBeGreaterThan(0);
      expect(record.wastedTokens).toBe(record.usage.total_tokens);
      await expectLetGo(service);
      expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
    },
  );

  it('while a second try is waited for ends the wait', async () => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '5' } });
    const stream = await ask(STEP, service);
    await service.stub.waitFor(() => service.stub.requests.length === 1 && service.stub.running === 0);

    stream.leave();

    expect(endOf(await ended)).toEqual(LEFT);
    expect(service.stub.requests).toHaveLength(1);
  });

  it('behind the end has left nothing', async () => {
    const service = await startService();
    const { ended } = recordOf(service);
    const stream = await ask(STEP, service);
    await stream.end();

    stream.leave();

    expect((await ended).outcome).toBe('ok');
    expect(aborts.ids).toEqual([]);
  });

  it('leaves no call behind that still runs', async () => {
    const service = await startService();
    service.stub.script(FROZEN, FROZEN, FROZEN);
    const streams = await Promise.all([ask(STEP, service), ask(REPORT, service), ask(CHAT, service)]);
    await service.stub.waitFor(() => service.stub.running === 3);

    for (const stream of streams) stream.leave();
    await service.app.close();

    await service.stub.waitFor(() => service.stub.running === 0 && service.stub.openSockets === 0);
  });
});

describe('a caller of a whole reply who leaves', () => {
  /** Asks, and is there until told to leave. */
  function ask({ path, body }: typeof STEP | typeof CHAT, { url }: TestService): { leave(): Promise<void> } {
    const leaving = new AbortController();
    const asked = fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    return {
      leave: async () => {
        leaving.abort();
        await expect(asked).rejects.toThrow('aborted');
      },
    };
  }

  it.each(ROUTES)('ends the engine’s work for $path', async (route) => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script(FROZEN);
    const caller = ask(route, service);
    await service.stub.waitFor(() => service.stub.running === 1);

    await caller.leave();

    expect(endOf(await ended)).toEqual(LEFT);
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(new Set(aborts.ids)).toEqual(new Set(wire(service.stub).map(({ rid }) => rid)));
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it.each([STEP, FEEDBACK])('learns what $path has cost from the engine that it told', async (route) => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script(SLOW);
    const caller = ask(route, service);
    await service.stub.waitFor(() => service.stub.running === 1);

    await caller.leave();

    const record = await ended;
    expect(endOf(record)).toEqual(LEFT);
    expect(record.usage.prompt_tokens).toBeGreaterThan(0);
    await expectLetGo(service);
    expect(service.stub.requests).toMatchObject([{ clientLeft: false }]);
  });

  it('while the model is asked again asks no more', async () => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script({ kind: 'reply', content: '{}' }, FROZEN);
    const caller = ask(STEP, service);
    await service.stub.waitFor(() => service.stub.requests.length === 2);

    await caller.leave();

    const record = await ended;
    expect(endOf(record)).toEqual(LEFT);
    expect(record.judgements).toEqual(['schema']);
    expect(service.stub.requests).toHaveLength(2);
  });
});

describe('an engine whose model runs away', () => {
  it('is let go like one whose caller left', async () => {
    const service = await startService();
    const blanks: Fault = { kind: 'stall', after: 'tokens', content: `{"feedback":"${' '.repeat(300)}` };
    service.stub.script(blanks, { kind: 'reply' });

    const stream = await openStream(service, FEEDBACK.path, { ...FEEDBACK.body, stream: true });

    expect(await stream.end()).toBe('whole');
    while (aborts.ids.length === 0) await once(aborts, 'abort');
    expect(aborts.ids).toEqual([wire(service.stub)[0]?.rid]);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }, { clientLeft: false }]);
  });
});

describe('the log of a call whose caller left', () => {
  it('says so, and what it has cost', async () => {
    const stub = await startStub();
    stub.script(FROZEN_HALFWAY);
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url, LOG_FORMAT: 'json' });
    const stream = await openStream({ url: await service.url() }, STEP.path, { ...STEP.body, stream: true });
    await stream.event('field.delta');

    stream.leave();

    expect(JSON.parse(await service.line(/"message":"call"/))).toMatchObject({
      level: 'INFO',
      task: 'interview_step',
      stream: true,
      outcome: 'cancelled',
      code: 'CANCELLED',
      left: 'disconnected',
      prompt_tokens: expect.any(Number),
      completion_tokens: expect.any(Number),
      wasted_tokens: expect.any(Number),
      first_field_ms: expect.any(Number),
    });
  });
});

describe('a call that is cancelled', () => {
  const cancel = (
    service: TestService,
    id: string,
    key?: string,
  ): Promise<Reply<Problem & { cancelled?: string[] }>> =>
    service.post(`/api/calls/${id}/cancel`, {}, key === undefined ? {} : { authorization: `Bearer ${key}` });

  it('by its X-Call-Id ends its stream with an error, and the engine’s work', async () => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script(FROZEN_HALFWAY);
    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });
    await stream.event('field.delta');
    const id = stream.headers['x-call-id'] as string;

    const { status, body } = await cancel(service, id);

    expect({ status, body }).toEqual({ status: 200, body: { cancelled: [id] } });
    expect(await stream.end()).toBe('whole');
    expect(expectSound(stream)).toMatchObject({ name: 'error', data: { code: 'CANCELLED', status: 499 } });
    expect(endOf(await ended)).toEqual({ ...LEFT, left: 'cancelled' });
    await expectLetGo(service);
  });

  it.each(ROUTES)(
    'by the X-Request-Id of $path, whose reply is waited for, is 499',
    async ({ path, body }) => {
      const service = await startService();
      service.stub.script(FROZEN);
      const asked = service.fail(path, body, { 'x-request-id': 'turn-7' });
      await service.stub.waitFor(() => service.stub.running === 1);

      const { body: answer } = await cancel(service, 'turn-7');

      const reply = await asked;
      expectProblem(reply, 'CANCELLED');
      expect(answer).toEqual({ cancelled: [reply.headers['x-call-id']] });
      await service.stub.waitFor(() => service.stub.running === 0);
      expect(service.stub.requests).toHaveLength(1);
    },
  );

  it('is every call of an X-Request-Id, and no other', async () => {
    const service = await startService();
    service.stub.script(FROZEN, FROZEN, FROZEN);
    const ask = (id: string): Promise<OpenStream> =>
      openStream(service, STEP.path, { ...STEP.body, stream: true }, { 'x-request-id': id });
    const [first, second, other] = [await ask('one'), await ask('one'), await ask('two')];
    await service.stub.waitFor(() => service.stub.running === 3);

    const { body } = await cancel(service, 'one');

    expect(body.cancelled).toEqual([first.headers['x-call-id'], second.headers['x-call-id']]);
    expect(await Promise.all([first.end(), second.end()])).toEqual(['whole', 'whole']);
    await service.stub.waitFor(() => service.stub.running === 1);
    expect(other.events).toEqual([]);
    other.leave();
  });

  it('is none of another key', async () => {
    const { apiKeys } = loadSettings(
      { API_KEYS: 'a:inference:first-key,b:inference:second-key' },
      undefined,
    ).settings;
    const service = await startService({ apiKeys });
    service.stub.script(FROZEN);
    const key = { authorization: 'Bearer first-key' };
    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true }, key);
    await service.stub.waitFor(() => service.stub.running === 1);
    const id = stream.headers['x-call-id'] as string;

    expectProblem(await cancel(service, id, 'second-key'), 'CALL_NOT_FOUND');
    expect(service.stub.running).toBe(1);
    expect((await cancel(service, id, 'first-key')).body).toEqual({ cancelled: [id] });
    expect(await stream.end()).toBe('whole');
  });

  it('is not found once it is over', async () => {
    const service = await startService();
    const { headers } = await service.post(STEP.path, STEP.body);

    expectProblem(await cancel(service, headers['x-call-id'] ?? ''), 'CALL_NOT_FOUND');
  });

  it.each(['nothing', 'x'.repeat(1000)])('is not found by an id that never was: %.10s', async (id) => {
    expectProblem(await cancel(await startService(), id), 'CALL_NOT_FOUND');
  });

  it('is found by every X-Request-Id that is taken, also where it is encoded', async () => {
    const service = await startService();
    service.stub.script(FROZEN);
    // Three times as long in a URL.
    const id = ':'.repeat(128);
    const stream = await openStream(
      service,
      STEP.path,
      { ...STEP.body, stream: true },
      { 'x-request-id': id },
    );

    const { body } = await cancel(service, encodeURIComponent(id));

    expect(body).toEqual({ cancelled: [stream.headers['x-call-id']] });
    expect(await stream.end()).toBe('whole');
  });

  it('is a stream that was begun, and the caller keeps what was said', async () => {
    const service = await startService();
    const text = JSON.stringify(MODEL_REPLIES['/api/interview/step']);
    service.stub.script({
      kind: 'stall',
      after: 'tokens',
      content: text.slice(0, text.indexOf(',"thought')),
    });
    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });
    await stream.until(() =>
      stream.events.some(({ name, data }) => name === 'field.done' && data.path === '/message'),
    );

    await cancel(service, stream.headers['x-call-id'] as string);
    await stream.end();

    expect(expectSound(stream)).toMatchObject({ name: 'error', data: { code: 'CANCELLED' } });
    expect(stream.events.map(({ name }) => name)).not.toContain('reset');
    expect(service.stub.requests).toHaveLength(1);
  });
});
