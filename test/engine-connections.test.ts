import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { loadSettings } from '../src/config/load-settings.js';
import type { ApiKey } from '../src/config/readers.js';
import { EngineService } from '../src/engine/engine.service.js';
import type { Fault } from '../src/engine/stub/faults.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import type { HealthDto } from '../src/health/health.dto.js';
import { CHAT, failsWith, QUESTIONS, SHORT_TIMES, STREAMED, WHOLE } from './support/engine-questions.js';
import { MODEL_REPLIES, startService, startStub, type TestService } from './support/service.js';

/** A key that may ask and read. */
const READER: ApiKey = { name: 'ops', scopes: ['inference', 'read'], secret: 'ops-secret' };
const AS_READER = { authorization: `Bearer ${READER.secret}` };

/** Status of cancelling by a request's id: 404 until its call has begun. */
async function cancel(service: TestService, id: string): Promise<number> {
  return (await service.post(`/api/calls/${id}/cancel`, {})).status;
}

describe('an engine that is let go', () => {
  it.each([
    { what: 'a stalled whole reply', route: WHOLE, script: { kind: 'stall', after: 'half' } },
    { what: 'a stalled stream', route: STREAMED, script: { kind: 'stall', after: 'half' } },
    { what: 'a dripping stream', route: CHAT, script: { kind: 'drip', everyMs: 20 } },
  ] satisfies { what: string; route: typeof WHOLE; script: Fault }[])(
    'sees the connection of $what closed',
    async ({ route, script }) => {
      const service = await startService(SHORT_TIMES);
      service.stub.script(script, script);

      await service.fail(route.path, route.body);

      await service.stub.waitFor(() => service.stub.running === 0);
      expect(service.stub.requests.every(({ clientLeft }) => clientLeft)).toBe(true);
    },
  );

  it.each(QUESTIONS)('ends its work for $path when the caller leaves', async ({ path, body }) => {
    const { url, stub } = await startService();
    stub.script({ kind: 'stall', after: 'half' });
    const caller = new AbortController();
    const asked = request(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: caller.signal,
    });
    await stub.waitFor(() => stub.running === 1);

    caller.abort();

    await expect(asked).rejects.toThrow();
    await stub.waitFor(() => stub.running === 0);
    expect(stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it('is not waited for by a cancelled call while its connections are busy', async () => {
    const service = await startService({ engineConnections: 1 });
    service.stub.script({ kind: 'stall', after: 'request' });
    const first = service.fail(CHAT.path, CHAT.body, { 'x-request-id': 'first' });
    await service.stub.waitFor(() => service.stub.running === 1);
    const second = service.fail(CHAT.path, CHAT.body, { 'x-request-id': 'second' });
    while ((await cancel(service, 'second')) === 404);

    expect(await second).toMatchObject({ status: 499, body: { code: 'CANCELLED' } });
    expect(service.stub.running).toBe(1);
    await cancel(service, 'first');
    expect(await first).toMatchObject({ status: 499 });
    expect(service.stub.requests).toHaveLength(1);
  });

  it('has no connection left once the service is closed', async () => {
    const service = await startService();
    await service.post(WHOLE.path, WHOLE.body);

    await service.app.close();

    await service.stub.waitFor(() => service.stub.openSockets === 0);
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('an engine that answered', () => {
  it.each(QUESTIONS)('is asked for $path over the same connection again', async ({ path, body }) => {
    const service = await startService({ engineConnections: 1 });

    await service.post(path, body);
    await service.post(path, body);

    expect(service.stub.requests).toMatchObject([{ clientLeft: false }, { clientLeft: false }]);
    // The one that the engine was looked at over is closed.
    await service.stub.waitFor(() => service.stub.openSockets === 1);
  });
});

describe('the engine’s key', () => {
  it('is sent where one is set', async () => {
    const service = await startService({ engineApiKey: 'sk-engine-1234' }, { apiKey: 'sk-engine-1234' });

    expect((await service.post(WHOLE.path, WHOLE.body)).status).toBe(200);
  });

  it.each([undefined, 'sk-engine-1234'])(
    'is asked for once when it is %s and wrong',
    async (engineApiKey) => {
      const service = await startService({ engineApiKey }, { apiKey: 'another' });

      await failsWith(service, WHOLE, 'ENGINE_UNAUTHORIZED');

      expect(service.stub.requests).toHaveLength(1);
    },
  );
});

describe('an address that is wrong', () => {
  it('because something else than HTTP answers there is a bad response', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy()).end('220 mail.example ESMTP\r\n');
    }).unref();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;

    await failsWith(
      await startService({ engineUrls: [`http://127.0.0.1:${port}`] }),
      WHOLE,
      'ENGINE_BAD_RESPONSE',
    );

    server.close();
  });

  it('because nobody has its name is unreachable', async () => {
    const service = await startService({ engineUrls: ['http://engine.invalid:30000'] });

    await failsWith(service, WHOLE, 'ENGINE_UNREACHABLE');
  });

  it('because it wants no TLS is unreachable, and /health says which letter is wrong', async () => {
    const engine = await startStub();
    const service = await startService({
      engineUrls: [engine.url.replace('http:', 'https:')],
      apiKeys: [READER],
    });

    expect(await service.fail(WHOLE.path, WHOLE.body, AS_READER)).toMatchObject({
      status: 503,
      body: { code: 'ENGINE_UNREACHABLE' },
    });

    const { body } = await service.get<HealthDto>('/health', AS_READER);
    expect(body.engine.notice).toContain(
      'its address says https, but what answers there speaks no TLS: write http',
    );
  });

  it.each([
    { base: '/api/paas/v4', api: '/api/paas/v4' },
    { base: '/v1beta/openai/', api: '/v1beta/openai' },
    { base: '/v1/accounts/a/gateway/v1', api: '/v1/accounts/a/gateway/v1' },
    { base: '/team-a', api: '/team-a/v1' },
    { base: '/team-a/v1', api: '/team-a/v1' },
    { base: '', api: '/v1' },
  ])('is none where it has a path of its own: $base', async ({ base, api }) => {
    const paths: string[] = [];
    const server = createHttpServer((request, response) => {
      paths.push(request.url ?? '');
      request.resume();
      const message = { role: 'assistant', content: JSON.stringify(MODEL_REPLIES['/api/feedback']) };
      response.end(JSON.stringify({ model: 'm', choices: [{ message, finish_reason: 'stop' }] }));
    }).unref();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const { settings } = loadSettings(
      {
        ENGINE_URLS: `http://127.0.0.1:${port}${base}`,
        ENGINE: 'openai',
        OPENAI_API_KEY: 'sk-engine-1234',
        MODEL_NAME: 'm',
      },
      undefined,
    );
    const { engine, engineUrls, openaiApiKey, modelName } = settings;
    const service = await startService({ engine, engineUrls, openaiApiKey, modelName });

    expect((await service.post(WHOLE.path, WHOLE.body)).status).toBe(200);

    expect(paths).toEqual([`${api}/chat/completions`]);
    server.closeAllConnections();
    server.close();
  });
});

describe('an engine with more calls than ENGINE_CONNECTIONS', () => {
  const HELD: Fault = { kind: 'stall', after: 'half' };

  /** Asks for a call that the test ends by its id. */
  const ask = (service: TestService, id: string): Promise<unknown> =>
    service.fail(CHAT.path, CHAT.body, { ...AS_READER, 'x-request-id': id });

  const cancelled = (service: TestService, id: string): Promise<unknown> =>
    service.post(`/api/calls/${id}/cancel`, {}, AS_READER);

  async function waiting(service: TestService): Promise<number | undefined> {
    const { body } = await service.get<HealthDto>('/health', AS_READER);
    return body.details?.engines[0]?.requests_waiting;
  }

  async function startFull(): Promise<{ service: TestService; calls: Promise<unknown>[] }> {
    const service = await startService({ engineConnections: 2, apiKeys: [READER] });
    service.stub.script(HELD, HELD);
    const calls = ['first', 'second'].map((id) => ask(service, id));
    await service.stub.waitFor(() => service.stub.running === 2);
    calls.push(ask(service, 'third'), ask(service, 'fourth'));
    while ((await waiting(service)) !== 2);
    return { service, calls };
  }

  it('is looked at over a connection of its own, and is up', async () => {
    const { service, calls } = await startFull();

    await service.app.get(EngineService).checkNow();

    const { body } = await service.get<HealthDto>('/health', AS_READER);
    expect(body).toMatchObject({ status: 'ok', details: { engines: [{ state: 'up' }] } });
    for (const id of ['first', 'second', 'third', 'fourth']) await cancelled(service, id);
    await Promise.all(calls);
  });

  it('has the waiting ones counted until they are let in or given up', async () => {
    const { service, calls } = await startFull();
    const metrics = await request(`${service.url}/metrics`, { headers: AS_READER });
    expect(await metrics.body.text()).toContain('llm_service_engine_requests_waiting{engine="0"} 2');

    await cancelled(service, 'third');
    while ((await waiting(service)) !== 1);
    await cancelled(service, 'first');

    await calls[3];
    expect(await waiting(service)).toBe(0);
    await cancelled(service, 'second');
    await Promise.all(calls);
  });

  it('is told to end a call that was let go, over connections that calls do not take', async () => {
    const service = await startService({ engineConnections: 1, apiKeys: [READER] });
    service.stub.script({ kind: 'delay', ms: 600_000 });
    const call = service.fail(WHOLE.path, WHOLE.body, { ...AS_READER, 'x-request-id': 'first' });
    await service.stub.waitFor(() => service.stub.running === 1);

    await cancelled(service, 'first');

    await call;
    expect(service.stub.requests).toMatchObject([{ clientLeft: false }]);
  });
});

describe('an engine that is down', () => {
  it.each(QUESTIONS)('is unreachable for $path, and used again once it is back', async (route) => {
    const engine = await startStub();
    const { port } = engine;
    const service = await startService({ engineUrls: [engine.url] });
    await engine.close();

    const { headers } = await failsWith(service, route, 'ENGINE_UNREACHABLE');
    expect(headers['retry-after']).toBe('5');

    await startStub({ port });
    expect((await service.post(route.path, route.body)).status).toBe(200);
  });

  it('leaves its calls to the second one', async () => {
    const { first, second, service } = await startTwo();
    await first.close();

    expect((await service.post(WHOLE.path, WHOLE.body)).status).toBe(200);
    expect(second.requests).toHaveLength(1);
  });

  it('gets its calls again when it is back', async () => {
    const { first, second, service } = await startTwo();
    const { port } = first;
    await first.close();
    await service.post(WHOLE.path, WHOLE.body);
    const back = await startStub({ port });
    await service.app.get(EngineService).checkNow();

    await service.post(WHOLE.path, WHOLE.body);

    expect([back.requests.length, second.requests.length]).toEqual([1, 1]);
  });

  it('in the middle of a reply leaves this call to the second one', async () => {
    const { first, second, service } = await startTwo();
    first.script({ kind: 'reset', after: 'half' });

    expect((await service.post(STREAMED.path, STREAMED.body)).status).toBe(200);
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
  });

  async function startTwo(): Promise<{ service: TestService; first: StubServer; second: StubServer }> {
    const first = await startStub();
    const second = await startStub();
    return { service: await startService({ engineUrls: [first.url, second.url] }), first, second };
  }
});
