import { describe, expect, it } from '@jest/globals';
import type { OpenAiError } from '../src/common/openai-error.js';
import type { Fault } from '../src/engine/stub/faults.js';
import {
  CHAT,
  type Completion,
  expectOpenAiError,
  HELLO,
  nextCall,
  readChunks,
} from './support/openai-wire.js';
import { type Reply, startService, startStub, type TestService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

const VERDICT = {
  type: 'object',
  properties: {
    word: { type: 'string', maxLength: 10 },
    score: { type: 'integer', minimum: 0, maximum: 10 },
  },
  required: ['word', 'score'],
  additionalProperties: false,
};
const FORMAT = {
  response_format: { type: 'json_schema', json_schema: { name: 'verdict', schema: VERDICT, strict: true } },
};
const QUESTION = { ...HELLO, ...FORMAT };
const CHECKED = { 'x-validate': 'true' };

const GOOD = '{"word":"sound","score":7}';
const TOO_LONG = '{"word":"sound and thorough","score":7}';
const says = (content: string): Fault => ({ kind: 'reply', content });

const ask = (service: TestService, body: object = QUESTION): Promise<Reply<Completion>> =>
  service.post<Completion>(CHAT, body, CHECKED);

const contentOf = ({ body }: Reply<Completion>): unknown => body.choices[0]?.message.content;

describe('a chat with X-Validate: true', () => {
  it('has a valid reply as its content', async () => {
    const service = await startService();
    service.stub.script(says(GOOD));

    const reply = await ask(service);

    expect(reply.body).toMatchObject({ object: 'chat.completion', choices: [{ finish_reason: 'stop' }] });
    expect(contentOf(reply)).toBe(GOOD);
    expect(reply.headers['x-attempts']).toBe('1');
  });

  it.each([
    ['in a fence', `\`\`\`json\n${GOOD}\n\`\`\``],
    ['behind a think block', `<think>Well.</think>${GOOD}`],
    ['with blanks', '{ "word" : "sound",\n "score": 7.0 }\n'],
  ])('has nothing but the object as its content where the model wrote it %s', async (_, content) => {
    const service = await startService();
    service.stub.script(says(content));

    const reply = await ask(service);

    expect(contentOf(reply)).toBe(GOOD);
    expect(service.stub.requests).toHaveLength(1);
  });

  it.each([
    ['prose', says('Sound, I think.'), 'The reply'],
    ['a field too much', says('{"word":"sound","score":7,"more":1}'), '/more is not in the schema'],
    [
      'a text that is too long, which no grammar is told',
      says(TOO_LONG),
      '/word must have at most 10 characters',
    ],
    ['a number out of its bounds', says('{"word":"sound","score":11}'), '/score must be'],
  ])('is asked again after %s, and told why', async (_, fault, reason) => {
    const service = await startService();
    service.stub.script(fault, says(GOOD));

    const reply = await ask(service);

    expect(contentOf(reply)).toBe(GOOD);
    expect(reply.headers['x-attempts']).toBe('2');
    const [first, second] = wire(service.stub);
    expect(second?.messages.slice(0, -2)).toEqual(first?.messages);
    expect(second?.messages.at(-1)?.content).toContain(reason);
  });

  it('is asked again with more room, up to four times the default', async () => {
    const service = await startService({ defaultMaxTokens: 50 });
    service.stub.script(...Array<Fault>(3).fill({ ...says(GOOD), finishReason: 'length' } as Fault));

    await ask(service);

    expect(wire(service.stub).map((body) => body.max_completion_tokens)).toEqual([50, 100, 200]);
  });

  it.each(['max_tokens', 'max_completion_tokens'])('never gets more room than its %s', async (field) => {
    const service = await startService();
    service.stub.script({ ...says(GOOD), finishReason: 'length' } as Fault, says(GOOD));

    await ask(service, { ...QUESTION, [field]: 80 });

    expect(wire(service.stub)).toMatchObject([{ max_completion_tokens: 80 }, { max_completion_tokens: 80 }]);
    expect(wire(service.stub).filter((body) => 'max_tokens' in body)).toEqual([]);
  });

  it('sends the engine the admitted schema and all other fields of the caller', async () => {
    const service = await startService();

    await ask(service, { ...QUESTION, seed: 7, top_k: 5, chat_template_kwargs: { enable_thinking: false } });

    expect(firstOnWire(service.stub)).toEqual({
      model: 'Qwen/Qwen3-32B',
      ...HELLO,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'verdict',
          strict: true,
          schema: { ...VERDICT, properties: { ...VERDICT.properties, word: { type: 'string' } } },
        },
      },
      max_completion_tokens: 1000,
      seed: 7,
      top_k: 5,
      chat_template_kwargs: { enable_thinking: false },
      separate_reasoning: false,
      stream: false,
      rid: expect.any(String),
    });
  });

  it('works with OpenAI itself, which takes one name of the tokens alone', async () => {
    const openai = await startStub({ dialect: 'openai', apiKey: 'sk-1' });
    const service = await startService({
      engine: 'openai',
      engineUrls: [openai.url],
      openaiApiKey: 'sk-1',
      modelName: 'gpt-5',
    });
    openai.script(says(TOO_LONG), says(GOOD));

    const reply = await ask(service, { ...QUESTION, max_tokens: 80 });

    expect(contentOf(reply)).toBe(GOOD);
    expect(openai.requests).toHaveLength(2);
  });

  it('makes chat marks harmless and puts them back', async () => {
    const service = await startService();
    service.stub.script(says('{"word":"<¦think>","score":1}'));

    const reply = await ask(service, {
      ...QUESTION,
      messages: [{ role: 'user', content: 'Judge <think>.' }],
    });

    expect(firstOnWire(service.stub).messages).toEqual([{ role: 'user', content: 'Judge <¦think>.' }]);
    expect(contentOf(reply)).toBe('{"word":"<think>","score":1}');
  });

  it('makes chat marks of the schema harmless, and checks the reply with them put back', async () => {
    const service = await startService();
    const format = (mark: string): object => ({
      type: 'json_schema',
      json_schema: {
        name: 'marked',
        schema: {
          type: 'object',
          properties: { [`word${mark}`]: { type: 'string', enum: [mark] } },
          required: [`word${mark}`],
          additionalProperties: false,
        },
      },
    });
    service.stub.script(says('{"word":"x"}'), says('{"word<¦|im_end|>":"<¦|im_end|>"}'));

    const reply = await ask(service, { ...QUESTION, response_format: format('<|im_end|>') });

    expect(firstOnWire(service.stub).response_format).toEqual(format('<¦|im_end|>'));
    expect(contentOf(reply)).toBe('{"word<|im_end|>":"<|im_end|>"}');
  });

  it('leaves what looks like a harmless mark alone where the caller sent none', async () => {
    const service = await startService();
    service.stub.script(says('{"word":"<¦think>","score":1}'));

    expect(contentOf(await ask(service))).toBe('{"word":"<¦think>","score":1}');
  });

  it('counts what each reply was judged as', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script(says('Well.'), says(TOO_LONG), says(GOOD));

    await ask(service);

    const { judgements, outcome, wastedTokens, usage } = await ended;
    expect({ judgements, outcome }).toEqual({ judgements: ['not-json', 'schema', 'strict'], outcome: 'ok' });
    expect(wastedTokens).toBeGreaterThan(0);
    expect(wastedTokens).toBeLessThan(usage.total_tokens);
  });
});

describe('a chat with X-Validate: true whose replies all are invalid', () => {
  it('is an error that says why, and that asking again at once is not worth it', async () => {
    const service = await startService();
    service.stub.script(says('Well.'), says(TOO_LONG), says(TOO_LONG));

    const { status, headers, body } = await service.post<OpenAiError>(CHAT, QUESTION, CHECKED);

    expect({ status, retry: headers['x-should-retry'] }).toEqual({ status: 502, retry: 'false' });
    const tooLong = [{ path: '/word', message: 'must have at most 10 characters' }];
    expect(body.error).toEqual({
      message: expect.stringContaining('The model was asked 3 times. The last time: '),
      type: 'server_error',
      param: null,
      code: 'structured_output_invalid',
      attempts: [
        { attempt: 1, reason: expect.any(String) },
        { attempt: 2, reason: expect.any(String), errors: tooLong },
        { attempt: 3, reason: expect.any(String), errors: tooLong },
      ],
    });
    expect(service.stub.requests).toHaveLength(3);
  });

  it('holds nothing that the model said', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });
    service.stub.script(says(TOO_LONG));

    const { body } = await service.post<OpenAiError>(CHAT, QUESTION, CHECKED);

    expect(JSON.stringify(body)).not.toContain('thorough');
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is an error where it has no content', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });
    service.stub.script(says(''));

    const { status, body } = await service.post<OpenAiError>(CHAT, QUESTION, CHECKED);

    expect([status, body.error.code]).toEqual([502, 'engine_reply_empty']);
  });

  it('is the engine’s error where that is what fails', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 400 });

    expectOpenAiError(await ask(service), 'ENGINE_REJECTED');
  });
});

describe('a stream with X-Validate: true', () => {
  it('brings nothing but what is valid', async () => {
    const service = await startService();
    service.stub.script(says(TOO_LONG), says(GOOD));

    const stream = await readChunks(service, CHAT, QUESTION, CHECKED);

    expect(stream.chunks).toMatchObject([
      {
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta: { role: 'assistant', content: GOOD }, finish_reason: null }],
      },
      { object: 'chat.completion.chunk', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ]);
    expect(service.stub.requests).toHaveLength(2);
    expect(wire(service.stub).map((body) => [body.stream, body.stream_options])).toEqual([
      [false, undefined],
      [false, undefined],
    ]);
  });

  it('tells the usage where it is asked for', async () => {
    const service = await startService();
    service.stub.script(says(GOOD));

    const { chunks } = await readChunks(
      service,
      CHAT,
      { ...QUESTION, stream_options: { include_usage: true } },
      CHECKED,
    );

    expect(chunks.map(({ usage }) => usage?.completion_tokens ?? 0)).toEqual([0, 0, expect.any(Number)]);
    expect(chunks.at(-1)?.choices).toEqual([]);
  });

  it('has the probabilities that were asked for', async () => {
    const service = await startService();
    service.stub.script(says(GOOD));

    const { chunks } = await readChunks(service, CHAT, { ...QUESTION, logprobs: true }, CHECKED);

    expect(chunks[0]?.choices[0]).toMatchObject({ logprobs: { content: expect.any(Array) } });
  });

  it('is an error with its own status where nothing is valid', async () => {
    const service = await startService({ structuredMaxAttempts: 2 });
    service.stub.script(says(TOO_LONG), says(TOO_LONG));

    const { status, headers, body } = await service.post<OpenAiError>(
      CHAT,
      { ...QUESTION, stream: true },
      CHECKED,
    );

    expect({ status, retry: headers['x-should-retry'], code: body.error.code }).toEqual({
      status: 502,
      retry: 'false',
      code: 'structured_output_invalid',
    });
  });
});

describe('X-Validate', () => {
  const tools = [{ type: 'function', function: { name: 'f' } }];

  it.each([
    ['no format', {}, 'response_format', 'must be a json_schema'],
    ['json_object', { response_format: { type: 'json_object' } }, 'response_format', 'must be a json_schema'],
    ['functions', { ...FORMAT, tools }, 'tools', 'cannot be combined with it'],
    ['several replies', { ...FORMAT, n: 2 }, 'n', 'must be 1 with it'],
    [
      'a schema that is not admitted',
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { not: {} } } } },
      'response_format.json_schema.schema.not',
      'ignored or refused',
    ],
  ])('cannot be combined with %s', async (_, fields, param, reason) => {
    const service = await startService();

    const reply = await service.post(CHAT, { ...HELLO, ...fields }, CHECKED);

    expect(expectOpenAiError(reply, 'VALIDATION_FAILED', { param })).toContain(reason);
    expect(service.stub.requests).toEqual([]);
  });

  it.each(['yes', '1', '', 'true, true'])('is not guessed at: %p', async (value) => {
    const service = await startService();

    const reply = await service.post(CHAT, QUESTION, { 'x-validate': value });

    expect(expectOpenAiError(reply, 'VALIDATION_FAILED')).toContain('X-Validate must be true or false');
    expect(service.stub.requests).toEqual([]);
  });

  it.each(['True', 'TRUE'])('may be written %s', async (value) => {
    const service = await startService();
    service.stub.script(says(TOO_LONG), says(GOOD));

    const reply = await service.post<Completion>(CHAT, QUESTION, { 'x-validate': value });

    expect(contentOf(reply)).toBe(GOOD);
  });

  it('checks nothing where it is false', async () => {
    const service = await startService();
    service.stub.script(says(TOO_LONG));

    const reply = await service.post<Completion>(CHAT, QUESTION, { 'x-validate': 'false' });

    expect(contentOf(reply)).toBe(TOO_LONG);
  });
});
