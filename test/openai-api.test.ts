import { describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../src/common/errors.js';
import type { OpenAiError } from '../src/common/openai-error.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Settings } from '../src/config/settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { startBuilt } from './support/built-service.js';
import {
  CHAT,
  type Completion,
  COMPLETIONS,
  EMBEDDINGS,
  expectOpenAiError,
  HELLO,
  MODEL,
  nextCall,
} from './support/openai-wire.js';
import { sendRaw } from './support/raw-http.js';
import { startService, startStub } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

/** Settings with a real kind of engine, whose names of models count. */
const REAL: Partial<Settings> = { engine: 'sglang', modelName: MODEL };

const LOOK_UP = {
  type: 'function',
  function: {
    name: 'look_up',
    parameters: { type: 'object', properties: { word: { enum: ['index'] } }, required: ['word'] },
  },
};

describe('a chat under /v1', () => {
  it('is the engine’s reply, to the byte', async () => {
    const service = await startService();
    const body =
      '{"id":"x",  "choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}], "novelty": 1.0 }';
    service.stub.script({ kind: 'raw', body: [body] });

    const response = await fetch(service.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(HELLO),
    });

    expect(await response.text()).toBe(body);
  });

  it('has OpenAI’s shape, and the facts of the call in its headers', async () => {
    const service = await startService();

    const { status, headers, body } = await service.post<Completion>(CHAT, HELLO, {
      'x-request-id': 'chat-1',
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'chat.completion',
      created: expect.any(Number),
      model: MODEL,
      choices: [
        { index: 0, message: { role: 'assistant', content: expect.any(String) }, finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 10, completion_tokens: 44, total_tokens: 54 },
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': 'chat-1',
      'x-call-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-model': MODEL,
      'x-provider': 'stub',
      'x-attempts': '1',
      'server-timing': expect.stringMatching(/^queue;dur=[\d.]+, engine;dur=[\d.]+, service;dur=[\d.]+$/),
    });
  });

  it('reaches the engine with what the caller sent, the service’s model and an id, and no more', async () => {
    const service = await startService();

    await service.post(CHAT, { ...HELLO, seed: 7, top_k: 20, metadata: { a: 'b' }, temperature: null });

    expect(firstOnWire(service.stub)).toEqual({
      model: 'Qwen/Qwen3-32B',
      ...HELLO,
      seed: 7,
      top_k: 20,
      rid: expect.stringMatching(/^[\da-f]{32}$/),
    });
  });

  it('is asked of the model that the caller names', async () => {
    const service = await startService();

    const { body, headers } = await service.post<Completion>(CHAT, { ...HELLO, model: 'other' });

    expect(firstOnWire(service.stub).model).toBe('other');
    expect([body.model, headers['x-model']]).toEqual(['other-stub', 'other-stub']);
  });

  it.each([
    [{ chat_template_kwargs: { enable_thinking: false } }, false],
    [{ reasoning_effort: 'none' }, false],
    [{ chat_template_kwargs: { enable_thinking: true } }, undefined],
    [{ reasoning_effort: 'none', separate_reasoning: true }, true],
    [{}, undefined],
  ])(
    'lets SGLang look for think marks only where the model may think or the caller says so: %j',
    async (fields, expected) => {
      const service = await startService();

      await service.post(CHAT, { ...HELLO, ...fields });

      expect(firstOnWire(service.stub).separate_reasoning).toBe(expected);
    },
  );

  it('has several replies where several are asked for', async () => {
    const service = await startService();

    const { body } = await service.post<Completion>(CHAT, { ...HELLO, n: 3 });

    expect(body.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(body.choices.map(({ message }) => message.content)).size).toBe(3);
  });

  it('tells the probability of each token', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'A plan.' });

    const { body } = await service.post<Completion>(CHAT, { ...HELLO, logprobs: true, top_logprobs: 2 });

    const tokens = body.choices[0]?.logprobs?.content ?? [];
    expect(tokens[0]).toMatchObject({ logprob: expect.any(Number), top_logprobs: [{}, {}] });
    expect(tokens.map(({ token }) => token).join('')).toContain('A plan.');
  });

  it('ends before a stop text, and after its tokens', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'One. Two.' }, { kind: 'reply', content: 'One. Two.' });

    const stopped = await service.post<Completion>(CHAT, { ...HELLO, stop: ['Two'] });
    const cut = await service.post<Completion>(CHAT, { ...HELLO, max_completion_tokens: 1 });

    expect(stopped.body.choices[0]).toMatchObject({ message: { content: 'One. ' }, finish_reason: 'stop' });
    expect(cut.body.choices[0]).toMatchObject({ message: { content: 'One.' }, finish_reason: 'length' });
  });

  it('calls a function where one is required', async () => {
    const service = await startService();

    const { body } = await service.post<Completion>(CHAT, {
      ...HELLO,
      tools: [LOOK_UP],
      tool_choice: 'required',
    });

    const [choice] = body.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.tool_calls).toMatchObject([
      { type: 'function', function: { name: 'look_up', arguments: '{"word": "index"}' } },
    ]);
  });

  it('goes on from its own reply and the result of a function', async () => {
    const service = await startService();
    const tools = { tools: [LOOK_UP], tool_choice: 'required' };
    const { body } = await service.post<Completion>(CHAT, { ...HELLO, ...tools });
    const said = body.choices[0]?.message;
    const id = said?.tool_calls?.[0]?.id;

    const messages = [...HELLO.messages, said, { role: 'tool', tool_call_id: id, content: 'A sorted list.' }];
    const { status } = await service.post(CHAT, { messages, tools: [LOOK_UP] });

    expect(status).toBe(200);
    expect(wire(service.stub)[1]?.messages.at(-1)).toEqual({
      role: 'tool',
      tool_call_id: id,
      content: 'A sorted list.',
    });
  });

  it('has the caller’s user in its line of the log', async () => {
    const stub = await startStub();
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url, LOG_FORMAT: 'json' });

    await fetch((await service.url()) + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...HELLO, user: 'candidate-17' }),
    });

    expect(JSON.parse(await service.line(/"message":"call"/))).toMatchObject({
      task: 'v1_chat',
      outcome: 'ok',
      model: MODEL,
      user_id: 'candidate-17',
    });
  });
});

describe('a text completion', () => {
  it('goes on with a text', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: ' upon a time' });

    const { status, body } = await service.post<Completion>(COMPLETIONS, { prompt: 'Once', echo: true });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'text_completion',
      model: MODEL,
      choices: [{ index: 0, text: 'Once upon a time', finish_reason: 'stop' }],
    });
  });

  it('goes on with several texts, several times', async () => {
    const service = await startService();

    const { body } = await service.post<Completion>(COMPLETIONS, {
      prompt: ['One', 'Two'],
      n: 2,
      max_tokens: 30,
    });

    expect(body.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(body.choices[2]?.text).toContain('Two');
  });

  it('has 16 tokens where nobody says otherwise', async () => {
    const service = await startService();

    const { body } = await service.post<Completion>(COMPLETIONS, { prompt: 'Once' });

    expect(body.usage.completion_tokens).toBe(16);
  });
});

interface Vectors {
  readonly data: readonly { readonly index: number; readonly embedding: number[] | string }[];
  readonly model: string;
}

describe('embeddings', () => {
  it('are numbers, or base64 where that is asked for', async () => {
    const service = await startService();

    const numbers = await service.post<Vectors>(EMBEDDINGS, { input: ['Hello', 'you'], dimensions: 32 });
    const base64 = await service.post<Vectors>(EMBEDDINGS, {
      input: ['Hello', 'you'],
      dimensions: 32,
      encoding_format: 'base64',
    });

    expect(numbers.body.data.map(({ index, embedding }) => [index, embedding.length])).toEqual([
      [0, 32],
      [1, 32],
    ]);
    const decoded = base64.body.data.map(({ embedding }) => {
      const { buffer, byteOffset, length } = Buffer.from(embedding as string, 'base64');
      return [...new Float32Array(buffer.slice(byteOffset, byteOffset + length))];
    });
    expect(decoded).toEqual(numbers.body.data.map(({ embedding }) => embedding));
  });

  it('come from the server for them, with its own key', async () => {
    const embedder = await startStub({ dialect: 'openai', apiKey: 'embedding-key', modelName: 'bge-m3' });
    const service = await startService({
      ...REAL,
      embeddingUrl: embedder.url,
      embeddingApiKey: 'embedding-key',
    });

    const { status, body } = await service.post<Vectors>(EMBEDDINGS, { input: 'Hello', model: 'bge-m3' });

    expect([status, body.model]).toEqual([200, 'bge-m3-stub']);
    expect(embedder.requests.map(({ rawBody }) => JSON.parse(rawBody) as unknown)).toEqual([
      { input: 'Hello', model: 'bge-m3' },
    ]);
    expect(service.stub.requests).toEqual([]);
  });

  it('fail by the server for them, whatever the engine does', async () => {
    const embedder = await startStub({ apiKey: 'embedding-key' });
    const service = await startService({ ...REAL, embeddingUrl: embedder.url, engineApiKey: 'engine-key' });

    expectOpenAiError(await service.post(EMBEDDINGS, { input: 'Hello', model: 'x' }), 'ENGINE_UNAUTHORIZED');

    expect(embedder.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('are not there where no server is named', async () => {
    const service = await startService(REAL);

    const reply = await service.post(EMBEDDINGS, { input: 'Hello' });

    expectOpenAiError(reply, 'NOT_CONFIGURED');
    expect(reply.headers['x-should-retry']).toBe('false');
    expect(service.stub.requests).toEqual([]);
  });
});

describe('the list of models', () => {
  const card = {
    id: MODEL,
    object: 'model',
    created: expect.any(Number),
    owned_by: 'stub',
    max_model_len: 32_768,
  };

  it('names what the engine serves', async () => {
    const service = await startService();

    const { body } = await service.get('/v1/models');

    expect(body).toEqual({ object: 'list', data: [card] });
    expect((await service.get('/v1/models')).body).toEqual(body);
  });

  it.each([`/v1/models/${MODEL}`, `/v1/models/${encodeURIComponent(MODEL)}`])(
    'describes %s',
    async (path) => {
      const service = await startService();

      expect((await service.get(path)).body).toEqual(card);
    },
  );

  it('lacks a model that is not served', async () => {
    const service = await startService();

    expectOpenAiError(await service.get('/v1/models/gpt-4o'), 'MODEL_NOT_FOUND', {
      as: 'model_not_found',
      param: 'model',
    });
  });

  it('names the model of the settings where the engine has no list that counts', async () => {
    const openai = await startStub({ dialect: 'openai', apiKey: 'sk-1' });
    const service = await startService({
      engine: 'openai',
      engineUrls: [openai.url],
      openaiApiKey: 'sk-1',
      modelName: 'gpt-4o',
    });

    expect((await service.get('/v1/models')).body).toMatchObject({
      data: [{ id: 'gpt-4o', owned_by: 'openai' }],
    });
  });
});

describe('an error under /v1', () => {
  const keys = loadSettings({ API_KEYS: 'app:inference:app-secret,ops:read:ops-secret' }).settings;
  const closed: Partial<Settings> = { apiKeys: keys.apiKeys };

  it('names a wrong field by its place', async () => {
    const service = await startService();

    const reply = await service.post(CHAT, { messages: [{ role: 'user' }] });

    const message = expectOpenAiError(reply, 'VALIDATION_FAILED', { param: 'messages[0].content' });
    expect(message).toContain(' messages[0].content: content is missing. ');
    expect(service.stub.requests).toEqual([]);
  });

  it('names the first five of many wrong fields, and how many more there are', async () => {
    const service = await startService();
    const wrong = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`k${at}`, 1]));

    const reply = await service.post(CHAT, { ...HELLO, ...wrong });

    const message = expectOpenAiError(reply, 'VALIDATION_FAILED', { param: 'k0' });
    expect(message).toContain(' k4 is not a field of this route. 3 more. ');
  });

  it('tells 200 characters of a name', async () => {
    const service = await startService();

    const reply = await service.post(CHAT, { ...HELLO, ['n'.repeat(300_000)]: 1 });

    const told = `${'n'.repeat(200)}…`;
    const message = expectOpenAiError(reply, 'VALIDATION_FAILED', { param: told });
    expect(message).toContain(` ${told} is not a field of this route. `);
  });

  it('says of a field that is not taken what to do instead', async () => {
    const service = await startService();

    const reply = await service.post(COMPLETIONS, { prompt: 'Once', rid: 'x' });

    const message = expectOpenAiError(reply, 'VALIDATION_FAILED', { param: 'rid' });
    expect(message).toContain(
      ' rid is not taken: the service sets it; name the request in the header X-Request-Id, by which it is also cancelled. ',
    );
  });

  it.each([
    [CHAT, HELLO],
    [COMPLETIONS, { prompt: 'Once' }],
    [EMBEDDINGS, { input: 'Hello' }],
  ])('is given for a model with a colon by %s', async (path, body) => {
    const service = await startService();

    const reply = await service.post(path, { ...body, model: 'qwen3:adapter' });

    expect(expectOpenAiError(reply, 'VALIDATION_FAILED', { param: 'model' })).toContain('colon');
    expect(service.stub.requests).toEqual([]);
  });

  it('is given for a model that the engine does not serve', async () => {
    const service = await startService(REAL);

    const reply = await service.post(CHAT, { ...HELLO, model: 'gpt-4o' });

    const message = expectOpenAiError(reply, 'MODEL_NOT_FOUND', { param: 'model' });
    expect(message).toContain(`The engine serves ${MODEL}.`);
    expect(service.stub.requests).toEqual([]);
  });

  it.each<[string, string, ErrorCode]>([
    ['no JSON', '{"messages": [', 'MALFORMED_JSON'],
    ['nothing', '', 'MALFORMED_JSON'],
    ['a forbidden key', '{"constructor": 1}', 'FORBIDDEN_JSON'],
    ['a list', '[]', 'VALIDATION_FAILED'],
    ['too much', JSON.stringify({ user: 'x'.repeat(2000) }), 'BODY_TOO_LARGE'],
  ])('is given for a body that is %s', async (_, body, code) => {
    const service = await startService({ maxBodyBytes: 1024 });

    expectOpenAiError(await service.post(CHAT, body), code);
  });

  it('is given for a body of another type', async () => {
    const service = await startService();

    expectOpenAiError(
      await service.post(CHAT, 'x', { 'content-type': 'text/plain' }),
      'UNSUPPORTED_MEDIA_TYPE',
    );
  });

  it.each(['/v1', '/v1/', '/v1/responses', '/v1/chat/completions/x'])(
    'is given for the path %s',
    async (path) => {
      const service = await startService();

      expectOpenAiError(await service.post(path, HELLO), 'NOT_FOUND');
    },
  );

  it('is given for a wrong method, with the right one', async () => {
    const service = await startService();

    const reply = await service.get(CHAT);

    expectOpenAiError(reply, 'METHOD_NOT_ALLOWED');
    expect(reply.headers.allow).toBe('POST');
  });

  it('is given for a wrong method on one model, whose name may hold slashes', async () => {
    const service = await startService();

    const reply = await service.post('/v1/models/an-organisation/a-model', {});

    expectOpenAiError(reply, 'METHOD_NOT_ALLOWED');
    expect(reply.headers.allow).toBe('GET, HEAD');
  });

  it('is given for a URL that cannot be decoded', async () => {
    const service = await startService();

    const message = expectOpenAiError(await service.get('/v1/models/%zz'), 'MALFORMED_REQUEST');

    expect(message).toContain('The URL cannot be decoded.');
  });

  it('is given where the header Expect asks for what is not done', async () => {
    const service = await startService();
    const bytes = `POST ${CHAT} HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nConnection: close\r\n\r\n`;

    expectOpenAiError(await sendRaw<OpenAiError>(service.url, bytes), 'MALFORMED_REQUEST');
  });

  it('is given without a key, and with a wrong one', async () => {
    const service = await startService(closed);

    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const reply = await service.post(CHAT, HELLO, headers);
      expectOpenAiError(reply, 'UNAUTHORIZED', { as: 'invalid_api_key' });
      expect(reply.headers['www-authenticate']).toBe('Bearer');
    }
  });

  it('is given to a key that may not ask', async () => {
    const service = await startService(closed);

    expectOpenAiError(await service.post(CHAT, HELLO, { authorization: 'Bearer ops-secret' }), 'FORBIDDEN');
    expectOpenAiError(await service.get('/v1/models', { authorization: 'Bearer ops-secret' }), 'FORBIDDEN');
  });

  it('is not given to a key that may', async () => {
    const service = await startService(closed);

    const { status } = await service.post(CHAT, HELLO, { authorization: 'Bearer app-secret' });

    expect(status).toBe(200);
  });

  it.each([CHAT, COMPLETIONS])('is OpenAI’s own for a prompt that does not fit, by %s', async (path) => {
    const service = await startService({}, { contextLength: 100 });
    const long = 'word '.repeat(200);
    const body = path === CHAT ? { messages: [{ role: 'user', content: long }] } : { prompt: long };

    const message = expectOpenAiError(await service.post(path, body), 'CONTEXT_TOO_LONG', {
      as: 'context_length_exceeded',
      status: 400,
    });

    expect(message).toMatch(/The engine counts \d+ tokens in the prompt and 100 in the context\./);
  });

  it('is the same where only the tokens of the reply do not fit', async () => {
    const service = await startService({}, { contextLength: 100 });

    expectOpenAiError(await service.post(CHAT, { ...HELLO, max_tokens: 95 }), 'CONTEXT_TOO_LONG', {
      as: 'context_length_exceeded',
      status: 400,
    });
  });

  it('blames max_tokens where that alone is more than the context, and not the prompt', async () => {
    const service = await startService({}, { contextLength: 100 });

    const message = expectOpenAiError(
      await service.post(CHAT, { ...HELLO, max_tokens: 5000 }),
      'MAX_TOKENS_TOO_LARGE',
      { as: 'invalid_value', param: 'max_tokens' },
    );

    expect(message).toMatch(/It can have \d\d\./);
    expect(message).not.toMatch(/shorten/i);
    expect(service.stub.requests).toHaveLength(1);
  });

  it('says what to do where only prompt and max_tokens together are too many', async () => {
    const service = await startService({}, { contextLength: 100 });

    const message = expectOpenAiError(
      await service.post(CHAT, { ...HELLO, max_tokens: 95 }),
      'CONTEXT_TOO_LONG',
      { as: 'context_length_exceeded', status: 400 },
    );

    expect(message).toContain('ask for fewer, or shorten the prompt');
  });

  it('is OpenAI’s own, and final, for a quota that is used up', async () => {
    const service = await startService();
    const error = { message: 'No more.', type: 'insufficient_quota', code: 'insufficient_quota' };
    service.stub.script({ kind: 'status', status: 429, body: { error } });

    const reply = await service.post(CHAT, HELLO);

    expectOpenAiError(reply, 'ENGINE_QUOTA_EXCEEDED', {
      as: 'insufficient_quota',
      type: 'insufficient_quota',
    });
    expect(reply.headers['x-should-retry']).toBe('false');
    expect(reply.headers['retry-after']).toBeUndefined();
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is OpenAI’s own for a question that a content filter stopped', async () => {
    const service = await startService();
    const error = { message: 'The response was filtered.', param: 'prompt', code: 'content_filter' };
    service.stub.script({ kind: 'status', status: 400, body: { error } });

    expectOpenAiError(await service.post(CHAT, HELLO), 'MODEL_REFUSED', {
      as: 'content_filter',
      status: 400,
    });
    expect(service.stub.requests).toHaveLength(1);
  });

  const twice = (fault: Fault): Fault[] => [fault, fault];

  it.each<{ fault: string; script: Fault[]; code: ErrorCode; final?: boolean; settings?: Partial<Settings> }>(
    [
      { fault: 'a 500', script: twice({ kind: 'status', status: 500 }), code: 'ENGINE_ERROR' },
      { fault: 'a 400', script: [{ kind: 'status', status: 400 }], code: 'ENGINE_REJECTED', final: true },
      { fault: 'a 401', script: [{ kind: 'status', status: 401 }], code: 'ENGINE_UNAUTHORIZED', final: true },
      { fault: 'a full queue', script: twice({ kind: 'status', status: 503 }), code: 'ENGINE_OVERLOADED' },
      { fault: 'a 429', script: twice({ kind: 'status', status: 429 }), code: 'ENGINE_OVERLOADED' },
      { fault: 'a reset', script: twice({ kind: 'reset', after: 'half' }), code: 'ENGINE_CONNECTION_LOST' },
      { fault: 'a web page', script: twice({ kind: 'html' }), code: 'ENGINE_BAD_RESPONSE' },
      { fault: 'no choice', script: twice({ kind: 'reply', choices: 'empty' }), code: 'ENGINE_BAD_RESPONSE' },
      { fault: 'an error inside a 200', script: twice({ kind: 'engine-error' }), code: 'ENGINE_ERROR' },
      {
        fault: 'an abort',
        script: twice({ kind: 'reply', finishReason: 'abort' }),
        code: 'ENGINE_REPLY_CUT',
      },
      {
        fault: 'too many bytes',
        script: [{ kind: 'huge', bytes: 100_000 }],
        code: 'ENGINE_REPLY_TOO_LARGE',
        settings: { engineMaxReplyBytes: 65_536 },
      },
      {
        fault: 'silence',
        script: [{ kind: 'stall', after: 'request' }],
        code: 'DEADLINE_EXCEEDED',
        final: true,
        settings: { requestTimeout: 0.3 },
      },
    ],
  )('is given for $fault of the engine', async ({ script, code, final = false, settings }) => {
    const service = await startService(settings);
    service.stub.script(...script);

    const reply = await service.post(CHAT, HELLO);

    expectOpenAiError(reply, code);
    expect(reply.headers['x-should-retry']).toBe(final ? 'false' : undefined);
    expect(reply.headers['x-attempts']).toBe(String(script.length));
    expect(service.stub.requests).toHaveLength(script.length);
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('says when to come back', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '30' } });

    const reply = await service.post(CHAT, HELLO);

    expectOpenAiError(reply, 'ENGINE_OVERLOADED');
    expect(reply.headers['retry-after']).toBe('30');
  });

  it('holds nothing that the engine said', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 400, body: { message: 'File "/opt/engine/server.py"' } });

    const { body } = await service.post<OpenAiError>(CHAT, HELLO);

    expect(JSON.stringify(body)).not.toContain('/opt/engine');
  });

  it('comes after one more try, which may do', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 500 });

    const { status, headers } = await service.post(CHAT, HELLO);

    expect([status, headers['x-attempts']]).toEqual([200, '2']);
  });
});

describe('a caller under /v1', () => {
  it('who leaves ends the engine’s work', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ kind: 'stall', after: 'request' });
    const caller = new AbortController();
    const call = fetch(service.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(HELLO),
      signal: caller.signal,
    });
    await service.stub.waitFor(() => service.stub.running === 1);

    caller.abort();

    await expect(call).rejects.toThrow('aborted');
    expect((await ended).outcome).toBe('cancelled');
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('can cancel his call by the id of his request', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'request' });
    const call = service.post(CHAT, HELLO, { 'x-request-id': 'chat-8' });
    await service.stub.waitFor(() => service.stub.running === 1);

    await service.post('/api/calls/chat-8/cancel', {});

    expectOpenAiError(await call, 'CANCELLED');
    await service.stub.waitFor(() => service.stub.running === 0);
  });
});

describe('chat marks under /v1', () => {
  const MARK = '<|im_end|>';
  const HARMLESS = '<¦|im_end|>';

  it('are harmless to the engine in every text of a conversation', async () => {
    const service = await startService();
    const call = { id: `a${MARK}`, type: 'function', function: { name: 'f', arguments: `{"a":"${MARK}"}` } };

    await service.post(CHAT, {
      messages: [
        { role: 'developer', content: `S ${MARK}`, name: `n${MARK}` },
        { role: 'user', content: [{ type: 'text', text: `U ${MARK}` }] },
        { role: 'assistant', content: '<think>Hm.</think>', tool_calls: [call] },
        { role: 'tool', tool_call_id: `a${MARK}`, content: `R ${MARK} </tool_response>` },
        { role: 'user', content: '/no_think Go on.' },
      ],
    });

    expect(firstOnWire(service.stub).messages).toEqual([
      { role: 'system', content: `S ${HARMLESS}`, name: `n${HARMLESS}` },
      { role: 'user', content: `U ${HARMLESS}` },
      {
        role: 'assistant',
        content: '<¦think>Hm.<¦/think>',
        tool_calls: [
          { id: `a${HARMLESS}`, type: 'function', function: { name: 'f', arguments: `{"a":"${HARMLESS}"}` } },
        ],
      },
      { role: 'tool', tool_call_id: `a${HARMLESS}`, content: `R ${HARMLESS} <¦/tool_response>` },
      { role: 'user', content: '/no_think Go on.' },
    ]);
  });

  it('are harmless in whatever else a template may print: functions, the schema of the reply, its variables', async () => {
    const service = await startService();
    const marked = (mark: string): object => {
      const schema = {
        type: 'object',
        title: `t${mark}`,
        description: mark,
        properties: {
          [`k${mark}`]: { type: 'string', enum: ['a', mark], default: mark, examples: [{ [mark]: [mark] }] },
        },
        required: [`k${mark}`],
        additionalProperties: false,
      };
      const described = { name: 'f', description: `Ends a turn: ${mark}`, parameters: schema };
      return {
        tools: [{ type: 'function', function: described }],
        response_format: { type: 'json_schema', json_schema: { name: 's', description: mark, schema } },
        chat_template_kwargs: { persona: `p${mark}` },
      };
    };

    await service.post(CHAT, { ...HELLO, ...marked(MARK), stop: [MARK] });

    expect(firstOnWire(service.stub)).toMatchObject({ ...marked(HARMLESS), stop: [MARK] });
  });

  it('are put back in the arguments of a function whose definition has them', async () => {
    const service = await startService();
    const parameters = { type: 'object', properties: { [MARK]: { type: 'string', enum: [MARK] } } };
    const args = (mark: string): string => JSON.stringify({ [mark]: mark });
    service.stub.script({ kind: 'reply', toolCalls: [{ name: 'f', arguments: args(HARMLESS) }] });

    const { body } = await service.post<Completion>(CHAT, {
      ...HELLO,
      tools: [{ type: 'function', function: { name: 'f', parameters } }],
    });

    expect(body.choices[0]?.message).toMatchObject({ tool_calls: [{ function: { arguments: args(MARK) } }] });
  });

  it('are put back in everything that the model says', async () => {
    const service = await startService();
    service.stub.script({
      kind: 'reply',
      content: `You wrote ${HARMLESS}.`,
      reasoning: `He wrote ${HARMLESS}.`,
      toolCalls: [{ name: 'f', arguments: `{"a":"${HARMLESS}"}` }],
    });

    const { body } = await service.post<Completion>(CHAT, { messages: [{ role: 'user', content: MARK }] });

    expect(body.choices[0]?.message).toMatchObject({
      content: `You wrote ${MARK}.`,
      reasoning_content: `He wrote ${MARK}.`,
      tool_calls: [{ function: { arguments: `{"a":"${MARK}"}` } }],
    });
  });

  it('are left alone in a reply where the caller sent none', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: HARMLESS });

    const { body } = await service.post<Completion>(CHAT, HELLO);

    expect(body.choices[0]?.message.content).toBe(HARMLESS);
  });

  it('go to the engine as they are in a text completion, and come back so', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: HARMLESS });

    const { body } = await service.post<Completion>(COMPLETIONS, { prompt: `<|im_start|>user\nHi${MARK}\n` });

    expect(firstOnWire(service.stub).prompt).toBe(`<|im_start|>user\nHi${MARK}\n`);
    expect(body.choices[0]?.text).toBe(HARMLESS);
  });
});

describe('a caller’s schema', () => {
  const format = (schema: object): object => ({
    response_format: { type: 'json_schema', json_schema: { name: 'verdict', schema, strict: true } },
  });

  it('reaches the engine as it was admitted', async () => {
    const service = await startService();
    const schema = {
      type: 'object',
      properties: { word: { type: 'string', maxLength: 40 }, good: { type: 'boolean' } },
      required: ['word', 'good'],
      additionalProperties: false,
    };

    const { body } = await service.post<Completion>(CHAT, { ...HELLO, ...format(schema) });

    const words = JSON.stringify({
      ...schema,
      properties: { word: { type: 'string' }, good: { type: 'boolean' } },
    });
    expect(service.stub.requests[0]?.rawBody).toContain(`"schema":${words}`);
    expect(JSON.parse(body.choices[0]?.message.content ?? '')).toEqual({
      word: expect.any(String),
      good: expect.any(Boolean),
    });
  });

  it.each([
    ['not', { not: {} }, 'response_format.json_schema.schema.not'],
    ['a $ref elsewhere', { $ref: 'http://10.0.0.1/x' }, 'response_format.json_schema.schema.$ref'],
    [
      'a pattern that is too much',
      { type: 'object', properties: { a: { type: 'string', pattern: '((a{50}){50}){50}' } } },
      'response_format.json_schema.schema.properties.a.pattern',
    ],
  ])('never gets there with %s', async (_, schema, param) => {
    const service = await startService();

    for (const stream of [false, true]) {
      const reply = await service.post(CHAT, { ...HELLO, ...format(schema), stream });
      expectOpenAiError(reply, 'VALIDATION_FAILED', { param });
    }

    expect(service.stub.requests).toEqual([]);
  });

  it('is admitted in the parameters of a function too, or refused', async () => {
    const service = await startService();
    const tool = (parameters: object): object => ({
      tools: [LOOK_UP, { type: 'function', function: { name: 'f', parameters } }],
    });

    const good = await service.post(CHAT, { ...HELLO, ...tool({ type: 'object', properties: {} }) });
    const bad = await service.post(CHAT, { ...HELLO, ...tool({ type: 'object', if: {} }) });

    expect(good.status).toBe(200);
    expectOpenAiError(bad, 'VALIDATION_FAILED', { param: 'tools[1].function.parameters.if' });
    expect(service.stub.requests).toHaveLength(1);
  });
});
