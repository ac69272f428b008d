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
  'GET /docs/start.js': 'open',
  'GET /docs/swagger-ui-bundle.js': 'open',
  'GET /docs/swagger-ui.css': 'open',
  'GET /docs-json': 'open',
  'GET /redoc': 'open',
  'GET /redoc/redoc.standalone.js': 'open',
};

const ALL: readonly Scope[] = ['inference', 'read', 'admin'];

/** Who calls, with which headers, and the scopes that they have. */
interface TestCaller {
  readonly caller: string;
  readonly headers: (service: TestService) => Readonly<Record<string, string>>;
  readonly scopes: readonly Scope[];
  /** How they are refused: 403 where they have sent a key that is right. */
  readonly refusal: 401 | 403;
}

const calls = (caller: string, headers: Record<string, string>, ...scopes: Scope[]): TestCaller => ({
  caller,
  headers: () => headers,
  scopes,
  refusal: 401,
});

const bearer = (secret: string, ...scopes: Scope[]): TestCaller => ({
  ...calls(secret, { authorization: `Bearer ${secret}` }, ...scopes),
  refusal: 403,
});

const WITH_A_KEY = [
  bearer('secret-inference', 'inference'),
  bearer('secret-read', 'read'),
  bearer('secret-both', 'inference', 'read'),
  bearer('secret-admin', ...ALL),
];

const WRONG_KEY = calls('a wrong key', { authorization: 'Bearer wrong-secret' });

/** OpenAI's clients send a key always. */
const ANY_WORD = calls('any word for a key', { authorization: 'Bearer none' }, 'inference');

const { apiKeys } = loadSettings(
  {
    API_KEYS:
      'app:inference:secret-inference,ops:read:secret-read,both:inference+read:secret-both,root:admin:secret-admin',
  },
  undefined,
).settings;

/** Every way to run the service, with everybody who may call it. */
const WAYS: readonly { way: string; settings: Partial<Settings>; callers: readonly TestCaller[] }[] = [
  {
    way: 'with API_KEYS',
    settings: { apiKeys },
    callers: [
      calls('nobody', {}),
      WRONG_KEY,
      calls('a key without Bearer', { authorization: 'secret-inference' }),
      calls('an empty Bearer', { authorization: 'Bearer ' }),
      ...WITH_A_KEY,
    ],
  },
  {
    way: 'without API_KEYS',
    settings: {},
    callers: [
      calls('a direct caller', {}, 'inference'),
      ANY_WORD,
      { ...calls('the local key', {}, ...ALL), headers: ({ localKey }) => localKey },
      calls('a proxy', { 'x-forwarded-for': '203.0.113.9' }),
      {
        ...calls('the local key through a proxy', {}),
        headers: ({ localKey }) => ({ ...localKey, 'x-forwarded-for': '203.0.113.9' }),
      },
    ],
  },
  {
    way: 'with AUTH=off',
    settings: { auth: 'off' },
    callers: [
      calls('a direct caller', {}, 'inference'),
      ANY_WORD,
      calls('a proxy', { 'x-forwarded-for': '203.0.113.9' }, 'inference'),
      calls('another Host', { host: 'example.com' }, 'inference'),
    ],
  },
  {
    way: 'with AUTH=off and API_KEYS',
    settings: { auth: 'off', apiKeys },
    callers: [
      calls('a direct caller', {}, 'inference'),
      calls('a password of a proxy', { authorization: 'Basic dXNlcjpwYXNz' }, 'inference'),
      WRONG_KEY,
      ...WITH_A_KEY,
    ],
  },
];

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
async function knock(service: TestService, route: string, headers: Readonly<Record<string, string>>) {
  const [method, path] = route.split(' ') as ['GET' | 'POST', string];
  const { statusCode, body } = await request(service.url + path, { method, headers });
  await body.dump();
  return statusCode === 401 || statusCode === 403 ? statusCode : 'let in';
}

/** Few enough for a service to answer a wrong key to each of them at once. */
function inGroups<T>(items: readonly T[]): T[][] {
  const SIZE = 16;
  return Array.from({ length: Math.ceil(items.length / SIZE) }, (_, at) =>
    items.slice(at * SIZE, (at + 1) * SIZE),
  );
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

  it.each(WAYS)('let the right callers in, and no others, $way', async ({ settings, callers }) => {
    const outcomes: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const routes of inGroups(Object.entries(ROUTES))) {
      const service = await startService(settings);
      for (const [route, needed] of routes) {
        for (const { caller, headers, scopes, refusal } of callers) {
          const isLetIn = needed === 'open' || scopes.includes(needed);
          expected[`${route} by ${caller}`] = isLetIn ? 'let in' : refusal;
          outcomes[`${route} by ${caller}`] = await knock(service, route, headers(service));
        }
      }
    }
    expect(outcomes).toEqual(expected);
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
  it('a direct caller on this machine may ask', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    expect((await service.post(FEEDBACK, QUESTION)).status).toBe(200);
  });

  it('a direct caller on this machine sees no details of the health', async () => {
    const { url } = await startService();
    expect(await (await fetch(`${url}/health`)).json()).not.toHaveProperty('details');
  });

  it.each([
    ['X-Forwarded-For', { 'x-forwarded-for': '203.0.113.9' }, 'it came through a proxy (x-forwarded-for)'],
    ['X-Forwarded-Proto', { 'x-forwarded-proto': 'https' }, 'it came through a proxy (x-forwarded-proto)'],
    ['Forwarded', { forwarded: 'for=203.0.113.9' }, 'it came through a proxy (forwarded)'],
    ['X-Real-IP', { 'x-real-ip': '203.0.113.9' }, 'it came through a proxy (x-real-ip)'],
    ['Via', { via: '1.1 squid' }, 'it came through a proxy (via)'],
    ['Cloudflare', { 'cf-connecting-ip': '203.0.113.9' }, 'it came through a proxy (cf-connecting-ip)'],
    ['Akamai', { 'true-client-ip': '203.0.113.9' }, 'it came through a proxy (true-client-ip)'],
    ['X-Client-IP', { 'x-client-ip': '203.0.113.9' }, 'it came through a proxy (x-client-ip)'],
    ['Rackspace', { 'x-cluster-client-ip': '203.0.113.9' }, 'it came through a proxy (x-cluster-client-ip)'],
    ['X-Original-Host', { 'x-original-host': 'example.com' }, 'it came through a proxy (x-original-host)'],
    [
      'Envoy',
      { 'x-envoy-external-address': '203.0.113.9' },
      'it came through a proxy (x-envoy-external-address)',
    ],
    ['Fly', { 'fly-client-ip': '203.0.113.9' }, 'it came through a proxy (fly-client-ip)'],
    ['AWS', { 'x-amzn-trace-id': 'Root=1-67891233-abcdef' }, 'it came through a proxy (x-amzn-trace-id)'],
    ['a CDN', { 'cdn-loop': 'example' }, 'it came through a proxy (cdn-loop)'],
    ['a rebound name', { host: 'example.com' }, 'its Host is not localhost'],
    ['a name like ours', { host: 'localhost.example.com' }, 'its Host is not localhost'],
    ['a foreign page', { origin: 'https://example.com' }, 'a web page of another site sent it (Origin)'],
    ['a sandboxed page', { origin: 'null' }, 'a web page of another site sent it (Origin)'],
    [
      'a page of another port',
      { host: 'localhost:8000', origin: 'http://localhost:3000' },
      'a web page of another site sent it (Origin)',
    ],
    [
      'a page of another scheme',
      { host: 'localhost:8000', origin: 'https://localhost:8000' },
      'a web page of another site sent it (Origin)',
    ],
    [
      'a page of another name',
      { host: 'localhost:8000', origin: 'http://127.0.0.1:8000' },
      'a web page of another site sent it (Origin)',
    ],
    [
      'a page of another port',
      { 'sec-fetch-site': 'same-site' },
      'a web page of another site sent it (Sec-Fetch-Site)',
    ],
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
    [
      'its own page',
      { host: 'localhost:8000', origin: 'http://localhost:8000', 'sec-fetch-site': 'same-origin' },
    ],
    ['a typed address', { 'sec-fetch-site': 'none' }],
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

  it.each([
    ['on this machine', {}],
    ['from elsewhere', { host: 'example.com' }],
  ])('lets nobody without a key see details of the health, %s', async (_, headers) => {
    const service = await startService({ auth: 'off' });
    const { body } = await service.get<HealthDto>('/health', headers);
    expect(body.details).toBeUndefined();
  });

  it('says which key a reader needs where there are none', async () => {
    const service = await startService({ auth: 'off' });
    const { detail } = expectProblem(await service.get<Problem>('/api/calls'), 'UNAUTHORIZED');
    expect(detail).toBe(
      'A key with the scope read is needed, and there are none. Set API_KEYS=name:read:secret on the server.',
    );
  });

  it('leaves the keys their scopes', async () => {
    const service = await startService({ auth: 'off', apiKeys });
    const { body } = await service.get<HealthDto>('/health', { authorization: 'Bearer secret-read' });
    expect(body.details).toBeDefined();
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
