import { getEventListeners, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { rootOf } from '../src/client/api/base-url.js';
import { failureOfWire } from '../src/client/api/wire-failure.js';
import { REMEDIES } from '../src/client/api/server-error.js';
import { LLMClient, type Retry } from '../src/client/index.js';
import { ERRORS } from '../src/common/errors.js';
import { startClient, startOddServer } from './support/client.js';
import { clientEnvOf } from './support/local-key.js';
import { startService, startStub } from './support/service.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const ANSWER = JSON.stringify({ model: 'm', choices: [{ text: 'Yes.' }] });

const closing: { close(): unknown }[] = [];

afterEach(() => {
  for (const server of closing.splice(0)) server.close();
});

/** Asks one prompt of a model that is named, so that nothing else is asked. */
function ask(baseUrl: string, options: ConstructorParameters<typeof LLMClient>[0] = {}) {
  return new LLMClient({ baseUrl, ...options }).generateSingle('Hi', { model: 'm' });
}

/** An address at which nothing listens: it was just given up. */
async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

describe('the address of a server', () => {
  it.each([
    ['localhost:8000', 'http://localhost:8000'],
    ['http://localhost:8000/', 'http://localhost:8000'],
    ['http://localhost:8000/v1', 'http://localhost:8000'],
    ['https://host/prefix/v1/', 'https://host/prefix'],
    ['http://host/chat', 'http://host'],
    ['http://host/api/chat', 'http://host'],
    ['http://host/v1/chat/completions', 'http://host'],
    ['[::1]:8000', 'http://[::1]:8000'],
    [' 10.0.0.7:8000 ', 'http://10.0.0.7:8000'],
  ])('%s is that of %s', (typed, root) => {
    expect(rootOf(typed)).toBe(root);
  });

  it.each([
    '',
    '  ',
    'ftp://host',
    'http://user:secret@host',
    'http://',
    'http://host/v1?x=1',
    'http://ho st',
  ])('is not “%s”, which is wrong use', (typed) => {
    expect(() => rootOf(typed)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  it('is told without the password that was in it', () => {
    expect(() => rootOf('http://user:secret@host')).toThrow(/^(?!.*secret)/);
  });

  it('may have a path before every route', async () => {
    const paths: (string | undefined)[] = [];
    const url = await startOddServer((request, response) => {
      paths.push(request.url);
      response.writeHead(200, JSON_TYPE).end(ANSWER);
    });
    await ask(`${url}/behind/a/proxy/v1/`);
    expect(paths).toEqual(['/behind/a/proxy/v1/completions']);
  });
});

describe('a call that may be sent again', () => {
  it.each([429, 502, 503])('is sent again after %i, as soon as Retry-After says', async (status) => {
    const stub = await startStub();
    stub.script({ kind: 'status', status, headers: { 'retry-after': '0' } });
    expect(await ask(stub.url)).toMatchObject({ success: true, attempts: 2 });
  });

  it('waits until the date in Retry-After', async () => {
    const stub = await startStub();
    const date = new Date(Date.now() - 1000).toUTCString();
    stub.script({ kind: 'status', status: 503, headers: { 'retry-after': date } });
    const waits: number[] = [];
    await ask(stub.url, { onRetry: ({ waitMs }) => waits.push(waitMs) });
    expect(waits).toEqual([0]);
  });

  it('is sent as often as retries say and no more', async () => {
    const stub = await startStub();
    const busy = { kind: 'status', status: 503, headers: { 'retry-after': '0' } } as const;
    stub.script(busy, busy, busy, busy);
    const result = await ask(stub.url, { retries: 2 });
    expect(result).toMatchObject({ success: false, attempts: 3 });
    expect(result.error).toContain('(asked 3 times)');
    expect(stub.requests).toHaveLength(3);
  });

  it('is not one of which the server says that it fails again', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 502, headers: { 'x-should-retry': 'false' } });
    expect(await ask(stub.url)).toMatchObject({ success: false, attempts: 1 });
  });

  it.each(['STRUCTURED_OUTPUT_INVALID', 'ENGINE_REJECTED', 'ENGINE_UNAUTHORIZED', 'NOT_CONFIGURED'])(
    'is not one whose error is %s',
    async (code) => {
      const stub = await startStub();
      stub.script({ kind: 'status', status: 502, body: { code, detail: 'No.' } });
      expect(await ask(stub.url)).toMatchObject({ success: false, attempts: 1, error_code: code });
    },
  );

  it('is not one whose quota is used up, whoever says so', async () => {
    const stub = await startStub();
    const error = { message: 'No more.', type: 'insufficient_quota', code: 'insufficient_quota' };
    stub.script({ kind: 'status', status: 429, body: { error } });
    expect(await ask(stub.url)).toMatchObject({
      success: false,
      attempts: 1,
      error_code: 'ENGINE_QUOTA_EXCEEDED',
    });
  });

  it('tells why, how often and how long it waits', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '0' } });
    const told: Retry[] = [];
    await ask(stub.url, { onRetry: (retry) => told.push(retry) });
    expect(told).toEqual([
      { reason: expect.stringContaining('answered 503') as unknown, attempt: 1, waitMs: 0 },
    ]);
  });

  it('is not waited for longer than a minute, and says when to come back', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '600' } });
    const result = await ask(stub.url);
    expect(result).toMatchObject({ success: false, attempts: 1 });
    expect(result.error).toContain('Ask again in 10 minutes.');
  });

  it('is given up at once when it is interrupted while it waits', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '60' } });
    const stop = new AbortController();
    const client = new LLMClient({
      baseUrl: stub.url,
      onRetry: () => {
        stop.abort();
      },
    });
    const result = await client.generateSingle('Hi', { model: 'm', signal: stop.signal });
    expect(result).toMatchObject({ success: false, error_code: 'interrupted' });
  });

  it.each([400, 404, 500])('is not one that was answered %i', async (status) => {
    const stub = await startStub();
    stub.script({ kind: 'status', status });
    expect(await ask(stub.url)).toMatchObject({ success: false, attempts: 1 });
  });

  it('is one whose connection broke', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reset', after: 'headers' });
    const result = await ask(stub.url, { retries: 1 });
    expect(result).toMatchObject({ success: true, attempts: 2 });
  });

  it('goes out anew without --retries where the server had closed the idle connection, and is counted', async () => {
    let connections = 0;
    const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`;
    // Each connection answers once, and breaks on the second request: that is how a closed one looks that was not noticed.
    const server = createServer((socket) => {
      let requests = 0;
      connections++;
      socket
        .on('error', () => undefined)
        .on('data', () => {
          if (++requests === 1) socket.write(answer);
          else socket.resetAndDestroy();
        });
    }).listen(0, '127.0.0.1');
    closing.push(server);
    await once(server, 'listening');
    const client = new LLMClient({
      baseUrl: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      retries: 0,
    });
    const results = await client.generateBatch(['a', 'b'], { model: 'm' });
    await client.close();
    expect(results.map(({ success, attempts }) => [success, attempts])).toEqual([
      [true, 1],
      [true, 2],
    ]);
    expect(connections).toBe(2);
  });
});

describe('a call without an answer', () => {
  it('says that nothing listens there, and what to do', async () => {
    const url = await deadUrl();
    expect(await ask(url, { retries: 0 })).toMatchObject({
      error_code: 'unreachable',
      error: `${url} does not answer (connection refused). Start the server, or name another one with --url or LLM_SERVICE_URL.`,
    });
  });

  it('says that the host does not exist, and is not sent again', async () => {
    const result = await ask('http://no-such-host.invalid');
    expect(result).toMatchObject({ error_code: 'unreachable', attempts: 1 });
    expect(result.error).toContain('names a host that does not exist');
  });

  it('that takes too long is ended', async () => {
    const url = await startOddServer(() => undefined);
    const result = await ask(url, { timeoutMs: 30 });
    expect(result).toMatchObject({ error_code: 'timeout', attempts: 1 });
    expect(result.error).toContain('within 0.03 s');
  });

  it('is left in the server as well where it is interrupted', async () => {
    const stop = new AbortController();
    const left = Promise.withResolvers<undefined>();
    const url = await startOddServer((_, response) => {
      response.once('close', () => {
        left.resolve(undefined);
      });
      stop.abort();
    });
    const client = new LLMClient({ baseUrl: url });
    const result = await client.generateSingle('Hi', { model: 'm', signal: stop.signal });
    expect(result).toMatchObject({ success: false, error_code: 'interrupted' });
    await left.promise;
  });

  it('leaves nothing on a signal that later calls do not have', async () => {
    const stub = await startStub();
    const client = new LLMClient({ baseUrl: stub.url });
    const [first, second] = [new AbortController(), new AbortController()];
    for (const { signal } of [first, second]) await client.generateSingle('Hi', { model: 'm', signal });
    expect(getEventListeners(first.signal, 'abort')).toEqual([]);
  });

  it.each([
    ['EMFILE', 'Ask fewer at once with --concurrent'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'which versions and certificates of TLS'],
    ['UND_ERR_INVALID_ARG', 'The fault is in this client, not in the server'],
    ['EPROTO', 'read the server’s log'],
  ])('for the reason %s says where to look', (code, sentence) => {
    const { message } = failureOfWire(Object.assign(new Error('It failed'), { code }), 'http://host', false);
    expect(message).toContain(sentence);
  });

  it('that drips past its time is ended', async () => {
    const url = await startOddServer((_, response) => {
      response.writeHead(200, JSON_TYPE);
      const timer = setInterval(() => response.write(' '), 5);
      response.once('close', () => {
        clearInterval(timer);
      });
    });
    expect(await ask(url, { timeoutMs: 60 })).toMatchObject({ error_code: 'timeout' });
  });

  it.each([
    ['a web page', '<!doctype html><title>Hi</title>', 'a web page (status 200), not with JSON'],
    ['text', 'It works!', '“It works!” (status 200), not with JSON'],
    ['nothing', '', 'nothing (status 200), not with JSON'],
    ['other JSON', '{"hello":"world"}', 'JSON that is no completion'],
    ['a list', '[]', 'JSON that is no completion'],
    ['null', 'null', 'JSON that is no completion'],
  ])('is not understood where %s came', async (_, body, sentence) => {
    const url = await startOddServer((__, response) => {
      response.end(body);
    });
    const result = await ask(url);
    expect(result).toMatchObject({ error_code: 'not_understood', attempts: 1 });
    expect(result.error).toContain(sentence);
    expect(result.error).toContain('is this the address of LLM Service or of a server with OpenAI’s API?');
  });

  it('names the address to which the server moved', async () => {
    const url = await startOddServer((_, response) => {
      response.writeHead(308, { location: 'https://elsewhere.example/' }).end();
    });
    expect((await ask(url)).error).toContain('moved to https://elsewhere.example/');
  });

  it('is read no further than 64 MiB', async () => {
    const piece = Buffer.alloc(1_048_576, 0x20);
    const url = await startOddServer((_, response) => {
      response.writeHead(200, JSON_TYPE);
      const more = (): void => {
        while (response.write(piece));
      };
      response.on('drain', more);
      more();
    });
    const result = await ask(url);
    expect(result.error_code).toBe('not_understood');
    expect(result.error).toContain('more than 64 MiB');
  });

  it('says which key is wanted, and is not sent again', async () => {
    const { url } = await startStub({ apiKey: 'secret' });
    const result = await ask(url, { apiKey: 'wrong' });
    expect(result).toMatchObject({ success: false, attempts: 1 });
    expect(result.error).toContain('--api-key or LLM_SERVICE_API_KEY');
    expect(result.error).not.toContain('wrong');
  });

  it.each<[string, object | string, string, string]>([
    [
      'OpenAI and vLLM',
      { error: { message: 'Bad top_p', code: 400, param: 'top_p' } },
      'Bad top_p.',
      'refused',
    ],
    ['SGLang', { object: 'error', message: 'Bad top_p', code: 400 }, 'Bad top_p.', 'refused'],
    ['FastAPI', { detail: 'Bad top_p' }, 'Bad top_p.', 'refused'],
    ['a text alone', { error: 'Bad top_p' }, 'Bad top_p.', 'refused'],
    [
      'vLLM of a long prompt',
      { error: { message: 'At most 8 tokens.', code: 400, param: 'input_tokens' } },
      'too long for the model',
      'CONTEXT_TOO_LONG',
    ],
    [
      'SGLang of a long prompt',
      {
        object: 'error',
        message: "The input (9 tokens) is longer than the model's context length (8 tokens).",
      },
      'too long for the model',
      'CONTEXT_TOO_LONG',
    ],
    [
      'LLM Service',
      {
        code: 'VALIDATION_FAILED',
        detail: 'Wrong in this request: /top_p.',
        remedy: 'Correct it.',
        errors: [{ path: '/top_p', message: 'top_p must be at most 1' }],
      },
      'answered 400: top_p must be at most 1.',
      'VALIDATION_FAILED',
    ],
  ])('repeats what the server says, in the form of %s', async (_, body, sentence, code) => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400, body });
    const result = await ask(stub.url);
    expect(result).toMatchObject({ success: false, error_code: code });
    expect(result.error).toContain(sentence);
  });

  it('does not name parts of the JSON that nobody sees', async () => {
    const known = Object.values(ERRORS).map(({ remedy }) => remedy);
    expect(known).toEqual(expect.arrayContaining(Object.keys(REMEDIES)));

    const { url } = await startService();
    const { error } = await new LLMClient({ baseUrl: url }).generateSingle('Hi', { temperature: 3 });
    expect(error).toMatch(/answered 400: The request does not fit this route\. temperature must [^.]*\.$/);
  });

  it('repeats nothing that would steer a terminal', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400, body: { error: { message: 'a\u001b[2Jb\nc' } } });
    expect((await ask(stub.url)).error).toContain('a\\u001b[2Jb c.');
  });

  it('is no use where the key cannot be sent, which is wrong use and told without the key', () => {
    const make = (): unknown => new LLMClient({ apiKey: 'secret\r' });
    expect(make).toThrow(expect.objectContaining({ exitCode: 2 }));
    expect(make).toThrow(/^(?!.*secret).*--api-key or LLM_SERVICE_API_KEY/);
  });

  it('says that a route needs LLM Service where something else answers', async () => {
    const stub = await startStub();
    const client = new LLMClient({ baseUrl: stub.url });
    await expect(client.ask('GET', '/api/calls')).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('this needs LLM Service') as unknown,
    });
  });
});

describe('HTTPS', () => {
  const file = (name: string): string => new URL(`fixtures/tls/${name}`, import.meta.url).pathname;

  async function startTlsServer(certificate: string): Promise<string> {
    const options = { key: readFileSync(file('key.pem')), cert: readFileSync(file(certificate)) };
    const server = createTlsServer(options, (_, response) => {
      response.writeHead(200, JSON_TYPE).end('{"data":[{"id":"m"}]}');
    });
    server.listen(0, '127.0.0.1');
    closing.push({ close: () => (server.closeAllConnections(), server.close()) });
    await once(server, 'listening');
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function askModels(url: string, trusted?: string): Promise<{ code: number | null; stderr: string }> {
    const env = trusted ? { NODE_EXTRA_CA_CERTS: file(trusted) } : {};
    return startClient(['models', '--url', url], { env }).ended;
  }

  it('is refused where nobody vouches for the certificate', async () => {
    const { code, stderr } = await askModels(await startTlsServer('elsewhere.pem'));
    expect(stderr).toContain('of no authority that this machine trusts');
    expect(code).toBe(3);
  });

  it('is refused where the certificate has another name, which is told', async () => {
    const { code, stderr } = await askModels(await startTlsServer('elsewhere.pem'), 'elsewhere.pem');
    expect(stderr).toContain('has a certificate for elsewhere.test: use that name in --url.');
    expect(code).toBe(3);
  });

  it('is refused where the certificate has expired', async () => {
    const { code, stderr } = await askModels(await startTlsServer('expired.pem'), 'expired.pem');
    expect(stderr).toContain('has a certificate that has expired');
    expect(code).toBe(3);
  });

  it('asked of a server that speaks plain HTTP says so', async () => {
    const { url } = await startStub();
    const result = await ask(url.replace('http:', 'https:'));
    expect(result.error).toContain('speaks plain HTTP, not HTTPS: write http://');
  });

  it('spoken by a server that is asked in plain HTTP is told', async () => {
    const url = await startTlsServer('elsewhere.pem');
    const { code, stderr } = await askModels(url.replace('https:', 'http:'));
    expect(stderr).toContain('If it speaks HTTPS, write https:// instead of http://.');
    expect(code).toBe(3);
  });
});

describe('any route of the service', () => {
  it('is asked for its JSON', async () => {
    const { url } = await startService();
    const client = new LLMClient({ baseUrl: url });
    const { body, attempts, latencyMs } = await client.ask<{ status: string }>('GET', '/health');
    expect(body.status).toBe('ok');
    expect(attempts).toBe(1);
    expect(latencyMs).toBeGreaterThan(0);
  });

  it('is downloaded in pieces of any number', async () => {
    const service = await startService();
    const client = new LLMClient({
      baseUrl: service.url,
      apiKey: clientEnvOf(service).LLM_SERVICE_API_KEY,
    });
    const pieces: Uint8Array[] = [];
    for await (const piece of await client.download('/metrics')) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toContain('llm_service_');
  });
});
