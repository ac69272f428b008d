import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CallEvents } from '../src/calls/call-events.js';
import type { HealthDto, ReadyDto } from '../src/health/health.dto.js';
import { expectProblem } from './support/problem.js';
import { QUESTION, startService, startStub } from './support/service.js';

const STEP = '/api/interview/step';
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Something that is no engine. */
async function startServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('of several engines', () => {
  it('only one that serves the model is asked', async () => {
    const [one, two] = [
      await startStub({ modelName: 'one-stub' }),
      await startStub({ modelName: 'two-stub' }),
    ];
    const service = await startService({
      engine: 'sglang',
      engineUrls: [one.url, two.url],
      modelName: 'one-stub',
    });

    const { headers } = await service.post(STEP, { ...QUESTION, model: 'two-stub' });

    expect(headers['x-model']).toBe('two-stub');
    expect([one.requests.length, two.requests.length]).toEqual([0, 1]);
  });

  it('a busy one is passed over without waiting for it', async () => {
    const [busy, free] = [await startStub(), await startStub()];
    busy.script({ kind: 'status', status: 429, headers: { 'retry-after': '60' } });
    const service = await startService({ engineUrls: [busy.url, free.url] });

    const { status } = await service.post(STEP, QUESTION);

    expect(status).toBe(200);
    expect([busy.requests.length, free.requests.length]).toEqual([1, 1]);
  });
});

describe('readiness', () => {
  it.each([
    ['answers 404 to everything', {}, 404, /\/v1\/models answers 404/],
    ['refuses the key', { engineApiKey: 'wrong-key' }, 401, /ENGINE_API_KEY is not the engine's key/],
  ])('is not given for an address that %s', async (_, settings, status, reason) => {
    const url = await startServer((request, response) => {
      response.writeHead(status === 401 && request.url === '/ready' ? 200 : status).end('{}');
    });
    const service = await startService({ engine: 'sglang', engineUrls: [url], ...settings });

    const ready = await service.get<ReadyDto>('/health/ready');

    expect(ready).toMatchObject({ status: 503, body: { reason: expect.stringMatching(reason) } });
  });
});

describe('an engine that is never content', () => {
  it('is asked for less room twice and no more', async () => {
    let prompt = 100;
    const url = await startServer((request, response) => {
      if (request.url === '/ready') return void response.end();
      if (request.url === '/v1/models') return void response.end(JSON.stringify({ data: [{ id: 'm' }] }));
      const message =
        `Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of ` +
        `9999 tokens: ${prompt++} tokens from the input messages and 512 tokens for the completion.`;
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ message, code: 400 }));
    });
    const service = await startService({ engine: 'sglang', engineUrls: [url], modelName: 'm' });

    const reply = await service.fail(STEP, { ...QUESTION, max_tokens: 5000 });

    expectProblem(reply, 'CONTEXT_TOO_LONG');
    expect(Number(reply.headers['x-attempts'])).toBeLessThanOrEqual(3);
  });

  it('cannot fill the next request or the error with what is wrong in a reply', async () => {
    const service = await startService();
    const keys = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 0]));
    const content = JSON.stringify(keys);
    service.stub.script(
      ...Array.from({ length: 3 }, () => ({ kind: 'raw' as const, body: [whole(content)] })),
    );

    const reply = await service.fail(STEP, QUESTION);

    const { attempts } = expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID');
    expect(attempts).toHaveLength(3);
    expect(JSON.stringify(reply.body).length).toBeLessThan(10_000);
    expect(Math.max(...service.stub.requests.map(({ rawBody }) => rawBody.length))).toBeLessThan(20_000);
  });
});

describe('the counters', () => {
  it('tell a caller who left from a failure', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'request' });
    const ended = once(service.app.get(CallEvents), 'end');
    const leaving = new AbortController();
    const call = fetch(service.url + STEP, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(QUESTION),
      signal: leaving.signal,
    });
    await service.stub.waitFor(() => service.stub.running === 1);
    leaving.abort();
    await expect(call).rejects.toThrow();
    await ended;

    const { body } = await service.get<HealthDto>('/health');

    expect(body.details?.replies.interview_step).toMatchObject({ calls: 1, cancelled: 1 });
  });
});

/** A whole completion with this content, as SGLang sends it. */
function whole(content: string): string {
  const choice = {
    index: 0,
    message: { role: 'assistant', content },
    finish_reason: 'stop',
    matched_stop: 1,
  };
  return JSON.stringify({ id: 'x', object: 'chat.completion', model: 'm', choices: [choice], usage: {} });
}
