import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { Problem } from '../src/common/errors.js';
import { expectProblem } from './support/problem.js';
import { sendRaw } from './support/raw-http.js';
import { MODEL_REPLIES, QUESTION, type Reply, startService } from './support/service.js';

const FEEDBACK = '/api/feedback';
const CHAT = '/api/chat/completions';
const JSON_TYPE = { 'content-type': 'application/json' };
const HELLO = { role: 'user', content: 'Hello!' };

/** Objects in objects, as many as there are levels. */
const nested = (levels: number): string => '{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1);

/** POSTs what the harness cannot say: bytes, streams, no body. */
async function postBytes(
  url: string,
  body: Buffer | Readable | null,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Reply<Problem>> {
  const reply = await request(url, { method: 'POST', body, headers });
  return {
    status: reply.statusCode,
    headers: reply.headers as Record<string, string>,
    body: (await reply.body.json()) as Problem,
  };
}

describe('a body that cannot be parsed', () => {
  it.each([
    ['a missing value', '{"a": 1,\n "b": }', 'line 2, column 7'],
    ['an end in the middle', '{"a": 1', 'line 1, column 8'],
    ['an end inside a word', 'tru', 'line 1, column 4'],
    ['single quotes', "{'a': 1}", 'line 1, column 2'],
    ['a comma before the end', '{"a": 1,}', 'line 1, column 9'],
    ['a line break in a text', '{"a": "two\nlines"}', 'line 1, column 11'],
    ['a wrong escape', '{"a":\n\n "\\u12zz"}', 'line 3, column 7'],
    ['a word that JSON lacks', '{"a": NaN}', 'line 1, column 7'],
    ['two values', '{}{}', 'line 1, column 3'],
  ])('names the place of %s', async (_, body, place) => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(FEEDBACK, body), 'MALFORMED_JSON');
    expect(detail).toBe(`The body is not JSON: it breaks at ${place}.`);
  });

  it('does not look for the place in a very long body', async () => {
    const service = await startService();
    const { detail } = expectProblem(
      await service.fail(FEEDBACK, `{"user_prompt":"${'x'.repeat(120_000)}","model":}`),
      'MALFORMED_JSON',
    );
    expect(detail).toBe('The body is not JSON.');
  });

  it.each([
    ['no bytes', ''],
    ['white space', ' \n'],
  ])('is called empty when it has %s', async (_, body) => {
    const service = await startService();
    const { detail } = expectProblem(
      await postBytes(service.url + FEEDBACK, Buffer.from(body)),
      'MALFORMED_JSON',
    );
    expect(detail).toBe('The body is empty.');
  });

  it('is told about UTF-8 when it is EUC-KR', async () => {
    const service = await startService();
    const korean = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xb0, 0xa1, 0xb3, 0xaa]),
      Buffer.from('"}'),
    ]);
    const { detail } = expectProblem(await postBytes(service.url + FEEDBACK, korean), 'MALFORMED_JSON');
    expect(detail).toBe('The body is not UTF-8: encode it as UTF-8 (not EUC-KR or CP949).');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/vnd.api+json', 'nonsense'])(
    'is refused by its type %s',
    async (type) => {
      const service = await startService();
      const { detail } = expectProblem(
        await service.fail(FEEDBACK, '{}', { 'content-type': type }),
        'UNSUPPORTED_MEDIA_TYPE',
      );
      expect(detail).toBe('The Content-Type is not application/json.');
    },
  );

  it('is refused without a type', async () => {
    const service = await startService();
    const { detail } = expectProblem(
      await postBytes(service.url + FEEDBACK, Buffer.from('{}'), {}),
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expect(detail).toBe('The Content-Type is missing.');
  });

  it('may be absent together with its type, and then misses its fields', async () => {
    const service = await startService();
    const { errors } = expectProblem(await service.fail(FEEDBACK, undefined), 'VALIDATION_FAILED');
    expect(errors?.map(({ path }) => path)).toEqual(['/system_prompt', '/user_prompt']);
  });

  it('may begin with a byte order mark', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    const { status } = await service.post(FEEDBACK, `\uFEFF${JSON.stringify(QUESTION)}`);
    expect(status).toBe(200);
  });
});

describe('a body that is too much', () => {
  it('is refused by its Content-Length', async () => {
    const service = await startService({ maxBodyBytes: 2048 });
    const { detail } = expectProblem(await service.fail(FEEDBACK, `"${'x'.repeat(2048)}"`), 'BODY_TOO_LARGE');
    expect(detail).toBe('The body has more than 2048 bytes.');
  });

  it('is refused when it arrives in chunks without a length', async () => {
    const service = await startService({ maxBodyBytes: 2048 });
    const chunks = Readable.from(Array.from({ length: 5 }, () => Buffer.alloc(500, 'x')));
    expectProblem(await postBytes(service.url + FEEDBACK, chunks), 'BODY_TOO_LARGE');
  });

  it('is accepted at exactly the limit', async () => {
    const service = await startService({ maxBodyBytes: 2048 });
    expectProblem(await service.fail(FEEDBACK, '{}'.padEnd(2048)), 'VALIDATION_FAILED');
  });

  it.each([33, 100_000])('is refused when it is nested %i levels deep', async (levels) => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(FEEDBACK, nested(levels)), 'FORBIDDEN_JSON');
    expect(detail).toBe('The body is nested more than 32 levels deep.');
  });

  it.each([
    ['items', { messages: Array(5001).fill(0) }],
    ['keys', Object.fromEntries(Array.from({ length: 5001 }, (_, index) => [`k${index}`, 0]))],
  ])('is refused when it has more than 5,000 %s', async (_, body) => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(FEEDBACK, body), 'FORBIDDEN_JSON');
    expect(detail).toBe('The body has more than 5000 values.');
  });

  it.each([
    ['levels', '['.repeat(33)],
    ['values', `[${'0,'.repeat(5000)}`],
  ])('is refused for its %s before it is parsed', async (_, unfinished) => {
    const service = await startService();
    expectProblem(await service.fail(FEEDBACK, unfinished), 'FORBIDDEN_JSON');
  });

  it('is not taken for nested because of what stands in its texts', async () => {
    const service = await startService();
    const text = '[{"a":\\"\\\\",'.repeat(5001);
    const { errors } = expectProblem(
      await service.fail(FEEDBACK, { ...QUESTION, user_prompt: text, temperature: 3 }),
      'VALIDATION_FAILED',
    );
    expect(errors?.map(({ path }) => path)).toEqual(['/temperature']);
  });

  it('is accepted by the parser when it is nested 32 levels deep', async () => {
    const service = await startService();
    const { errors } = expectProblem(await service.fail(FEEDBACK, nested(32)), 'VALIDATION_FAILED');
    expect(errors).toContainEqual({ path: '/a', message: 'a is not a field of this request' });
  });

  it.each([
    ['__proto__', '{"__proto__": {"isAdmin": true}}'],
    ['__proto__', '{"\\u005f_proto__": {"isAdmin": true}}'],
    ['__proto__', '{"messages": [{"__proto__": []}]}'],
    ['constructor', '{"constructor": {"prototype": {"isAdmin": true}}}'],
    ['toString', '{"tags": {"toString": 1}}'],
  ])('is refused for the key %s in %s', async (key, body) => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(FEEDBACK, body), 'FORBIDDEN_JSON');
    expect(detail).toBe(`The body has the key ${key}, which every object has by nature.`);
  });
});

describe('a field', () => {
  it.each(['[]', '[{}]', '"text"', 'null', '3', 'true'])(
    'is looked for in an object, not in %s',
    async (body) => {
      const service = await startService();
      const { errors } = expectProblem(await service.fail(FEEDBACK, body), 'VALIDATION_FAILED');
      expect(errors).toEqual([{ path: '', message: 'the body must be a JSON object' }]);
    },
  );

  it('is reported together with every other wrong one', async () => {
    const service = await startService();
    const { detail, errors } = expectProblem(
      await service.fail(FEEDBACK, { user_prompt: 7, temperature: 3, 'a/b~c': 1 }),
      'VALIDATION_FAILED',
    );
    expect(detail).toBe('Wrong in this request: /a~1b~0c, /temperature, /system_prompt, /user_prompt.');
    expect(errors).toEqual([
      { path: '/a~1b~0c', message: 'a/b~c is not a field of this request' },
      { path: '/temperature', message: 'temperature must not be greater than 2' },
      {
        path: '/system_prompt',
        message: 'system_prompt must be text that is not blank and well-formed Unicode',
      },
      { path: '/user_prompt', message: 'user_prompt must be text that is not blank and well-formed Unicode' },
    ]);
  });

  const prose = 'user_prompt must be text that is not blank and well-formed Unicode';
  const stop = 'stop must be a text of 1 to 100 characters, or an array of 1 to 4 such texts';
  const label = 'must be text of 1 to 200 characters without control characters';

  it.each([
    ['user_prompt', null, prose],
    ['user_prompt', ' \n', prose],
    ['user_prompt', ['text'], prose],
    ['user_prompt', 'half a \ud83d character', prose],
    ['model', '', `model ${label}`],
    ['temperature', -0.1, 'temperature must not be less than 0'],
    ['temperature', 2.1, 'temperature must not be greater than 2'],
    ['temperature', '1', 'temperature must be a number'],
    ['top_p', 0, 'top_p must not be less than 0.001'],
    ['top_p', 1.1, 'top_p must not be greater than 1'],
    ['max_tokens', 0, 'max_tokens must not be less than 1'],
    ['max_tokens', 1.5, 'max_tokens must be an integer number'],
    ['max_tokens', '10', 'max_tokens must be an integer number'],
    ['max_tokens', 131_073, 'max_tokens must not be greater than 131072'],
    ['stop', '', stop],
    ['stop', [], stop],
    ['stop', ['a', 'b', 'c', 'd', 'e'], stop],
    ['stop', ['a', 1], stop],
    ['stop', 'x'.repeat(101), stop],
    ['stop', '\udc00', stop],
    ['seed', -1, 'seed must not be less than 0'],
    ['seed', 0.5, 'seed must be an integer number'],
    ['stream', 'false', 'stream must be a boolean value'],
    ['interview_id', 'iv-1\nforged', `interview_id ${label}`],
    ['interview_id', 'iv-1\u001b[2J', `interview_id ${label}`],
    ['interview_id', 'iv-1\u2028', `interview_id ${label}`],
    ['interview_id', 42, `interview_id ${label}`],
    ['turn', -1, 'turn must not be less than 0'],
    ['user_id', 'x'.repeat(201), `user_id ${label}`],
    ['tags', 'one', 'tags must be an array'],
    ['tags', { 0: 'one' }, 'tags must be an array'],
    ['tags', Array.from({ length: 21 }, () => 'x'), 'tags must contain no more than 20 elements'],
    ['pass_mark', 11, 'pass_mark must not be greater than 10'],
    ['pass_mark', 5.5, 'pass_mark must be an integer number'],
  ])('%s is refused with the value %j', async (field, value, message) => {
    const service = await startService();
    const { errors } = expectProblem(
      await service.fail(FEEDBACK, { ...QUESTION, [field]: value }),
      'VALIDATION_FAILED',
    );
    expect(errors).toEqual([{ path: `/${field}`, message }]);
  });

  it('names every wrong item of an array by its own path', async () => {
    const service = await startService();
    const tags = ['one', '', 2];
    const { errors } = expectProblem(
      await service.fail(FEEDBACK, { ...QUESTION, tags }),
      'VALIDATION_FAILED',
    );
    expect(errors).toEqual(['/tags/1', '/tags/2'].map((path) => ({ path, message: label })));
  });

  it('names wrong items beside wrong fields of other items', async () => {
    const service = await startService();
    const messages = [5, { role: 'tool', content: 'x' }];
    const { errors } = expectProblem(await service.fail(CHAT, { messages }), 'VALIDATION_FAILED');
    expect(errors?.map(({ path }) => path)).toEqual(['/messages/0', '/messages/1/role']);
  });

  it('is told with at most fifty others', async () => {
    const service = await startService();
    const unknown = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`k${index}`, 0]));
    const { errors, detail } = expectProblem(
      await service.fail(FEEDBACK, { ...QUESTION, ...unknown }),
      'VALIDATION_FAILED',
    );
    expect(errors).toHaveLength(50);
    expect(detail).toBe('Wrong in this request: /k0, /k1, /k2, /k3, /k4 and 75 more.');
  });

  it('has a name of which 200 characters are told', async () => {
    const service = await startService();
    const name = 'n'.repeat(300_000);
    const reply = await service.fail(FEEDBACK, { ...QUESTION, [name]: 1 });

    const { detail, errors } = expectProblem(reply, 'VALIDATION_FAILED');
    const told = `${'n'.repeat(200)}…`;
    expect(detail).toBe(`Wrong in this request: /${told}.`);
    expect(errors).toEqual([{ path: `/${told}`, message: `${told} is not a field of this request` }]);
  });

  it('is not looked for in a compressed body', async () => {
    const service = await startService();
    const { detail } = expectProblem(
      await service.fail(FEEDBACK, QUESTION, { 'content-encoding': 'gzip' }),
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expect(detail).toContain('uncompressed');
  });

  it('pass_mark belongs to feedback alone', async () => {
    const service = await startService();
    const { errors } = expectProblem(
      await service.fail('/api/report', { ...QUESTION, pass_mark: 6 }),
      'VALIDATION_FAILED',
    );
    expect(errors).toEqual([{ path: '/pass_mark', message: 'pass_mark is not a field of this request' }]);
  });

  it.each([
    ['/messages', undefined, 'messages must be an array'],
    ['/messages', null, 'messages must be an array'],
    ['/messages', HELLO, 'messages must be an array'],
    ['/messages', [], 'messages must not be empty'],
    [
      '/messages',
      Array.from({ length: 257 }, () => HELLO),
      'messages must contain no more than 256 elements',
    ],
    ['/messages/1', [HELLO, null], 'must be an object'],
    ['/messages/0', ['Hello!'], 'must be an object'],
    ['/messages/0', [[HELLO]], 'must be an object'],
    [
      '/messages/0/role',
      [{ role: 'tool', content: 'x' }],
      'role must be one of the following values: system, user, assistant',
    ],
    [
      '/messages/1/content',
      [HELLO, { role: 'user', content: ' ' }],
      'content must be text that is not blank and well-formed Unicode',
    ],
    ['/messages/0/name', [{ ...HELLO, name: 'me' }], 'name is not a field of this request'],
  ])('%s is refused in messages %.60j', async (path, messages, message) => {
    const service = await startService();
    const { errors } = expectProblem(await service.fail(CHAT, { messages }), 'VALIDATION_FAILED');
    expect(errors).toEqual([{ path, message }]);
  });

  it.each([
    'model',
    'temperature',
    'top_p',
    'stop',
    'seed',
    'max_tokens',
    'stream',
    'interview_id',
    'turn',
    'user_id',
    'tags',
    'pass_mark',
  ])('%s may be null, which means absent', async (field) => {
    const service = await startService();
    service.stub.script(
      { kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) },
      { kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) },
    );

    const { status } = await service.post(FEEDBACK, { ...QUESTION, [field]: null });
    await service.post(FEEDBACK, QUESTION);

    expect(status).toBe(200);
    const [withNull, without] = service.stub.requests;
    expect(withNull?.body).toEqual({ ...(without?.body as object), rid: expect.any(String) });
  });

  it.each([
    ['temperature', 0],
    ['temperature', 2],
    ['top_p', 1],
    ['stop', 'END'],
    ['stop', ['END', '###', '```', '</answer>']],
    ['seed', 0],
    ['max_tokens', 131_072],
    ['stream', false],
    ['interview_id', '면접 42'],
    ['turn', 0],
    ['tags', []],
    ['pass_mark', 0],
  ])('%s is accepted with the value %j', async (field, value) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    const { status } = await service.post(FEEDBACK, { ...QUESTION, [field]: value });
    expect(status).toBe(200);
  });
});

describe('a request that no route takes', () => {
  it('gets 404 with 200 characters of its path', async () => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail(`/${'p'.repeat(5000)}`, {}), 'NOT_FOUND');
    expect(detail).toBe(`There is no route POST /${'p'.repeat(199)}….`);
  });

  it('gets 404 with its method and path, without its query', async () => {
    const service = await startService();
    const { detail } = expectProblem(await service.fail('/api/feedbacks?key=secret', {}), 'NOT_FOUND');
    expect(detail).toBe('There is no route POST /api/feedbacks.');
  });

  it.each([
    ['GET', FEEDBACK, 'POST'],
    ['HEAD', FEEDBACK, 'POST'],
    ['OPTIONS', FEEDBACK, 'POST'],
    ['PUT', `${FEEDBACK}?x=1`, 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['TRACE', '/health/live', 'GET, HEAD'],
    ['DELETE', '/docs-json', 'GET, HEAD'],
    ['DELETE', '/api/calls/01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0', 'GET, HEAD'],
    ['POST', '/api/calls/export', 'GET, HEAD'],
    ['GET', '/api/calls/turn-7/cancel?x=1', 'POST'],
  ] as const)('gets 405 for %s %s with the allowed methods', async (method, path, allow) => {
    const service = await startService();
    const { statusCode, headers, body } = await request(service.url + path, { method });
    await body.dump();
    expect({ statusCode, allow: headers.allow }).toEqual({ statusCode: 405, allow });
  });

  it.each(['/api/calls/', '/api/calls/a/b', '/api/calls/a/cancel/', '/healthy', '/api/calls/a/cancel/b'])(
    'gets 404 for a wrong method on %s, which is no path of a route',
    async (path) => {
      const service = await startService();
      expectProblem(await service.fail(path, {}), 'NOT_FOUND');
    },
  );

  it('says in the body of a 405 which method is meant', async () => {
    const service = await startService();
    const { detail } = expectProblem(await service.get<Problem>(FEEDBACK), 'METHOD_NOT_ALLOWED');
    expect(detail).toBe(`${FEEDBACK} does not take GET.`);
  });

  it('gets the headers alone when it is a HEAD', async () => {
    const service = await startService();
    const { statusCode, headers, body } = await request(`${service.url}/health`, { method: 'HEAD' });
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(await body.text()).toBe('');
  });

  it.each(['/%zz', '/health/%e0%a4'])('gets 400 for the URL %s, which cannot be decoded', async (path) => {
    const service = await startService();
    const { detail } = expectProblem(await service.get<Problem>(path), 'MALFORMED_REQUEST');
    expect(detail).toBe('The URL cannot be decoded.');
  });
});

describe('bytes that are not a request', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
    ['an unknown method', 'BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    [
      'two ways to tell the length',
      'POST /api/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
  ])('are answered with problem+json: %s', async (_, bytes) => {
    const service = await startService();
    const { detail } = expectProblem(await sendRaw<Problem>(service.url, bytes), 'MALFORMED_REQUEST');
    expect(detail).toBe('What arrived is not an HTTP/1.1 request.');
  });

  it('is refused in the same shape where it expects what the service does not do', async () => {
    const service = await startService();
    const bytes = 'POST /api/feedback HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nConnection: close\r\n\r\n';
    const { detail } = expectProblem(await sendRaw<Problem>(service.url, bytes), 'MALFORMED_REQUEST');
    expect(detail).toContain('Expect');
  });

  it('are answered with problem+json when the Host header is missing', async () => {
    const service = await startService();
    const { detail } = expectProblem(
      await sendRaw<Problem>(service.url, 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'),
      'MALFORMED_REQUEST',
    );
    expect(detail).toBe('An HTTP/1.1 request has a Host header; this one has none.');
  });

  it('are answered with 431 when the headers have more than 16 KiB', async () => {
    const service = await startService();
    const { detail } = expectProblem(
      await service.get<Problem>('/health', { cookie: 'x'.repeat(16 * 1024) }),
      'HEADERS_TOO_LARGE',
    );
    expect(detail).toBe('The headers have more than 16 KiB.');
  });
});

describe('the headers of a reply', () => {
  it.each(['iv-42:turn.3_a', 'x'.repeat(128)])('give a sane X-Request-Id back: %s', async (id) => {
    const service = await startService();
    const { headers } = await service.get('/health', { 'x-request-id': id });
    expect(headers['x-request-id']).toBe(id);
  });

  it.each(['', 'has space', 'x'.repeat(129), '<script>', '"quoted"'])(
    'replace an X-Request-Id that is not sane: %j',
    async (id) => {
      const service = await startService();
      const { headers } = await service.get('/health', { 'x-request-id': id });
      expect(headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
    },
  );

  it('tell of the call beside its answer', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) });
    const { headers } = await service.post(FEEDBACK, QUESTION);
    expect(headers).toMatchObject({
      'x-call-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-model': 'Qwen/Qwen3-32B-stub',
      'x-provider': 'stub',
      'x-attempts': '1',
      'server-timing': expect.stringMatching(/^queue;dur=\d+\.\d, engine;dur=\d+\.\d, service;dur=\d+\.\d$/),
      'x-content-type-options': 'nosniff',
    });
  });

  it('tell of the call beside an error of the engine', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 400 });
    const reply = await service.fail(FEEDBACK, QUESTION);
    expectProblem(reply, 'ENGINE_REJECTED');
    expect(reply.headers).toMatchObject({
      'x-call-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-model': 'Qwen/Qwen3-32B',
      'x-provider': 'stub',
      'x-attempts': '1',
      'server-timing': expect.stringContaining('engine;dur='),
    });
  });

  it('tell of no call where none was made', async () => {
    const service = await startService();
    const { headers } = await service.fail(FEEDBACK, {});
    expect(Object.keys(headers)).not.toContain('x-call-id');
  });

  it.each([
    ['length', 2],
    ['stop', 1000],
  ])('say X-Finish-Reason %s for a chat of at most %i tokens', async (reason, maxTokens) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'One two three four five six seven eight.' });
    const { headers } = await service.post(CHAT, { messages: [HELLO], max_tokens: maxTokens });
    expect(headers['x-finish-reason']).toBe(reason);
  });
});
