import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, request } from 'undici';
import { ERRORS, type ErrorCode } from '../src/common/errors.js';
import { loadSettings } from '../src/config/load-settings.js';
import { Draining } from '../src/health/draining.js';
import { startNginx } from './support/nginx.js';
import { CURL, NGINX, withProgram } from './support/programs.js';
import { requirePython, withPython } from './support/python.js';
import { QUESTION, startService, type TestService } from './support/service.js';

const FEEDBACK = '/api/feedback';
const MEBIBYTE = 1_048_576;

const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:secret-app,ops:read:secret-ops' }).settings;
const KEY = 'Authorization: Bearer secret-app';
const JSON_TYPE = 'Content-Type: application/json';

/** A body that costs most where it is parsed. */
const BRACKETS = '['.repeat(MEBIBYTE / 2) + ']'.repeat(MEBIBYTE / 2);

/** A connection that stays open until both sides have ended it, and what the service said on it. */
class Exchange {
  /** Everything that the service sent, once it has ended its direction. */
  readonly said: Promise<string>;
  #text = '';

  private constructor(readonly socket: Socket) {
    // A reset is what some of these connections end with.
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (piece: string) => (this.#text += piece));
    this.said = once(socket, 'end').then(() => this.#text);
  }

  /** Sends the head of a request. */
  static async begin({ url }: TestService, ...head: string[]): Promise<Exchange> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    await once(socket, 'connect');
    socket.write([...head, 'Host: localhost', '', ''].join('\r\n'));
    return new Exchange(socket);
  }

  /** What the service said so far, once it matches. */
  async hears(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) await once(this.socket, 'data');
    return this.#text;
  }
}

/** The service's end of the next connection. */
async function nextConnection({ app }: TestService): Promise<Socket> {
  const [socket] = (await once(app.getHttpServer(), 'connection')) as [Socket];
  return socket;
}

const post = (path: string, ...headers: string[]): string[] => [
  `POST ${path} HTTP/1.1`,
  JSON_TYPE,
  `Content-Length: ${MEBIBYTE}`,
  ...headers,
];

/** What is answered from the head of a request alone. */
const REFUSALS: readonly { what: string; head: string[]; code: ErrorCode; shape?: string }[] = [
  { what: 'a path that does not exist', head: post('/nowhere'), code: 'NOT_FOUND' },
  { what: 'such a path with a key', head: post('/nowhere', KEY), code: 'NOT_FOUND' },
  {
    what: 'such a path under /v1',
    head: post('/v1/nowhere'),
    code: 'NOT_FOUND',
    shape: '{"error":{"message":"No such route.',
  },
  { what: 'a method that the path does not take', head: post('/health'), code: 'METHOD_NOT_ALLOWED' },
  { what: 'no key', head: post(FEEDBACK), code: 'UNAUTHORIZED' },
  {
    what: 'no key under /v1',
    head: post('/v1/chat/completions'),
    code: 'UNAUTHORIZED',
    shape: '{"error":{"message":"No valid key.',
  },
  { what: 'a wrong key', head: post(FEEDBACK, 'Authorization: Bearer wrong'), code: 'UNAUTHORIZED' },
  {
    what: 'a key without the scope',
    head: post(FEEDBACK, 'Authorization: Bearer secret-ops'),
    code: 'FORBIDDEN',
  },
  {
    what: 'a body of unknown length',
    head: ['POST /nowhere HTTP/1.1', 'Transfer-Encoding: chunked'],
    code: 'NOT_FOUND',
  },
  { what: 'a URL that cannot be decoded', head: post('/%zz'), code: 'MALFORMED_REQUEST' },
  { what: 'an expectation of another kind', head: post(FEEDBACK, 'Expect: cake'), code: 'MALFORMED_REQUEST' },
  {
    what: 'a body that is too long',
    head: [`POST ${FEEDBACK} HTTP/1.1`, KEY, JSON_TYPE, 'Content-Length: 999999999'],
    code: 'BODY_TOO_LARGE',
  },
  {
    what: 'a body of another type',
    head: [`POST ${FEEDBACK} HTTP/1.1`, KEY, 'Content-Type: text/plain', 'Content-Length: 5'],
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
];

/** What a reply with this code looks like on the wire, and that it is the last on its connection. */
function expectLast(said: string, code: ErrorCode, shape = `"code":"${code}"`): void {
  expect(said).toMatch(new RegExp(`^HTTP/1.1 ${ERRORS[code].status} `));
  expect(said).toMatch(/\r\nconnection: close\r\n/i);
  expect(said).toContain(shape);
}

describe('a request that is refused', () => {
  it.each(REFUSALS)('for $what is answered before its body is sent', async ({ head, code, shape }) => {
    const service = await startService({ apiKeys });

    const { said, socket } = await Exchange.begin(service, ...head);

    expectLast(await said, code, shape);
    socket.destroy();
  });

  it.each(REFUSALS.filter(({ what }) => !what.includes('expectation')))(
    'for $what is not invited to send its body',
    async ({ head, code, shape }) => {
      const service = await startService({ apiKeys });

      const { said, socket } = await Exchange.begin(service, ...head, 'Expect: 100-continue');

      expectLast(await said, code, shape);
      socket.destroy();
    },
  );

  it('while the service stops is answered before its body is sent', async () => {
    const service = await startService();
    await service.app.get(Draining).beforeApplicationShutdown();

    const { said, socket } = await Exchange.begin(service, ...post(FEEDBACK));

    expectLast(await said, 'SHUTTING_DOWN');
    socket.destroy();
  });

  it.each([
    ['for its path', '/nowhere', 404],
    ['for its key', FEEDBACK, 401],
  ])('%s keeps its connection where it has no body', async (_, path, status) => {
    const service = await startService({ apiKeys });

    const exchange = await Exchange.begin(service, `POST ${path} HTTP/1.1`, 'Content-Length: 0');
    await exchange.hears(/"request_id"/);
    exchange.socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');

    expect([...(await exchange.said).matchAll(/HTTP\/1.1 (\d+)/g)].map(([, code]) => Number(code))).toEqual([
      status,
      200,
    ]);
    exchange.socket.destroy();
  });

  it('is invited to send its body where that is wanted', async () => {
    const service = await startService({ apiKeys });

    const exchange = await Exchange.begin(service, ...post(FEEDBACK, KEY, 'Expect: 100-continue'));

    expect(await exchange.hears(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    exchange.socket.destroy();
  });
});

describe('the connection of a refused request', () => {
  it.each([
    ['its body does not come', ''],
    ['its body stops half-way', BRACKETS.slice(0, MEBIBYTE / 2)],
  ])('is closed where %s', async (_, part) => {
    const service = await startService();
    const connection = nextConnection(service);

    const { socket } = await Exchange.begin(service, ...post('/nowhere'));
    socket.write(part);

    await once(await connection, 'close');
    socket.destroy();
  });

  it('is closed where what came is no HTTP and the other side does not close', async () => {
    const service = await startService();
    const connection = nextConnection(service);

    const { said, socket } = await Exchange.begin(service, 'SSH-2.0-OpenSSH_9.9');

    expect(await said).toMatch(/^HTTP\/1.1 400 /);
    await once(await connection, 'close');
    socket.destroy();
  });

  it('is read for little more than 256 KiB', async () => {
    const service = await startService();
    const connection = nextConnection(service);

    const { socket } = await Exchange.begin(service, ...post('/nowhere'));
    // More than the network holds.
    socket.write(Buffer.alloc(16 * MEBIBYTE, '['));

    const ours = await connection;
    await once(ours, 'close');
    expect(ours.bytesRead).toBeLessThan(2 * 262_144);
    socket.destroy();
  });

  it('closes at once where its body was small and the other side closes', async () => {
    const service = await startService();

    const { said, socket } = await Exchange.begin(
      service,
      'POST /nowhere HTTP/1.1',
      JSON_TYPE,
      'Content-Length: 2',
    );
    socket.end('{}');

    expectLast(await said, 'NOT_FOUND');
    const [hadError] = (await once(socket, 'close')) as [boolean];
    expect(hadError).toBe(false);
  });
});

const run = promisify(execFile);

/** A body of 1 MiB that comes whole, to a path that does not exist and to a route without a key. */
const SENT = [
  { path: '/nowhere', status: 404 },
  { path: '/v1/nowhere', status: 404 },
  { path: FEEDBACK, status: 401 },
];

describe('undici', () => {
  it.each(SENT)('reads $status from $path', async ({ path, status }) => {
    const { url } = await startService({ apiKeys });

    const { statusCode, body } = await request(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: BRACKETS,
    });

    expect(statusCode).toBe(status);
    expect(await body.json()).toBeInstanceOf(Object);
  });
});

withProgram(CURL, 'curl', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bodies-'));
    writeFileSync(join(folder, 'body'), BRACKETS);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** Sends the body with an Expect header of these words, or without one. */
  async function curl(url: string, expectation: string): Promise<{ code: number; uploaded: number }> {
    const { stdout } = await run(CURL, [
      ...['-s', '-o', join(folder, 'reply'), '-w', '%{http_code} %{size_upload}'],
      ...['-H', JSON_TYPE, '-H', `Expect:${expectation}`, '--data-binary', `@${join(folder, 'body')}`, url],
    ]);
    const [code = 0, uploaded = 0] = stdout.split(' ').map(Number);
    return { code, uploaded };
  }

  it.each(SENT)('reads $status from $path', async ({ path, status }) => {
    const { url } = await startService({ apiKeys });

    expect(await curl(url + path, '')).toMatchObject({ code: status });
  });

  it.each(SENT)('that asks before it sends reads $status from $path and sends nothing', async (sent) => {
    const { url } = await startService({ apiKeys });

    expect(await curl(url + sent.path, ' 100-continue')).toEqual({ code: sent.status, uploaded: 0 });
  });
});

withPython('httpx (skipped where there is no Python with the openai package, but never in CI)', () => {
  const SCRIPT =
    'import httpx, sys; print(httpx.post(sys.argv[1], content=b"[" * 1048576, headers={"Content-Type": "application/json"}).status_code)';

  it.each(SENT)('reads $status from $path', async ({ path, status }) => {
    const { url } = await startService({ apiKeys });

    const { stdout } = await run(requirePython(), ['-c', SCRIPT, url + path], { env: {} });

    expect(Number(stdout)).toBe(status);
  });
});

withProgram(NGINX, 'nginx as a reverse proxy', () => {
  describe.each([
    { version: '1.0', upstream: '' },
    { version: '1.1', upstream: 'keepalive 4;' },
  ])('that speaks HTTP/$version', ({ version, upstream }) => {
    it.each(SENT)('hands on $status from $path', async ({ path, status }) => {
      const { url } = await startService({ apiKeys });
      const socketPath = await startNginx(`
        upstream service { server ${new URL(url).host}; ${upstream} }
        server {
          listen unix:nginx.sock;
          client_max_body_size 2m;
          location / {
            proxy_pass http://service;
            proxy_http_version ${version};
            proxy_set_header Connection "";
          }
        }`);
      const client = new Client('http://localhost', { connect: { socketPath } });

      const { statusCode, body } = await client.request({
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: BRACKETS,
      });
      await body.dump();
      await client.close();

      expect(statusCode).toBe(status);
    });
  });
});

describe('a body that is taken', () => {
  it('keeps its connection', async () => {
    const service = await startService();
    const body = JSON.stringify({ ...QUESTION, temperature: 3 });

    const exchange = await Exchange.begin(
      service,
      `POST ${FEEDBACK} HTTP/1.1`,
      JSON_TYPE,
      `Content-Length: ${body.length}`,
    );
    exchange.socket.write(body);

    expect(await exchange.hears(/"request_id"/)).toMatch(/\r\nconnection: keep-alive\r\n/i);
    exchange.socket.destroy();
  });
});
