import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../src/common/errors.js';
import type { Settings } from '../src/config/settings.js';
import { dialects } from '../src/engine/dialects/index.js';
import type { EngineError } from '../src/engine/dialects/dialect.js';
import type { FaultKind } from '../src/engine/engine-fault.js';
import { QUESTION, startService, type TestService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

const CHAT = { messages: [{ role: 'user', content: 'Hello' }] };
const KEY = 'sk-engine-1234';

/** An engine that lists its models must list ours; the stub marks its own. */
const SERVED: Partial<Settings> = { modelName: 'Qwen/Qwen3-32B-stub' };

const startOpenAi = (settings: Partial<Settings> = {}): Promise<TestService> =>
  startService({ engine: 'openai', openaiApiKey: KEY, ...settings }, { dialect: 'openai', apiKey: KEY });

describe.each(['sglang', 'vllm', 'stub'] as const)('ENGINE=%s', (engine) => {
  it('gets every sampling field of a structured question', async () => {
    const service = await startService({ ...SERVED, engine });

    await service.post('/api/feedback', QUESTION);

    expect(firstOnWire(service.stub)).toMatchObject({
      model: SERVED.modelName,
      temperature: 0.3,
      top_p: 0.8,
      top_k: 20,
      min_p: 0,
      presence_penalty: 0,
      frequency_penalty: 0,
      repetition_penalty: 1,
      max_tokens: 1000,
      chat_template_kwargs: { enable_thinking: false },
    });
  });

  it('gets what the caller names', async () => {
    const service = await startService({ ...SERVED, engine });
    const named = { temperature: 1.5, top_p: 0.5, seed: 7, stop: ['END', 'STOP'], max_tokens: 64 };

    await service.post('/api/chat/completions', { ...CHAT, ...named });

    expect(firstOnWire(service.stub)).toMatchObject(named);
  });

  it('gets nothing that neither the caller nor the task names', async () => {
    const service = await startService({ ...SERVED, engine });

    await service.post('/api/chat/completions', {
      ...CHAT,
      interview_id: 'iv-1',
      user_id: 'u-1',
      tags: ['t'],
    });

    const known = dialectFields(engine, ['stream', 'stream_options']);
    expect(Object.keys(firstOnWire(service.stub)).toSorted()).toEqual(known.toSorted());
  });

  it('gets the schema under its name', async () => {
    const service = await startService({ ...SERVED, engine });

    await service.post('/api/interview/step', QUESTION);

    expect(firstOnWire(service.stub).response_format).toEqual({
      type: 'json_schema',
      json_schema: {
        name: 'interview_step',
        schema: expect.objectContaining({
          required: ['action', 'message', 'thought', 'evaluation'],
          additionalProperties: false,
        }),
      },
    });
  });

  it('is named in X-Provider', async () => {
    const service = await startService({ ...SERVED, engine });

    const { headers } = await service.post('/api/chat/completions', CHAT);

    expect(headers['x-provider']).toBe(engine);
  });
});

describe('the id of a request', () => {
  it.each([
    { engine: 'sglang', field: 'rid' },
    { engine: 'stub', field: 'rid' },
    { engine: 'vllm', field: 'request_id' },
  ] as const)('is fresh at every try: $field of $engine', async ({ engine, field }) => {
    const service = await startService({ ...SERVED, engine });
    service.stub.script({ kind: 'status', status: 500 });

    await service.post('/api/feedback', QUESTION);
    await service.post('/api/feedback', QUESTION);

    const ids = wire(service.stub).map((request) => request[field]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('a reasoning parser', () => {
  it.each([
    { engine: 'sglang', objects: false, texts: true },
    { engine: 'stub', objects: false, texts: true },
    { engine: 'vllm', objects: undefined, texts: undefined },
  ] as const)('of $engine is told separate_reasoning: $objects, $texts', async ({ engine, ...sent }) => {
    const service = await startService({ ...SERVED, engine });

    await service.post('/api/feedback', QUESTION);
    await service.post('/api/chat/completions', CHAT);

    const [object, text] = wire(service.stub);
    expect([object?.separate_reasoning, text?.separate_reasoning]).toEqual([sent.objects, sent.texts]);
  });

  it('of vLLM may call its field reasoning', async () => {
    const service = await startService({ ...SERVED, engine: 'vllm' });
    const reply = { feedback: 'Fine.', score: 5, is_passed: true, improvement_suggestion: 'None.' };
    const message = { role: 'assistant', content: null, reasoning: JSON.stringify(reply) };
    const choices = [{ message, finish_reason: 'stop', stop_reason: null }];
    service.stub.script({ kind: 'raw', body: [JSON.stringify({ model: 'm', choices })] });

    expect(await service.post('/api/feedback', QUESTION)).toMatchObject({ status: 200, body: reply });
  });
});

describe('how an engine is asked', () => {
  it.each([
    { path: '/api/feedback', body: QUESTION, stream: undefined },
    { path: '/api/interview/step', body: QUESTION, stream: undefined },
    { path: '/api/report', body: QUESTION, stream: true },
    { path: '/api/chat/completions', body: CHAT, stream: true },
  ])('for $path: stream $stream', async ({ path, body, stream }) => {
    const service = await startService();

    await service.post(path, body);

    const asked = firstOnWire(service.stub);
    expect(asked.stream).toBe(stream);
    expect(asked.stream_options).toEqual(stream && { include_usage: true, continuous_usage_stats: true });
  });
});

describe('ENGINE=openai', () => {
  it.each([
    { path: '/api/feedback', body: QUESTION },
    { path: '/api/interview/step', body: QUESTION },
    { path: '/api/report', body: QUESTION },
    { path: '/api/chat/completions', body: CHAT },
  ])('answers $path under the strict rules of a reasoning model', async ({ path, body }) => {
    const service = await startOpenAi({ modelName: 'gpt-5' });

    const { status, headers } = await service.post(path, body);

    expect(status).toBe(200);
    expect(headers['x-provider']).toBe('openai');
  });

  it('gets max_completion_tokens and a strict schema, and no sampling fields', async () => {
    const service = await startOpenAi();

    await service.post('/api/feedback', QUESTION);

    const { messages, model, response_format, ...rest } = firstOnWire(service.stub);
    expect(rest).toEqual({ max_completion_tokens: 1000 });
    expect(response_format).toMatchObject({ json_schema: { name: 'feedback', strict: true } });
    expect({ model, roles: messages.map(({ role }) => role) }).toEqual({
      model: 'Qwen/Qwen3-32B',
      roles: ['system', 'user'],
    });
  });

  it('gets the sampling that the caller names', async () => {
    const service = await startOpenAi();
    const named = { temperature: 0.5, top_p: 0.9, seed: 1, stop: ['END'] };

    await service.post('/api/feedback', { ...QUESTION, ...named });

    expect(firstOnWire(service.stub)).toMatchObject(named);
  });
});

describe('the shell’s variables for OpenAI', () => {
  const SHELL = {
    OPENAI_API_KEY: 'sk-of-the-shell',
    OPENAI_ADMIN_KEY: 'sk-of-the-shell',
    OPENAI_ORG_ID: 'org-of-the-shell',
    OPENAI_PROJECT_ID: 'proj-of-the-shell',
    OPENAI_CUSTOM_HEADERS: 'X-Custom: of-the-shell\nAuthorization: Bearer of-the-shell',
    OPENAI_BASE_URL: 'http://of-the-shell.invalid/v1',
    OPENAI_LOG: 'debug',
  };
  const before = Object.fromEntries(Object.keys(SHELL).map((name) => [name, process.env[name]]));

  beforeEach(() => {
    Object.assign(process.env, SHELL);
  });

  afterEach(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  it.each([
    { engine: 'sglang', key: undefined },
    { engine: 'vllm', key: KEY },
    { engine: 'stub', key: undefined },
  ] as const)('do not reach $engine', async ({ engine, key }) => {
    const service = await startService({ ...SERVED, engine, engineApiKey: key });

    await service.post('/api/chat/completions', CHAT);

    expect(sentHeaders(service)).toEqual({
      ...PLAIN_HEADERS,
      ...(key && { authorization: `Bearer ${key}` }),
    });
  });

  it('do not reach OpenAI either, but for the key in the settings', async () => {
    const service = await startOpenAi();

    await service.post('/api/chat/completions', CHAT);

    expect(sentHeaders(service)).toEqual({ ...PLAIN_HEADERS, authorization: `Bearer ${KEY}` });
  });
});

describe('the key of a setting', () => {
  it.each([
    { engine: 'sglang', settings: { openaiApiKey: KEY }, sent: undefined },
    { engine: 'vllm', settings: { openaiApiKey: KEY }, sent: undefined },
    { engine: 'sglang', settings: { engineApiKey: KEY, openaiApiKey: 'other' }, sent: `Bearer ${KEY}` },
    { engine: 'openai', settings: { openaiApiKey: KEY }, sent: `Bearer ${KEY}` },
    { engine: 'openai', settings: { engineApiKey: 'other', openaiApiKey: KEY }, sent: `Bearer ${KEY}` },
  ] as const)(
    'goes to $engine as $sent where the settings are $settings',
    async ({ engine, settings, sent }) => {
      const service = await startService(
        { ...SERVED, engine, ...settings },
        { dialect: engine === 'openai' ? 'openai' : 'sglang' },
      );

      await service.post('/api/chat/completions', CHAT);

      expect(service.stub.requests[0]?.headers.authorization).toBe(sent);
    },
  );
});

describe('a model that the engine does not list', () => {
  it.each(['sglang', 'vllm'] as const)('is not asked for at %s', async (engine) => {
    const service = await startService({ ...SERVED, engine });

    const { status, body } = await service.fail('/api/feedback', { ...QUESTION, model: 'another' });

    expect({ status, code: body.code }).toEqual({ status: 404, code: 'MODEL_NOT_FOUND' });
    expect(service.stub.requests).toEqual([]);
  });
});

describe('an error of vLLM', () => {
  const TOO_LONG =
    "This model's maximum context length is 4096 tokens. However, you requested 1000 output tokens and your prompt contains at least 4097 input tokens, for a total of at least 5097 tokens.";

  it.each([
    {
      what: 'a prompt that is too long',
      error: vllmError(400, 'BadRequestError', TOO_LONG, 'input_tokens'),
      code: 'CONTEXT_TOO_LONG',
    },
    {
      what: 'a text that is too long',
      error: vllmError(
        400,
        'BadRequestError',
        "This model's maximum context length is 4096 tokens, and your prompt contains 120050 characters (more than 90112 characters).",
        'input_text',
      ),
      code: 'CONTEXT_TOO_LONG',
    },
    {
      what: 'an unknown model',
      error: vllmError(404, 'NotFoundError', 'The model `nope` does not exist.', 'model'),
      code: 'MODEL_NOT_FOUND',
    },
    {
      what: 'a schema that it does not take',
      error: vllmError(400, 'BadRequestError', 'Grammar error: Unsupported type "objekt"', null),
      code: 'ENGINE_REJECTED',
    },
    {
      what: 'a wrong sampling value',
      error: vllmError(400, 'BadRequestError', 'temperature must be in [0, 2], got 3.0.', 'temperature'),
      code: 'ENGINE_REJECTED',
    },
    {
      what: 'a wrong key',
      error: { status: 401, body: { error: 'Unauthorized' } },
      code: 'ENGINE_UNAUTHORIZED',
    },
    {
      what: 'a full queue',
      error: vllmError(503, 'Service Unavailable', 'The engine is currently busy.', null),
      code: 'ENGINE_OVERLOADED',
    },
    {
      what: 'a dead engine',
      error: vllmError(500, 'InternalServerError', 'EngineCore encountered an issue.', null),
      code: 'ENGINE_ERROR',
    },
    {
      what: 'a path that it does not have',
      error: { status: 404, body: { detail: 'Not Found' } },
      code: 'ENGINE_BAD_RESPONSE',
    },
  ] satisfies { what: string; error: { status: number; body: object }; code: ErrorCode }[])(
    'is told by its code: $what',
    async ({ error, code }) => {
      const service = await startService({ ...SERVED, engine: 'vllm' });
      service.stub.script({ kind: 'status', ...error }, { kind: 'status', ...error });

      const { body } = await service.fail('/api/feedback', QUESTION);

      expect(body.code).toBe(code);
    },
  );

  it('names the engine’s own number of tokens to the caller', async () => {
    const service = await startService({ ...SERVED, engine: 'vllm' });
    service.stub.script({ kind: 'status', ...vllmError(400, 'BadRequestError', TOO_LONG, 'input_tokens') });

    const { body } = await service.fail('/api/feedback', QUESTION);

    expect(body.detail).toContain('4097 tokens in the prompt and 4096 in the context');
  });

  it('about max_tokens alone is answered with what the context holds', async () => {
    const service = await startService({ ...SERVED, engine: 'vllm' });
    const message =
      'max_tokens=6000 cannot be greater than max_model_len=4096. Please request fewer output tokens.';
    service.stub.script({ kind: 'status', ...vllmError(400, 'BadRequestError', message, 'max_tokens') });

    const { status } = await service.post('/api/report', QUESTION);

    expect(status).toBe(200);
    expect(wire(service.stub).map(({ max_tokens }) => max_tokens)).toEqual([6000, 4088]);
  });

  function vllmError(
    status: number,
    type: string,
    message: string,
    param: string | null,
  ): { status: number; body: object } {
    return { status, body: { error: { message, type, param, code: status } } };
  }
});

describe('an error of OpenAI', () => {
  it.each([
    {
      what: 'a context that is too long',
      error: {
        status: 400,
        message:
          "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
        param: 'messages',
      },
      kind: 'context-too-long',
      facts: { promptTokens: 9000, contextTokens: 8192 },
    },
    {
      what: 'a context that messages and completion exceed',
      error: {
        status: 400,
        message:
          "This model's maximum context length is 8192 tokens. However, you requested 10000 tokens (9000 in the messages, 1000 in the completion).",
        param: 'messages',
      },
      kind: 'context-too-long',
      facts: { promptTokens: 9000, contextTokens: 8192 },
    },
    {
      what: 'more tokens than the model may ever reply with',
      error: {
        status: 400,
        message:
          'max_tokens is too large: 6000. This model supports at most 4096 completion tokens, whereas you provided 6000.',
        param: 'max_tokens',
      },
      kind: 'too-many-tokens',
      facts: { promptTokens: 0, contextTokens: 4096 },
    },
    {
      what: 'an unknown model',
      error: { status: 404, message: 'The model `nope` does not exist or you do not have access to it.' },
      kind: 'model-not-found',
      facts: {},
    },
    {
      what: 'a wrong key',
      error: { status: 401, message: 'Incorrect API key provided: sk-***1234.' },
      kind: 'unauthorized',
      facts: {},
    },
    {
      what: 'a key without rights',
      error: { status: 403, message: 'Country, region, or territory not supported.' },
      kind: 'unauthorized',
      facts: {},
    },
    {
      what: 'too many requests',
      error: { status: 429, message: 'Rate limit reached.', retryAfterMs: 7000 },
      kind: 'overloaded',
      facts: { retryAfterMs: 7000 },
    },
    {
      what: 'a field that the model does not take',
      error: { status: 400, message: "Unsupported parameter: 'temperature'.", param: 'temperature' },
      kind: 'rejected',
      facts: {},
    },
  ] satisfies { what: string; error: EngineError; kind: FaultKind; facts: object }[])(
    'is understood: $what',
    ({ error, kind, facts }) => {
      const fault = dialects.openai.faultOf(error);

      expect(fault.kind).toBe(kind);
      expect(fault.facts).toEqual({ said: error.message, ...facts });
    },
  );
});

describe('an error of SGLang', () => {
  it.each([
    {
      what: 'a prompt that is longer than the context',
      message: "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
      kind: 'context-too-long',
      facts: { promptTokens: 5000, contextTokens: 4096 },
    },
    {
      what: 'a prompt that is longer than its memory',
      message: 'Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens).',
      kind: 'context-too-long',
      facts: { promptTokens: 5000, contextTokens: 4090 },
    },
    {
      what: 'a prompt that leaves less room than asked for',
      message:
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 tokens: 4000 tokens from the input messages and 1000 tokens for the completion.",
      kind: 'no-room',
      facts: { promptTokens: 4000, contextTokens: 4096 },
    },
    {
      what: 'more tokens than its context holds',
      message:
        'max_completion_tokens is too large: 6000. This model supports at most 4096 completion tokens, whereas you provided 6000.',
      kind: 'too-many-tokens',
      facts: { promptTokens: 0, contextTokens: 4096 },
    },
    {
      what: 'a schema that it does not take',
      message: 'Failed to compile json grammar: Unsupported type "objekt"',
      kind: 'rejected',
      facts: {},
    },
  ] satisfies { what: string; message: string; kind: FaultKind; facts: object }[])(
    'is understood: $what',
    ({ message, kind, facts }) => {
      const fault = dialects.sglang.faultOf({ status: 400, message });

      expect(fault.kind).toBe(kind);
      expect(fault.facts).toEqual({ said: message, ...facts });
    },
  );
});

interface KnownError {
  readonly error: Partial<EngineError>;
  readonly kind: FaultKind;
  /** Tokens of prompt and context that the engine names. */
  readonly tokens?: readonly [prompt: number | undefined, context: number | undefined];
}

describe.each(Object.entries(dialects))('whatever stands behind ENGINE=%s, its error', (_, dialect) => {
  const understood = ({
    error,
    kind,
    tokens: [prompt, context] = [undefined, undefined],
  }: KnownError): void => {
    const { kind: found, facts } = dialect.faultOf({ status: 400, message: '', ...error });

    expect({ kind: found, prompt: facts.promptTokens, context: facts.contextTokens }).toEqual({
      kind,
      prompt,
      context,
    });
  };

  it.each([
    {
      error: {
        message:
          "This model's maximum context length is 16384 tokens. However, you requested 29591 tokens (19591 in the messages, 10000 in the completion). Please reduce the length of the messages or completion.",
      },
      kind: 'context-too-long',
      tokens: [19_591, 16_384],
    },
    {
      error: {
        message:
          "This model's maximum context length is 16384 tokens. However, you requested 19591 tokens (9591 in the messages, 10000 in the completion). Please reduce the length of the messages or completion.",
      },
      kind: 'no-room',
      tokens: [9591, 16_384],
    },
    {
      error: {
        message:
          "This model's maximum context length is 4097 tokens, however you requested 10346 tokens (10346 in your prompt; 5 for the completion). Please reduce your prompt; or completion length.",
      },
      kind: 'context-too-long',
      tokens: [10_346, 4097],
    },
    {
      error: {
        message:
          "This model's maximum context length is 16384 tokens. However, your request has 20000 input tokens. Please reduce the length of the input messages.",
      },
      kind: 'context-too-long',
      tokens: [20_000, 16_384],
    },
    {
      error: {
        message:
          "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 16384 tokens and your request has 16000 input tokens (1000 > 16384 - 16000).",
      },
      kind: 'no-room',
      tokens: [16_000, 16_384],
    },
    {
      error: {
        message:
          "'max_tokens' or 'max_completion_tokens' is too large: 20000. This model's maximum context length is 16384 tokens and your request has 100 input tokens (20000 > 16384 - 100).",
      },
      kind: 'too-many-tokens',
      tokens: [100, 16_384],
    },
    {
      error: {
        message:
          "'max_tokens' or 'max_completion_tokens' is too large: 20000. This model's maximum context length is 16384 tokens and your request has 16370 input tokens (20000 > 16384 - 16370).",
      },
      kind: 'no-room',
      tokens: [16_370, 16_384],
    },
    {
      error: {
        message:
          "This model's maximum context length is 4096 tokens. However, you requested 1000 output tokens and your prompt contains at least 4097 input tokens, for a total of at least 5097 tokens.",
        param: 'input_tokens',
      },
      kind: 'context-too-long',
      tokens: [4097, 4096],
    },
    {
      error: {
        message:
          "You passed 5000 input tokens and requested 100 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 3996 tokens. Please reduce the length of the input prompt.",
        param: 'input_tokens',
      },
      kind: 'context-too-long',
      tokens: [5000, 4096],
    },
    {
      error: { message: 'words of a later version', param: 'input_tokens' },
      kind: 'context-too-long',
    },
    {
      error: {
        message:
          'The decoder prompt (length 20000) is longer than the maximum model length of 16384. Make sure that `max_model_len` is no smaller than the number of text tokens.',
      },
      kind: 'context-too-long',
      tokens: [20_000, 16_384],
    },
    {
      error: {
        message:
          'The prompt (total length 35000) is too long to fit into the model (context length 32768). Make sure that `max_model_len` is no smaller than the number of text tokens.',
      },
      kind: 'context-too-long',
      tokens: [35_000, 32_768],
    },
    { error: { message: 'max_tokens must be at least 1, got -186.' }, kind: 'context-too-long' },
    {
      error: {
        message:
          'max_tokens=6000cannot be greater than max_model_len=max_total_tokens=4096. Please request fewer output tokens.',
        param: 'max_tokens',
      },
      kind: 'too-many-tokens',
      tokens: [0, 4096],
    },
  ] satisfies KnownError[])('is known in the words of a vLLM, old or new: $error', understood);

  it.each([
    {
      error: { message: "The input (5000 tokens) is longer than the model's context length (4096 tokens)." },
      kind: 'context-too-long',
      tokens: [5000, 4096],
    },
    {
      error: {
        message:
          'Input length 131393 exceeds the maximum allowed input length of 131040 tokens. Use a shorter input.',
      },
      kind: 'context-too-long',
      tokens: [131_393, 131_040],
    },
    {
      error: {
        message:
          "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of 100015 tokens: 16 tokens from the input messages and 99999 tokens for the completion.",
      },
      kind: 'too-many-tokens',
      tokens: [16, 32_768],
    },
    { error: { message: 'The request queue is full.' }, kind: 'overloaded' },
    {
      error: { message: 'The request is aborted by a higher priority request.', status: 500 },
      kind: 'overloaded',
    },
  ] satisfies KnownError[])('is known in the words of an SGLang: $error', understood);

  it.each([
    {
      error: {
        message:
          'Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages.',
        code: 'context_length_exceeded',
      },
      kind: 'context-too-long',
      tokens: [300_000, 272_000],
    },
    {
      error: { message: 'words of a later version', code: 'context_length_exceeded' },
      kind: 'context-too-long',
    },
    {
      error: {
        message: 'the request exceeds the available context size, try increasing it',
        type: 'exceed_context_size_error',
      },
      kind: 'context-too-long',
    },
    {
      error: {
        message: 'request (13392 tokens) exceeds the available context size (8192 tokens), try increasing it',
      },
      kind: 'context-too-long',
      tokens: [13_392, 8192],
    },
    {
      error: {
        message:
          "Invalid 'max_tokens': integer above maximum value. Expected a value <= 4096, but got 5000 instead.",
        param: 'max_tokens',
      },
      kind: 'too-many-tokens',
      tokens: [0, 4096],
    },
    {
      error: { message: 'Range of max_tokens should be [1, 8192]' },
      kind: 'too-many-tokens',
      tokens: [0, 8192],
    },
    {
      error: {
        message: "Unsupported parameter: 'max_tokens' is not supported with this model.",
        code: 'unsupported_parameter',
        param: 'max_tokens',
      },
      kind: 'rejected',
    },
    {
      error: {
        status: 429,
        message: 'You exceeded your current quota, please check your plan and billing details.',
        type: 'insufficient_quota',
        code: 'project_spend_limit_exceeded',
      },
      kind: 'quota-exhausted',
    },
    {
      error: { status: 429, message: 'words of a later version', code: 'insufficient_quota' },
      kind: 'quota-exhausted',
    },
    {
      error: { status: 429, message: 'You exceeded your current quota, please check your plan.' },
      kind: 'quota-exhausted',
    },
    {
      error: {
        status: 429,
        message: 'You exceeded your current quota, please check your plan. Please retry in 11.9s.',
      },
      kind: 'overloaded',
    },
    { error: { status: 402, message: 'Insufficient Balance' }, kind: 'quota-exhausted' },
    { error: { status: 402, message: '<h1>Payment required</h1>' }, kind: 'quota-exhausted' },
    {
      error: { status: 429, message: 'Rate limit reached for requests', code: 'rate_limit_exceeded' },
      kind: 'overloaded',
    },
    { error: { status: 500, message: 'Try again.', code: 'server_is_overloaded' }, kind: 'overloaded' },
    {
      error: {
        message:
          "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        code: 'content_filter',
        param: 'prompt',
      },
      kind: 'model-refused',
    },
    {
      error: {
        message:
          'Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt.',
      },
      kind: 'model-refused',
    },
    {
      error: { status: 403, message: 'Project does not have access to model', code: 'model_not_found' },
      kind: 'model-not-found',
    },
    { error: { status: 404, message: "Model 'nope' not found" }, kind: 'model-not-found' },
    { error: { status: 404, message: 'Not Found' }, kind: 'bad-response' },
  ] satisfies KnownError[])('is known in the words of OpenAI and their like: $error', understood);

  it.each([
    { status: 400, kind: 'rejected' },
    { status: 401, kind: 'unauthorized' },
    { status: 402, kind: 'quota-exhausted' },
    { status: 403, kind: 'unauthorized' },
    { status: 404, kind: 'bad-response' },
    { status: 405, kind: 'bad-response' },
    { status: 408, kind: 'overloaded' },
    { status: 409, kind: 'failed' },
    { status: 413, kind: 'rejected' },
    { status: 422, kind: 'rejected' },
    { status: 429, kind: 'overloaded' },
    { status: 451, kind: 'rejected' },
    { status: 500, kind: 'failed' },
    { status: 503, kind: 'overloaded' },
    { status: 520, kind: 'failed' },
    { status: 529, kind: 'overloaded' },
    { status: 302, kind: 'bad-response' },
  ] as const)('means $kind with status $status and words that say nothing', ({ status, kind }) => {
    expect(dialect.faultOf({ status, message: 'Something happened.' }).kind).toBe(kind);
  });

  it.each([
    "1 validation error:\n  {'loc': ('body',), 'input': 'INJECTED'}",
    '[{"loc":["body","messages"],"input":"INJECTED"}]',
    '<html>INJECTED</html>',
  ])('is not judged by words of the request that it repeats: %s', (message) => {
    for (const words of [
      "This model's maximum context length is 1 tokens.",
      'You exceeded your current quota.',
      'The request queue is full.',
    ]) {
      expect(dialect.faultOf({ status: 400, message: message.replace('INJECTED', words) }).kind).toBe(
        'rejected',
      );
    }
  });

  it('is searched for sentences at its beginning alone, however long it is', () => {
    const message = `${'A long tale. '.repeat(100)}This model's maximum context length is 1 tokens.`;

    expect(dialect.faultOf({ status: 400, message }).kind).toBe('rejected');
  });
});

describe.each(Object.entries(dialects))('the end of a reply by %s', (_, dialect) => {
  it.each([
    { choice: { finish_reason: 'stop', matched_stop: 151645 }, finish: 'stop' },
    { choice: { finish_reason: 'stop', stop_reason: null }, finish: 'stop' },
    { choice: { finish_reason: 'stop', matched_stop: 'END' }, finish: 'stop-string' },
    { choice: { finish_reason: 'stop', stop_reason: 'END' }, finish: 'stop-string' },
    { choice: { finish_reason: 'stop', matched_stop: '<|im_end|>' }, finish: 'stop' },
    { choice: { finish_reason: 'stop', stop_reason: '</s>' }, finish: 'stop' },
    { choice: { finish_reason: 'eos_token' }, finish: 'stop' },
    { choice: { finish_reason: 'STOP' }, finish: 'stop' },
    { choice: { finish_reason: 'end_turn' }, finish: 'stop' },
    { choice: { finish_reason: 'stop_sequence' }, finish: 'stop-string' },
    { choice: { finish_reason: 'MAX_TOKENS' }, finish: 'length' },
    { choice: { finish_reason: 'content_filter' }, finish: 'content-filter' },
    { choice: { finish_reason: 'toString' }, finish: 'other' },
    { choice: { finish_reason: 'length' }, finish: 'length' },
    { choice: { finish_reason: 'abort' }, finish: 'abort' },
    { choice: { finish_reason: 'tool_calls' }, finish: 'other' },
    { choice: { finish_reason: null }, finish: 'other' },
    { choice: {}, finish: 'other' },
  ])('is $finish for $choice', ({ choice, finish }) => {
    expect(dialect.finishOf(choice)).toBe(finish);
  });
});

const PLAIN_HEADERS = {
  accept: 'application/json, text/event-stream',
  'accept-encoding': 'identity',
  'content-type': 'application/json',
  'user-agent': 'llm-service',
};

/** The headers that the engine got, but for those that every HTTP request has. */
function sentHeaders({ stub }: TestService): object {
  const { host, connection, 'content-length': length, ...own } = stub.requests[0]?.headers ?? {};
  expect([host, connection, length]).toEqual([expect.any(String), 'keep-alive', expect.any(String)]);
  return own;
}

/** The fields of a body that asks for free text. */
function dialectFields(engine: 'sglang' | 'vllm' | 'stub', extra: readonly string[]): string[] {
  return [
    ...extra,
    'model',
    'messages',
    'temperature',
    'top_p',
    'top_k',
    'min_p',
    'presence_penalty',
    'frequency_penalty',
    'repetition_penalty',
    'max_tokens',
    'chat_template_kwargs',
    ...(engine === 'vllm' ? ['request_id'] : ['rid', 'separate_reasoning']),
  ];
}
