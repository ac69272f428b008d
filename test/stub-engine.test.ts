import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { abort, ask, askStream, HELLO, normalize, post, startStub } from './stub-support.js';

describe('a whole reply', () => {
  it("has SGLang's keys in SGLang's order", async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Nice to meet you' });
    const { status, text } = await ask(stub);
    expect(status).toBe(200);
    expect(normalize(text)).toBe(
      '{"id":"ID","object":"chat.completion","created":0,"model":"qwen-stub","choices":[{"index":0,' +
        '"message":{"role":"assistant","content":"Nice to meet you","reasoning_content":null},"logprobs":null,' +
        '"finish_reason":"stop","matched_stop":151645}],"usage":{"prompt_tokens":10,"total_tokens":15,' +
        '"completion_tokens":5,"prompt_tokens_details":null,"reasoning_tokens":0,"completion_tokens_details":null},' +
        '"metadata":{"weight_version":"default","weight_versions":[{"version":"default","start":0,"end":5}]}}',
    );
  });

  it("has SGLang's headers and no others", async () => {
    const { headers } = await post(await startStub());
    expect(headers).toEqual({
      date: expect.any(String),
      server: 'uvicorn',
      'content-length': expect.any(String),
      'content-type': 'application/json',
      vary: 'Origin',
    });
  });

  it('answers in words of its own when nothing is scripted', async () => {
    const { text } = await ask(await startStub());
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: expect.stringMatching(/./) } }],
    });
  });

  it('answers JSON when a schema is given', async () => {
    const schema = {
      type: 'object',
      properties: { score: { type: 'integer', minimum: 0, maximum: 10 } },
      required: ['score'],
      additionalProperties: false,
    };
    const response_format = { type: 'json_schema', json_schema: { name: 'score', schema } };
    const { text } = await ask(await startStub(), { response_format });
    const reply = JSON.parse(text) as { choices: [{ message: { content: string } }] };
    expect(JSON.parse(reply.choices[0].message.content)).toEqual({ score: expect.any(Number) });
  });

  it("takes the request's rid as its id", async () => {
    const { text } = await ask(await startStub(), { rid: 'mine' });
    expect(JSON.parse(text)).toMatchObject({ id: 'mine' });
  });

  it('never passes under the name of a real model', async () => {
    const stub = await startStub();
    for (const model of ['Qwen/Qwen3-32B', 'Qwen/Qwen3-32B-stub', undefined]) {
      const { text } = await ask(stub, { model });
      expect(JSON.parse(text)).toMatchObject({
        model: model?.startsWith('Qwen') ? 'Qwen/Qwen3-32B-stub' : 'qwen-stub',
      });
    }
  });

  it('is cut by max_tokens', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Nice to meet you' });
    const { text } = await ask(stub, { max_tokens: 2 });
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: 'Nice to ' }, finish_reason: 'length', matched_stop: null }],
      usage: { completion_tokens: 2 },
    });
  });

  it('is empty and legal with max_tokens 0', async () => {
    const { status, text } = await ask(await startStub(), { max_tokens: 0 });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: '' }, finish_reason: 'length' }],
      usage: { completion_tokens: 0 },
    });
  });

  it('is cut by the first stop string that occurs', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'one two three' });
    const { text } = await ask(stub, { stop: ['three', ' two', 'four'] });
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: 'one' }, finish_reason: 'stop', matched_stop: ' two' }],
    });
  });

  it('counts the four tokens that switch thinking off', async () => {
    const stub = await startStub();
    const { text } = await ask(stub, { chat_template_kwargs: { enable_thinking: false } });
    expect(JSON.parse(text)).toMatchObject({ usage: { prompt_tokens: 14 } });
  });

  it('ends as aborted when its rid is aborted', async () => {
    const stub = await startStub();
    stub.script({ kind: 'delay', ms: 3_600_000 });
    const reply = ask(stub, { rid: 'mine' });
    await stub.waitFor(() => stub.running === 1);
    const abort = await request(`${stub.url}/abort_request`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"rid":"mine"}',
    });
    expect([abort.statusCode, await abort.body.text()]).toEqual([200, '']);
    expect(JSON.parse((await reply).text)).toMatchObject({
      choices: [{ message: { content: '' }, finish_reason: 'abort', matched_stop: null }],
    });
  });
});

describe('a stream', () => {
  const head = '{"id":"ID","object":"chat.completion.chunk","created":0,"model":"qwen-stub"';
  const delta = (content: string) =>
    `${head},"choices":[{"index":0,"delta":{"reasoning_content":null,"content":"${content}"},"logprobs":null,"finish_reason":null,"matched_stop":null}]`;
  const role = `${head},"choices":[{"index":0,"delta":{"reasoning_content":null,"role":"assistant","content":""},"logprobs":null,"finish_reason":null,"matched_stop":null}]}`;
  const finish = `${head},"choices":[{"index":0,"delta":{"reasoning_content":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645}]}`;
  const usage = (tokens: number) =>
    `"usage":{"prompt_tokens":10,"total_tokens":${10 + tokens},"completion_tokens":${tokens},"prompt_tokens_details":null,"reasoning_tokens":0,"completion_tokens_details":null}}`;

  it("has SGLang's events, without usage when nobody asked", async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Hi there' });
    const events = await askStream(stub);
    expect(events.map(normalize)).toEqual([role, `${delta('Hi t')}}`, `${delta('here')}}`, finish, '[DONE]']);
  });

  it('closes with the usage when asked', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Hi' });
    const events = await askStream(stub, { stream_options: { include_usage: true } });
    const last = `${head},"choices":[],${usage(2)}`;
    expect(events.map(normalize)).toEqual([role, `${delta('Hi')}}`, finish, last, '[DONE]']);
  });

  it('tells the usage with every token when asked', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Hi there' });
    const options = { include_usage: true, continuous_usage_stats: true };
    const events = await askStream(stub, { stream_options: options });
    expect(events.slice(1, 3).map(normalize)).toEqual([
      `${delta('Hi t')},${usage(1)}`,
      `${delta('here')},${usage(2)}`,
    ]);
  });

  it("has SGLang's headers", async () => {
    const response = await post(await startStub(), { stream: true });
    expect(response.headers).toEqual({
      date: expect.any(String),
      server: 'uvicorn',
      'content-type': 'text/event-stream; charset=utf-8',
      'transfer-encoding': 'chunked',
      vary: 'Origin',
    });
    await response.body.dump();
  });

  it('puts reasoning before the content and counts it', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', reasoning: 'Hm', content: 'Hi' });
    const events = await askStream(stub, { stream_options: { include_usage: true } });
    expect(events[1]).toContain('"delta":{"reasoning_content":"Hm"}');
    expect(events[2]).toContain('"delta":{"reasoning_content":null,"content":"Hi"}');
    expect(events.at(-2)).toContain(
      '"reasoning_tokens":1,"completion_tokens_details":{"reasoning_tokens":1}',
    );
  });

  it('ends in order when it is aborted', async () => {
    const stub = await startStub({ tokenDelayMs: 3_600_000 });
    const events = askStream(stub, { rid: 'mine' });
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { abort_all: true });
    expect((await events).slice(1)).toEqual([expect.stringContaining('"finish_reason":"abort"'), '[DONE]']);
  });
});

describe('a refusal', () => {
  const flat = (message: string) =>
    `{"object":"error","message":${JSON.stringify(message)},"type":"BadRequestError","param":null,"code":400}`;

  it.each([
    [{ messages: [] }, 'Messages cannot be empty.'],
    [{ temperature: -1 }, 'temperature must be a non-negative finite number, got -1.0.'],
    [{ top_p: 0 }, 'top_p must be in (0, 1], got 0.0.'],
    [{ top_p: 1.5 }, 'top_p must be in (0, 1], got 1.5.'],
    [{ n: 0 }, 'range() arg 3 must not be zero'],
    [{ n: 129 }, 'The stub gives 1 to 128 choices, got n 129.'],
    [{ rid: ['a', 'b'] }, 'The specified rids length mismatch with the batch_size for batch processing.'],
    [
      { max_tokens: 99_999 },
      "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of " +
        '100009 tokens: 10 tokens from the input messages and 99999 tokens for the completion. Please reduce the ' +
        'number of tokens in the input messages or the completion to fit within the limit.',
    ],
    [
      { response_format: { type: 'json_schema' } },
      'schema_ is required for json_schema response format request.',
    ],
    [
      { response_format: { type: 'json_schema', schema: { type: 'banana' } } },
      'Failed to compile json grammar: [09:11:29] /project/cpp/json_schema_converter.cc:4175: Unsupported type "banana"\n',
    ],
  ])('is flat and in the words of SGLang: %j', async (body, message) => {
    expect(await ask(await startStub(), body)).toEqual({ status: 400, text: flat(message) });
  });

  it('tells how much longer than the context the messages are', async () => {
    const stub = await startStub({ contextLength: 100 });
    const messages = [{ role: 'user', content: '가나다'.repeat(100) }];
    expect(await ask(stub, { messages })).toEqual({
      status: 400,
      text: flat("The input (208 tokens) is longer than the model's context length (100 tokens)."),
    });
  });

  it('names a path on the server when the body is not JSON', async () => {
    const stub = await startStub();
    const response = await request(`${stub.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model": "x", "messages": [',
    });
    expect(response.statusCode).toBe(400);
    expect(await response.body.json()).toEqual({
      object: 'error',
      message: expect.stringMatching(
        /^1 validation error:\n {2}\{'type': 'json_invalid', 'loc': \('body', 28\).*\/http_server\.py/s,
      ),
      type: 'Bad Request',
      param: null,
      code: 400,
    });
  });

  it.each([
    [{ messages: undefined }, "'loc': ('body', 'messages'), 'msg': 'Field required'"],
    [{ messages: [{ role: 'user', content: null }] }, "'loc': ('body', 'messages', 0)"],
    [{ messages: [{ role: 'user', content: '\ud800' }] }, "'loc': ('body', 'messages', 0)"],
    [{ stream: 'yes' }, "'loc': ('body', 'stream')"],
    [{ response_format: { type: 'yaml' } }, "'loc': ('body', 'response_format', 'type')"],
    [{ response_format: { type: 'json_schema', json_schema: { schema: {} } } }, "'json_schema', 'name')"],
    [{ n: 1.5 }, "'loc': ('body', 'n')"],
    [{ logprobs: 'x' }, "'loc': ('body', 'logprobs')"],
  ])('of a malformed field repeats what was sent: %j', async (body, excerpt) => {
    const { status, text } = await ask(await startStub(), body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({
      message: expect.stringContaining(excerpt),
      type: 'Bad Request',
    });
  });

  it('meets every content type but JSON', async () => {
    const response = await post(await startStub(), {}, { headers: { 'content-type': 'text/plain' } });
    expect(response.statusCode).toBe(400);
    expect(await response.body.text()).toBe(
      `{"object":"error","message":"1 validation error:\\n  {'loc': ['header', 'content-type'], 'msg': \\"Unsupported Media Type: Only 'application/json' is allowed\\", 'type': 'value_error'} [{'loc': ['header', 'content-type'], 'msg': \\"Unsupported Media Type: Only 'application/json' is allowed\\", 'type': 'value_error'}]","type":"Bad Request","param":null,"code":400}`,
    );
  });

  it("by the scheduler comes as an event inside a stream's 200", async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 't', schema: { type: 'banana' } } };
    expect(await askStream(await startStub(), { response_format })).toEqual([
      '{"error": {"object": "error", "message": "Failed to compile json grammar: [09:11:29] /project/cpp/json_schema_converter.cc:4175: Unsupported type \\"banana\\"\\n", "type": "BAD_REQUEST", "param": null, "code": 400}}',
      '[DONE]',
    ]);
  });

  it('meets a keyword that the grammar would ignore', async () => {
    const schema = { type: 'object', properties: { tags: { type: 'array', uniqueItems: true } } };
    const { text } = await ask(await startStub(), { response_format: { type: 'json_schema', schema } });
    expect(text).toContain('JSON Schema at #/properties/tags is not supported by xgrammar');
  });

  it('meets a rid that is in flight', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'request' });
    const first = post(stub, { rid: 'dup' }).catch(() => undefined);
    await stub.waitFor(() => stub.running === 1);
    expect(await ask(stub, { rid: 'dup' })).toEqual({
      status: 400,
      text: flat('Duplicate request ID detected: dup'),
    });
    await stub.close();
    await first;
  });

  it('meets a body of more than 16 MiB', async () => {
    const { status } = await ask(await startStub(), { padding: 'x'.repeat(16 * 1024 * 1024) });
    expect(status).toBe(413);
  });

  it.each([undefined, 'Bearer wrong'])('meets the authorization %p', async (authorization) => {
    const stub = await startStub({ apiKey: 'secret' });
    const headers = authorization === undefined ? {} : { authorization };
    const response = await post(stub, {}, { headers });
    expect([response.statusCode, await response.body.text()]).toEqual([401, '{"error":"Unauthorized"}']);
    expect(stub.requests).toHaveLength(1);
  });

  it('does not meet the right key', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    expect((await post(stub, {}, { headers: { authorization: 'Bearer secret' } })).statusCode).toBe(200);
  });

  it('costs no fault of the script', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'still there' });
    await ask(stub, { temperature: -1 });
    expect((await ask(stub)).text).toContain('still there');
  });
});

describe('the other routes', () => {
  it('list the model with its context, under the name of a stub', async () => {
    const { body } = await request(`${(await startStub({ contextLength: 4096 })).url}/v1/models`);
    expect((await body.text()).replace(/\d{10}/, '0')).toBe(
      '{"object":"list","data":[{"id":"qwen-stub","object":"model","created":0,"owned_by":"stub","root":"qwen-stub","parent":null,"max_model_len":4096}]}',
    );
  });

  it.each(['/health', '/health_generate', '/ready', '/ping'])('answer %s with an empty 200', async (path) => {
    const { statusCode, body } = await request(`${(await startStub()).url}${path}`);
    expect([statusCode, await body.text()]).toEqual([200, '']);
  });

  it('tell what is served and that it is a stub', async () => {
    const { url } = await startStub();
    expect(await (await request(`${url}/model_info`)).body.json()).toMatchObject({
      served_model_name: 'qwen-stub',
    });
    expect(await (await request(`${url}/`)).body.text()).toContain('stub');
  });

  it.each([
    ['GET', '/v1/nothing', 404, 'Not Found'],
    ['GET', '/v1/chat/completions', 405, 'Method Not Allowed'],
    ['GET', '/control/requests', 404, 'Not Found'],
  ] as const)('refuse %s %s in the words of FastAPI', async (method, path, status, detail) => {
    const { statusCode, body } = await request(`${(await startStub()).url}${path}`, { method });
    expect([statusCode, await body.json()]).toEqual([status, { detail }]);
  });

  it('need the key, but for the health routes', async () => {
    const { url } = await startStub({ apiKey: 'secret' });
    const paths = ['/v1/models', '/model_info', '/ping', '/ready', '/health'];
    const statuses = await Promise.all(
      paths.map(async (path) => (await request(`${url}${path}`)).statusCode),
    );
    expect(statuses).toEqual([401, 401, 401, 200, 200]);
  });
});

describe('the control routes', () => {
  it('replace the script, tell the requests and forget them', async () => {
    const stub = await startStub({ control: true });
    stub.script({ kind: 'status', status: 500 });
    const script = await request(`${stub.url}/control/script`, {
      method: 'POST',
      body: '[{"kind":"reply","content":"scripted"}]',
    });
    expect(script.statusCode).toBe(200);
    expect((await ask(stub)).text).toContain('scripted');

    const url = `${stub.url}/control/requests`;
    expect(await (await request(url)).body.json()).toMatchObject([{ body: HELLO, clientLeft: false }]);
    expect((await request(url, { method: 'DELETE' })).statusCode).toBe(200);
    expect(await (await request(url)).body.json()).toEqual([]);
  });

  it.each(['[{"kind":"banana"}]', '{}', '[{"kind":"toString"}]', 'nonsense'])(
    'refuse the script %s',
    async (body) => {
      const { url } = await startStub({ control: true });
      expect((await request(`${url}/control/script`, { method: 'POST', body })).statusCode).toBe(400);
    },
  );
});

describe('what the stub remembers', () => {
  it('is each request as it was sent', async () => {
    const stub = await startStub();
    await post(stub, { temperature: 0.5 }, { headers: { 'x-request-id': 'r1' } });
    expect(stub.requests).toMatchObject([
      {
        path: '/v1/chat/completions',
        headers: { 'x-request-id': 'r1' },
        rawBody: JSON.stringify({ ...HELLO, temperature: 0.5 }),
        body: { temperature: 0.5 },
      },
    ]);
  });

  it('is that a client left before its reply', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'headers' });
    const leaving = new AbortController();
    const reply = post(stub, {}, { signal: leaving.signal }).then(({ body }) => body.dump());
    await stub.waitFor(() => stub.running === 1);
    leaving.abort();
    await expect(reply).rejects.toThrow('aborted');
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
    expect(stub.running).toBe(0);
  });

  it('is not a departure when the stub itself closes', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'request' });
    const reply = post(stub);
    await stub.waitFor(() => stub.running === 1);
    await Promise.all([stub.close(), expect(reply).rejects.toThrow('other side closed')]);
    expect(stub.requests).toMatchObject([{ clientLeft: false }]);
    expect(stub.openSockets).toBe(0);
  });
});
