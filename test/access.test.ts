import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { request } from 'undici';
import type { Problem } from '../src/common/errors.js';
import type { Scope } from '../src/common/call-context.js';
import { loadSettings } from '../src/config/load-settings.js';
import { Settings } from '../src/config/settings.js';
import { createApp } from '../src/configure-app.js';
import type { HealthDto, ReadyDto } from '../src/health/health.dto.js';
import { expectProblem } from './support/problem.js';
import { sendRaw } from './support/raw-http.js';
import { MODEL_REPLIES, QUESTION, startService, testStore, type TestService } from './support/service.js';

const FEEDBACK = '/api/feedback';

/** Every route of the service and the scope that it needs. A route that is not listed here fails the test below. */
const ROUTES: Readonly<Record<string, Scope | 'open'>> = {
  'POST /api/calls/:id/cancel': 'inference',
  'POST /chat': 'inference',
  'POST /api/chat': 'inference',
  'POST /api/chat/completions': 'inference',
  'GET /v1/models': 'inference',
  'GET /v1/models/*': 'inference',
  'POST /v1/chat/completions': 'inference',
  'POST /v1/completions': 'inference',
  'POST /v1/embeddings': 'inference',
  'POST /api/feedback': 'inference',
  'GET /api/calls': 'read',
  'GET /api/calls/:id': 'read',
  'GET /api/calls/export': 'read',
  'GET /api/stats': 'read',
  'POST /api/interview/step': 'inference',
  'POST /api/report': 'inference',
  'GET /health': 'open',
  'GET /healthz': 'open',
  'GET /health/live': 'open',
  'GET /health/ready': 'open',
  'GET /metrics': 'read',
  'GET /docs': 'open',
  'GET /docs/': 'open',
  'GET /docs/*': 'open',
  'GET /docs/LICENSE': 'open',
  'GET /docs/docs/swagger-ui-init.js': 'open',
  'GET /docs/index.html': 'open',
  'GET /docs/swagger-ui-init.js': 'open',
  'GET /docs-json': 'open',
  'GET /redoc': 'open',
  'GET /redoc/redoc.standalone.js': 'open',
};

/** Who calls, and the scopes they have. */
const CALLERS = [
  { caller: 'nobody', authorization: undefined, scopes: [] },
  { caller: 'a wrong key', authorization: 'Bearer wrong-secret', scopes: [] },
  { caller: 'a key without Bearer', authorization: 'secret-inference', scopes: [] },
  { caller: 'an empty Bearer', authorization: 'Bearer ', scopes: [] },
  { caller: 'inference', authorization: 'Bearer secret-inference', scopes: ['inference'] },
  { caller: 'read', authorization: 'Bearer secret-read', scopes: ['read'] },
  { caller: 'inference+read', authorization: 'Bearer secret-both', scopes: ['inference', 'read'] },
  { caller: 'admin', authorization: 'Bearer secret-admin', scopes: ['inference', 'read', 'admin'] },
] as const;

const { apiKeys } = loadSettings(
  {
    API_KEYS:
      'app:inference:secret-inference,ops:read:secret-read,both:inference+read:secret-both,root:admin:secret-admin',
  },
  undefined,
).settings;

/** What the running server knows: its tree of routes, each line flattened to `METHOD path`. HEAD goes with GET. */
function routesOf(app: NestFastifyApplication): string[] {
  const branch: string[] = [];
  return app
    .getHttpAdapter()
    .getInstance()
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [, indent = '', segment = '', methods = ''] = /^(.*?)[├└]── (\S+) \((.*)\)$/.exec(line) ?? [];
      branch.splice(indent.length / 4, Infinity, segment);
      return (
        methods
          .split(', ')
          .filter((method) => method !== 'HEAD')
          // The tree leaves out the slash before a wildcard.
          .map((method) => `${method} ${branch.join('').replace(/\/?\*$/, '/*')}`)
      );
    });
}

/** How a call without a body ends as far as access goes. */
async function knock(service: TestService, route: string, headers: Record<string, string>) {
  const [method, path] = route.split(' ') as ['GET' | 'POST', string];
  const { statusCode, body } = await request(service.url + path, { method, headers });
  await body.dump();
  return statusCode === 401 || statusCode === 403 ? statusCode : 'let in';
}

let own: NestFastifyApplication | undefined;

afterEach(async () => {
  await own?.close();
  own = undefined;
});

/** The application before it listens, for what the harness does not do. */
async function create(overrides: Partial<Settings> = {}): Promise<NestFastifyApplication> {
  const settings: Partial<Settings> = {
    engineUrls: ['http://127.0.0.1:9'],
    logLevel: 'ERROR',
    ...testStore(),
  };
  own = await createApp(Object.assign(new Settings(), settings, overrides));
  return own;
}

describe('the routes', () => {
  it('are those that this test knows', async () => {
    const { app } = await startService();
    expect(routesOf(app).sort()).toEqual(Object.keys(ROUTES).sort());
  });

  it.each(Object.entries(ROUTES))('let the right callers in: %s needs %s', async (route, needed) => {
    const service = await startService({ apiKeys });
    for (const { caller, authorization, scopes } of CALLERS) {
      const headers = authorization === undefined ? undefined : { authorization };
      const isLetIn = needed === 'open' || scopes.some((scope) => scope === needed);
      const refusal = scopes.length > 0 ? 403 : 401;
      expect({ caller, outcome: await knock(service, route, headers ?? {}) }).toEqual({
        caller,
        outcome: isLetIn ? 'let in' : refusal,
      });
    }
  });
});

describe('a route that declares no scope', () => {
  it('is open to nobody, not even to an admin', async () => {
    const app = await create({ apiKeys });
    app
      .getHttpAdapter()
      .getInstance()
      .get('/forgotten', () => 'secret');
    await app.listen(0, '127.0.0.1');

    const reply = await fetch(`${await app.getUrl()}/forgotten`, {
      headers: { authorization: 'Bearer secret-admin' },
    });

    expect(reply.status).toBe(403);
    expect(await reply.json()).toMatchObject({
      code: 'FORBIDDEN',
      detail: 'This route is open to nobody.',
    });
  });
});

describe('keys', () => {
  it.each(['Bearer secret-inference', 'bearer secret-inference', 'BEARER   secret-inference'])(
    'are read from "Authorization: %s"',
    async (authorization) => {
      const service = await startService({ apiKeys });
      service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
      const { status } = await service.post(FEEDBACK, QUESTION, { authorization });
      expect(status).toBe(200);
    },
  );

  it('may be bare secrets, which are for inference', async () => {
    const { settings } = loadSettings({ API_KEYS: 'just-a-secret' }, undefined);
    const service = await startService({ apiKeys: settings.apiKeys });
    const authorization = 'Bearer just-a-secret';
    expect(await knock(service, `POST ${FEEDBACK}`, { authorization })).toBe('let in');
    expect((await service.get<HealthDto>('/health', { authorization })).body.details).toBeUndefined();
  });

  it('that lack the scope are told which one is needed', async () => {
    const service = await startService({ apiKeys });
    const reply = await service.fail(FEEDBACK, QUESTION, { authorization: 'Bearer secret-read' });
    const { detail } = expectProblem(reply, 'FORBIDDEN');
    expect(detail).toBe('This route needs the scope inference, which ops does not have.');
  });

  it.each([
    ['missing', {}, 'A key is needed: send Authorization: Bearer SECRET.'],
    [
      'wrong',
      { authorization: 'Bearer wrong-secret' },
      'The key is not one of API_KEYS, or Authorization is not "Bearer SECRET".',
    ],
  ])('that are %s are asked for with WWW-Authenticate', async (_, headers, sentence) => {
    const service = await startService({ apiKeys });
    const reply = await service.fail(FEEDBACK, QUESTION, headers);
    expect(expectProblem(reply, 'UNAUTHORIZED').detail).toBe(sentence);
    expect(reply.headers['www-authenticate']).toBe('Bearer');
  });

  it('are needed on the machine itself too, once there are any', async () => {
    const service = await startService({ apiKeys });
    expectProblem(await service.fail(FEEDBACK, QUESTION), 'UNAUTHORIZED');
  });

  it('are asked for before the body is parsed', async () => {
    const service = await startService({ apiKeys });
    expectProblem(await service.fail(FEEDBACK, '{"not": json'), 'UNAUTHORIZED');
  });
});

describe('without keys', () => {
  it('a direct caller on this machine has every scope', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    expect((await service.post(FEEDBACK, QUESTION)).status).toBe(200);
    expect((await service.get<HealthDto>('/health')).body.details).toBeDefined();
  });

  it.each([
    ['X-Forwarded-For', { 'x-forwarded-for': '203.0.113.9' }, 'it came through a proxy (x-forwarded-for)'],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'https' }, 'it came through a proxy (x-forwarded-proto)'],
    ['Forwarded', { forwarded: 'for=203.0.113.9' }, 'it came through a proxy (forwarded)'],
    ['X-Real-IP', { 'x-real-ip': '203.0.113.9' }, 'it came through a proxy (x-real-ip)'],
    ['Via', { via: '1.1 squid' }, 'it came through a proxy (via)'],
    ['a rebound name', { host: 'example.com' }, 'its Host is not localhost'],
    ['a name like ours', { host: 'localhost.example.com' }, 'its Host is not localhost'],
    ['a foreign page', { origin: 'https://example.com' }, 'a web page of another site sent it (Origin)'],
    ['a sandboxed page', { origin: 'null' }, 'a web page of another site sent it (Origin)'],
    [
      'a foreign page',
      { 'sec-fetch-site': 'cross-site' },
      'a web page of another site sent it (Sec-Fetch-Site)',
    ],
  ])('%s is no direct caller: %j', async (_, headers, why) => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(FEEDBACK, QUESTION, headers), 'UNAUTHORIZED');
    expect(detail).toBe(
      `No API_KEYS are set, so only direct calls on this machine are served, and this is none: ${why}. ` +
        'Set API_KEYS=name:scope:secret on the server, or AUTH=off to let everybody ask.',
    );
  });

  it('a client of HTTP/1.0 is no direct caller, for a bare proxy speaks it', async () => {
    const service = await startService();
    const reply = await sendRaw<Problem>(
      service.url,
      'POST /api/feedback HTTP/1.0\r\nHost: localhost\r\n\r\n',
    );
    expect(expectProblem(reply, 'UNAUTHORIZED').detail).toContain('it came through a proxy (HTTP/1.0)');
  });

  it.each([
    ['its own page', { origin: 'http://localhost:8000', 'sec-fetch-site': 'same-origin' }],
    ['a page of this machine', { origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' }],
    ['an IPv6 name', { host: '[::1]:8000' }],
    ['a name in capitals', { host: 'LOCALHOST' }],
  ])('%s is a direct caller: %j', async (_, headers) => {
    const service = await startService();
    expect(await knock(service, `POST ${FEEDBACK}`, headers)).toBe('let in');
  });

  it('a foreign caller may still look whether the service lives, without details', async () => {
    const service = await startService();
    const { status, body } = await service.get<HealthDto>('/health', { host: 'example.com' });
    expect(status).toBe(200);
    expect(body.details).toBeUndefined();
  });
});

describe('another address of this machine', () => {
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  const whereThereIsOne = address === undefined ? it.skip : it;

  whereThereIsOne('is not loopback (skipped on a machine that has loopback alone)', async () => {
    const app = await create();
    await app.listen(0, '0.0.0.0');
    const { port } = new URL(await app.getUrl());

    const reply = await fetch(`http://${address}:${port}${FEEDBACK}`, { method: 'POST' });

    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({
      detail: expect.stringContaining('it does not come from this machine'),
    });
  });
});

describe('AUTH=off', () => {
  it('lets everybody ask', async () => {
    const service = await startService({ auth: 'off' });
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    const { status } = await service.post(FEEDBACK, QUESTION, { host: 'example.com' });
    expect(status).toBe(200);
  });

  it('lets nobody from elsewhere read', async () => {
    const service = await startService({ auth: 'off' });
    const { body } = await service.get<HealthDto>('/health', { host: 'example.com' });
    expect(body.details).toBeUndefined();
  });

  it('leaves the keys their scopes', async () => {
    const service = await startService({ auth: 'off', apiKeys });
    const { body } = await service.get<HealthDto>('/health', { authorization: 'Bearer secret-read' });
    expect(body.details).toBeDefined();
  });

  it('with keys gives a caller without one inference alone, on this machine too', async () => {
    const service = await startService({ auth: 'off', apiKeys });
    expect(await knock(service, `POST ${FEEDBACK}`, {})).toBe('let in');
    expect((await service.get<HealthDto>('/health')).body.details).toBeUndefined();
  });
});

describe('health', () => {
  const reader = { authorization: 'Bearer secret-read' };
  const asker = { authorization: 'Bearer secret-inference' };

  it('shows status only to a key without the scope read', async () => {
    const service = await startService({ apiKeys });
    expect((await service.get('/health', asker)).body).toEqual({
      status: 'ok',
      engine: {
        provider: 'stub',
        ready: true,
        notice:
          'The built-in stub answers by rule; no model is behind it. Set SGLANG_HOST or ENGINE_URLS to name one.',
      },
      store: { kind: 'server', ready: true, content: 'full', calls_waiting: 0, calls_dropped: 0 },
    });
  });

  it('shows the engines and the counters to the scope read', async () => {
    const service = await startService({ apiKeys });
    const { body } = await service.get<HealthDto>('/health', reader);
    expect(body.details).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      uptime_seconds: expect.any(Number),
      model: 'Qwen/Qwen3-32B',
      engines: [
        {
          url: service.stub.url,
          state: 'up',
          models: ['Qwen/Qwen3-32B-stub'],
          context_tokens: 32_768,
          requests_waiting: 0,
        },
      ],
      replies: {},
    });
  });

  it('is ready while the engine is', async () => {
    const service = await startService();
    expect(await service.get<ReadyDto>('/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ready' },
    });
  });

  it.each([
    [
      'a reader',
      reader,
      expect.stringMatching(/^No engine takes calls \(http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/),
    ],
    ['everybody else', {}, 'The engine does not serve calls; a key with the scope read sees why.'],
  ])('is not ready with a reason for %s when no engine listens', async (_, headers, reason) => {
    const service = await startService({ apiKeys, engineUrls: ['http://127.0.0.1:9'] });
    expect(await service.get<ReadyDto>('/health/ready', headers)).toMatchObject({
      status: 503,
      body: { status: 'not_ready', reason },
    });
  });

  it('is degraded, and still 200, when no engine listens', async () => {
    const service = await startService({ engineUrls: ['http://127.0.0.1:9'] });
    const { status, body } = await service.get<HealthDto>('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      engine: { ready: false, notice: expect.stringContaining('No engine takes calls') },
    });
  });

  it('is alive when no engine listens', async () => {
    const service = await startService({ engineUrls: ['http://127.0.0.1:9'] });
    expect(await service.get('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('is the same under /healthz', async () => {
    const service = await startService();
    expect((await service.get<HealthDto>('/healthz')).body.status).toBe('ok');
  });
});
