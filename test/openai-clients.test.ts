import { describe, expect, it } from '@jest/globals';
import OpenAI, {
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
} from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import { standardResponseFormat } from 'openai/helpers/standard-schema';
import type { RunnableToolFunctionWithParse } from 'openai/lib/RunnableFunction';
import { loadSettings } from '../src/config/load-settings.js';
import type { Settings } from '../src/config/settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { HELLO, MODEL, nextCall } from './support/openai-wire.js';
import { startService, type TestService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

const messages = [{ role: 'user' as const, content: 'Hello!' }];
const QUESTION = { model: MODEL, messages };
const SENTENCE = 'A slow query? I read its plan first.';
const REPLY: Fault = { kind: 'reply', content: SENTENCE };

/** OpenAI has deprecated it, engines have not. */
const SEED = { seed: 7 };

/** OpenAI's own client for Node, pointed at the service. It asks once where a test does not say otherwise. */
function clientOf({ url }: TestService, options: ConstructorParameters<typeof OpenAI>[0] = {}): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, ...options });
}

/** What a client's promise was refused with. */
async function failureOf(call: PromiseLike<unknown>): Promise<APIError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error('The call succeeded');
}

async function piecesOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const pieces: T[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

describe('a chat of the openai client for Node', () => {
  it('has a reply, and the id of the request', async () => {
    const service = await startService();
    service.stub.script(REPLY);

    const reply = await clientOf(service).chat.completions.create(QUESTION, {
      headers: { 'X-Request-Id': 'chat-1' },
    });

    expect(reply).toMatchObject({
      model: MODEL,
      choices: [{ message: { role: 'assistant', content: SENTENCE }, finish_reason: 'stop' }],
      usage: { prompt_tokens: expect.any(Number) },
      _request_id: 'chat-1',
    });
  });

  it('has several replies, stop texts, a seed and probabilities', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'One. Two.' });

    const { choices } = await clientOf(service).chat.completions.create({
      ...QUESTION,
      n: 2,
      stop: 'Two',
      ...SEED,
      logprobs: true,
      top_logprobs: 1,
    });

    expect(choices.map(({ message }) => message.content)).toEqual(['One. ', 'One. ']);
    expect(choices[0]?.logprobs?.content?.[0]).toMatchObject({ token: 'One.', top_logprobs: [{}] });
    expect(firstOnWire(service.stub)).toMatchObject({ n: 2, stop: 'Two', ...SEED });
  });

  it('may have the fields of the engines', async () => {
    const service = await startService();
    const fields = { top_k: 20, chat_template_kwargs: { enable_thinking: false } };

    await clientOf(service).chat.completions.create({ ...QUESTION, ...fields });

    expect(firstOnWire(service.stub)).toMatchObject(fields);
  });

  it('is streamed, and tells its usage only where that is asked for', async () => {
    const service = await startService();
    const { completions } = clientOf(service).chat;

    const plain = await piecesOf(await completions.create({ ...QUESTION, stream: true }));
    const counted = await piecesOf(
      await completions.create({ ...QUESTION, stream: true, stream_options: { include_usage: true } }),
    );

    expect(plain.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toContain('Hello!');
    expect(plain.filter(({ usage }) => usage)).toEqual([]);
    expect(counted.filter(({ usage }) => usage)).toEqual([counted.at(-1)]);
    expect(counted).toHaveLength(plain.length + 1);
  });

  it('is put together again by the helper for streams', async () => {
    const service = await startService();
    service.stub.script(REPLY);
    const deltas: string[] = [];

    const stream = clientOf(service).chat.completions.stream({
      ...QUESTION,
      stream_options: { include_usage: true },
    });
    stream.on('content', (delta) => deltas.push(delta));
    const reply = await stream.finalChatCompletion();

    expect(reply.choices[0]?.message.content).toBe(SENTENCE);
    expect(reply.usage?.completion_tokens).toBeGreaterThan(1);
    expect(deltas.join('')).toBe(SENTENCE);
  });

  const lookUp = (words: string[]): RunnableToolFunctionWithParse<{ word: string }> => ({
    type: 'function',
    function: {
      name: 'look_up',
      description: 'Looks a word up.',
      parameters: {
        type: 'object',
        properties: { word: { type: 'string' } },
        required: ['word'],
        additionalProperties: false,
      },
      strict: true,
      parse: (text) => JSON.parse(text) as { word: string },
      function: ({ word }) => {
        words.push(word);
        return 'A sorted list.';
      },
    },
  });

  it.each(['whole', 'streamed'])('calls functions, and goes on with what they return: %s', async (how) => {
    const service = await startService();
    service.stub.script(
      { kind: 'reply', toolCalls: [{ name: 'look_up', arguments: '{"word":"index"}' }] },
      REPLY,
    );
    const words: string[] = [];
    const { completions } = clientOf(service).chat;
    const question = { ...QUESTION, tools: [lookUp(words)] };

    const runner =
      how === 'whole' ? completions.runTools(question) : completions.runTools({ ...question, stream: true });

    expect(await runner.finalContent()).toBe(SENTENCE);
    expect(words).toEqual(['index']);
    expect(wire(service.stub)[1]?.messages.slice(1)).toMatchObject([
      { role: 'assistant', tool_calls: [{ function: { name: 'look_up' } }] },
      { role: 'tool', content: 'A sorted list.' },
    ]);
  });
});

describe('the parse helper of the openai client for Node', () => {
  interface Verdict {
    readonly word: string;
    readonly score: number;
  }

  /** What zod and its kind offer the client. */
  const verdict = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      types: undefined as unknown as { input: Verdict; output: Verdict },
      validate: (value: unknown) => ({ value: value as Verdict }),
      jsonSchema: {
        input: () => ({
          type: 'object',
          properties: { word: { type: 'string', maxLength: 10 }, score: { type: 'integer' } },
          required: ['word', 'score'],
          additionalProperties: false,
        }),
      },
    },
  };
  const response_format = standardResponseFormat(verdict, 'verdict');
  const GOOD: Fault = { kind: 'reply', content: '{"word":"sound","score":7}' };
  const BAD: Fault = { kind: 'reply', content: '{"word":"sound and thorough","score":7}' };

  it('gives the object', async () => {
    const service = await startService();
    service.stub.script(GOOD);

    const { choices } = await clientOf(service).chat.completions.parse({ ...QUESTION, response_format });

    expect(choices[0]?.message.parsed).toEqual({ word: 'sound', score: 7 });
    expect(firstOnWire(service.stub).response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'verdict', strict: true },
    });
  });

  it('gives the object of a stream', async () => {
    const service = await startService();
    service.stub.script(GOOD);

    const stream = clientOf(service).chat.completions.stream({ ...QUESTION, response_format });

    expect((await stream.finalChatCompletion()).choices[0]?.message.parsed).toEqual({
      word: 'sound',
      score: 7,
    });
  });

  it.each(['whole', 'streamed'])('gives a checked object with X-Validate: true: %s', async (how) => {
    const service = await startService();
    service.stub.script(BAD, GOOD);
    const { completions } = clientOf(service, { defaultHeaders: { 'X-Validate': 'true' } }).chat;
    const question = { ...QUESTION, response_format };

    const { choices } =
      how === 'whole'
        ? await completions.parse(question)
        : await completions.stream(question).finalChatCompletion();

    expect(choices[0]?.message.parsed).toEqual({ word: 'sound', score: 7 });
    expect(service.stub.requests).toHaveLength(2);
  });

  it('refuses a reply that max_tokens cut', async () => {
    const service = await startService();
    service.stub.script(GOOD);

    const call = clientOf(service).chat.completions.parse({ ...QUESTION, response_format, max_tokens: 2 });

    await expect(call).rejects.toThrow(LengthFinishReasonError);
  });
});

describe('the other calls of the openai client for Node', () => {
  it('complete a text, several, and as a stream', async () => {
    const service = await startService();
    const { completions } = clientOf(service);
    const texts: Fault = { kind: 'reply', choices: [{ content: ' one' }, { content: ' two' }] };
    service.stub.script(texts, texts, texts);

    const one = await completions.create({ model: MODEL, prompt: 'a' });
    const two = await completions.create({ model: MODEL, prompt: ['a', 'b'] });
    const stream = await piecesOf(await completions.create({ model: MODEL, prompt: 'a', stream: true }));

    expect(one.choices.map(({ text }) => text)).toEqual([' one']);
    expect(two.choices.map(({ text }) => text)).toEqual([' one', ' two']);
    expect(stream.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(' one');
  });

  it('embed texts, in base64 unseen', async () => {
    const service = await startService();
    const { embeddings } = clientOf(service);
    const question = { model: MODEL, input: ['Hello', 'you'], dimensions: 32 };

    const { data } = await embeddings.create(question);
    const plain = await embeddings.create({ ...question, encoding_format: 'float' });

    expect(wire(service.stub).map((body) => body.encoding_format)).toEqual(['base64', 'float']);
    expect(data.map(({ embedding }) => embedding.length)).toEqual([32, 32]);
    expect(data.map(({ embedding }) => [...embedding])).toEqual(plain.data.map(({ embedding }) => embedding));
  });

  it('list the models, and describe one with a slash in its name', async () => {
    const { models } = clientOf(await startService());

    expect((await piecesOf(models.list())).map(({ id }) => id)).toEqual([MODEL]);
    expect(await models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model', owned_by: 'stub' });
  });
});

describe('an error to the openai client for Node', () => {
  const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:app-secret,ops:read:ops-secret' }).settings;
  const chat = (client: OpenAI): PromiseLike<unknown> => client.chat.completions.create(QUESTION);

  it.each<{
    what: string;
    settings?: Partial<Settings>;
    apiKey?: string;
    script?: Fault[];
    call?: (client: OpenAI) => PromiseLike<unknown>;
    type: new (...args: never[]) => APIError;
    code: string;
    param?: string;
  }>([
    {
      what: 'a wrong field',
      call: (client) => client.chat.completions.create({ ...QUESTION, temperature: 3 }),
      type: BadRequestError,
      code: 'validation_failed',
      param: 'temperature',
    },
    {
      what: 'a prompt that is too long',
      call: (client) =>
        client.chat.completions.create({
          model: MODEL,
          messages: [{ role: 'user', content: 'word '.repeat(200) }],
        }),
      type: BadRequestError,
      code: 'context_length_exceeded',
    },
    {
      what: 'a wrong key',
      settings: { apiKeys },
      apiKey: 'x',
      type: AuthenticationError,
      code: 'invalid_api_key',
    },
    {
      what: 'a key that may not ask',
      settings: { apiKeys },
      apiKey: 'ops-secret',
      type: PermissionDeniedError,
      code: 'forbidden',
    },
    {
      what: 'a model that is not served',
      settings: { engine: 'sglang', modelName: MODEL },
      call: (client) => client.chat.completions.create({ ...QUESTION, model: 'gpt-4o' }),
      type: NotFoundError,
      code: 'model_not_found',
      param: 'model',
    },
    {
      what: 'a model that is not in the list',
      call: (client) => client.models.retrieve('gpt-4o'),
      type: NotFoundError,
      code: 'model_not_found',
      param: 'model',
    },
    {
      what: 'a route that is not there',
      call: (client) => client.responses.create({ model: MODEL, input: 'Hello!' }),
      type: NotFoundError,
      code: 'not_found',
    },
    {
      what: 'no server for embeddings',
      settings: { engine: 'sglang', modelName: MODEL },
      call: (client) => client.embeddings.create({ model: MODEL, input: 'Hello!' }),
      type: InternalServerError,
      code: 'not_configured',
    },
    {
      what: 'an engine that fails',
      script: [
        { kind: 'status', status: 500 },
        { kind: 'status', status: 500 },
      ],
      type: InternalServerError,
      code: 'engine_error',
    },
    {
      what: 'an engine that is busy',
      script: [{ kind: 'status', status: 429, headers: { 'retry-after': '30' } }],
      type: InternalServerError,
      code: 'engine_overloaded',
    },
    {
      what: 'an engine that is silent',
      settings: { requestTimeout: 0.3 },
      script: [{ kind: 'stall', after: 'request' }],
      type: InternalServerError,
      code: 'deadline_exceeded',
    },
    {
      what: 'a stream that never began',
      script: [{ kind: 'engine-error', code: 400 }],
      call: (client) => client.chat.completions.create({ ...QUESTION, stream: true }),
      type: InternalServerError,
      code: 'engine_rejected',
    },
  ])(
    'has its class and code: $what',
    async ({ settings, apiKey = 'none', script = [], call = chat, ...expected }) => {
      const service = await startService(settings, { contextLength: 200 });
      service.stub.script(...script);

      const failure = await failureOf(call(clientOf(service, { apiKey })));

      expect(failure).toBeInstanceOf(expected.type);
      expect({ code: failure.code, param: failure.param }).toEqual({
        code: expected.code,
        param: expected.param ?? null,
      });
      expect(failure.message).toMatch(/^\d{3} [A-Z].*\.$/s);
      expect(failure.requestID).toMatch(/^[\w.:-]+$/);
    },
  );

  it('in the middle of a stream is thrown there', async () => {
    const service = await startService();
    service.stub.script({ ...REPLY, kind: 'hang-up', after: 'half', tokenDelayMs: 1 });
    let said = '';

    const failure = await failureOf(
      (async () => {
        const stream = await clientOf(service).chat.completions.create({ ...QUESTION, stream: true });
        for await (const { choices } of stream) said += choices[0]?.delta.content ?? '';
      })(),
    );

    expect(SENTENCE.startsWith(said)).toBe(true);
    expect(said).not.toBe('');
    expect(failure).toMatchObject({ code: 'engine_connection_lost', type: 'server_error' });
  });

  it('in the middle of a stream is thrown by the helper too', async () => {
    const service = await startService();
    service.stub.script({ ...REPLY, kind: 'cut', missing: 'both' });

    const failure = await failureOf(clientOf(service).chat.completions.stream(QUESTION).finalContent());

    expect(failure.code).toBe('engine_reply_cut');
  });

  it('tells why each reply under a schema was not valid', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });
    service.stub.script({ kind: 'reply', content: 'Well.' });
    const response_format = {
      type: 'json_schema' as const,
      json_schema: { name: 'any', schema: { type: 'object' } },
    };

    const failure = await failureOf(
      clientOf(service).chat.completions.create(
        { ...QUESTION, response_format },
        { headers: { 'X-Validate': 'true' } },
      ),
    );

    expect(failure.error).toMatchObject({ attempts: [{ attempt: 1, reason: expect.any(String) }] });
  });
});

describe('the openai client for Node asks again by itself', () => {
  it('when the engine is busy, as long as Retry-After says', async () => {
    const service = await startService();
    const busy: Fault = { kind: 'status', status: 503, headers: { 'retry-after': '0' } };
    service.stub.script(busy, busy, REPLY);

    const reply = await clientOf(service, { maxRetries: 2 }).chat.completions.create(QUESTION);

    expect(reply.choices[0]?.message.content).toBe(SENTENCE);
    expect(service.stub.requests).toHaveLength(3);
  });

  it.each<{
    what: string;
    settings?: Partial<Settings>;
    fault: Fault;
    headers?: Record<string, string>;
    asks: number;
  }>([
    { what: 'the engine refused it', fault: { kind: 'status', status: 400 }, asks: 1 },
    { what: 'the engine’s key is wrong', fault: { kind: 'status', status: 401 }, asks: 1 },
    {
      what: 'its time is up',
      settings: { requestTimeout: 0.3 },
      fault: { kind: 'stall', after: 'request' },
      asks: 1,
    },
    {
      what: 'the model was asked often enough',
      fault: { kind: 'reply', content: 'Well.' },
      headers: { 'X-Validate': 'true' },
      asks: 3,
    },
  ])('but not when $what', async ({ settings, fault, headers, asks }) => {
    const service = await startService(settings);
    service.stub.script(...Array<Fault>(10).fill(fault));
    const response_format = {
      type: 'json_schema' as const,
      json_schema: { name: 'any', schema: { type: 'object' } },
    };

    const failure = await failureOf(
      clientOf(service, { maxRetries: 2 }).chat.completions.create(
        { ...QUESTION, response_format },
        { headers },
      ),
    );

    expect(failure).toBeInstanceOf(InternalServerError);
    expect(service.stub.requests).toHaveLength(asks);
  });
});

describe('a caller with the openai client for Node', () => {
  it('who aborts a call ends the engine’s work', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ kind: 'stall', after: 'request' });
    const caller = new AbortController();
    const call = failureOf(clientOf(service).chat.completions.create(QUESTION, { signal: caller.signal }));
    await service.stub.waitFor(() => service.stub.running === 1);

    caller.abort();

    expect(await call).toBeInstanceOf(APIUserAbortError);
    expect((await ended).outcome).toBe('cancelled');
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('who leaves a stream ends the engine’s work', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });

    const stream = await clientOf(service).chat.completions.create({ ...QUESTION, stream: true });
    for await (const { choices } of stream) if (choices[0]?.delta.content) break;

    expect((await ended).outcome).toBe('cancelled');
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('who cancels a stream from elsewhere gets an error', async () => {
    const service = await startService();
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });
    const stream = await clientOf(service).chat.completions.create(
      { ...QUESTION, stream: true },
      { headers: { 'X-Request-Id': 'chat-9' } },
    );
    const rest = failureOf(piecesOf(stream));

    await service.post('/api/calls/chat-9/cancel', {});

    expect((await rest).code).toBe('cancelled');
  });

  it('needs no model: the service’s own is asked', async () => {
    const service = await startService();

    await clientOf(service).post('/chat/completions', { body: HELLO });

    expect(firstOnWire(service.stub).model).toBe('Qwen/Qwen3-32B');
  });
});
