import { describe, expect, it } from '@jest/globals';
import type { Fault } from '../src/engine/stub/faults.js';
import type { StubOptions, StubServer } from '../src/engine/stub/stub-server.js';
import {
  abort,
  ask,
  askStream,
  COMPLETIONS,
  normalize,
  post,
  readBroken,
  spoken,
  startStub,
} from './stub-support.js';

const USAGE = { include_usage: true };

/** A stub that gives these answers. */
async function scripted(faults: Fault[], options: Partial<StubOptions> = {}): Promise<StubServer> {
  const stub = await startStub(options);
  stub.script(...faults);
  return stub;
}

/** The texts of a whole reply's choices. */
async function texts(stub: StubServer, body: object): Promise<string[]> {
  const { text } = await ask(stub, body, COMPLETIONS);
  return (JSON.parse(text) as { choices: { text: string }[] }).choices.map((choice) => choice.text);
}

describe('a whole text completion', () => {
  it("has SGLang's keys in SGLang's order", async () => {
    const stub = await scripted([{ kind: 'reply', content: ' there was' }]);
    const { status, text } = await ask(stub, {}, COMPLETIONS);
    expect(status).toBe(200);
    expect(normalize(text)).toBe(
      '{"id":"ID","object":"text_completion","created":0,"model":"qwen-stub","choices":[{"index":0,' +
        '"text":" there was","logprobs":null,"finish_reason":"stop","matched_stop":151645}],' +
        '"usage":{"prompt_tokens":4,"total_tokens":8,"completion_tokens":4,"prompt_tokens_details":null,' +
        '"reasoning_tokens":0,"completion_tokens_details":null},' +
        '"metadata":{"weight_version":"default","weight_versions":[{"version":"default","start":0,"end":4}]}}',
    );
  });

  it('goes on in words of its own, the same each time, and ends after 16 tokens', async () => {
    const stub = await startStub();
    const [first, second] = [
      await ask(stub, { seed: 1, temperature: 0.7 }, COMPLETIONS),
      await ask(stub, { seed: 2, temperature: 0 }, COMPLETIONS),
    ];
    expect(normalize(first.text)).toBe(normalize(second.text));
    expect(JSON.parse(first.text)).toMatchObject({
      choices: [{ text: expect.stringContaining('Once upon a time'), finish_reason: 'length' }],
      usage: { completion_tokens: 16 },
    });
  });

  it('has a choice for each prompt, in their order', async () => {
    const stub = await startStub();
    const said = await texts(stub, { prompt: ['One', 'Two', 'Three'], max_tokens: 100 });
    expect(said).toEqual([
      expect.stringContaining('“One”'),
      expect.stringContaining('“Two”'),
      expect.stringContaining('“Three”'),
    ]);
  });

  it('has n choices for each prompt and counts each prompt once', async () => {
    const stub = await startStub();
    const body = { prompt: ['One', 'Two'], n: 2, max_tokens: 100 };
    const { text } = await ask(stub, body, COMPLETIONS);
    const { choices, usage } = JSON.parse(text) as {
      choices: { index: number; text: string }[];
      usage: { prompt_tokens: number };
    };
    expect(choices.map((choice) => choice.index)).toEqual([0, 1, 2, 3]);
    expect(choices.map((choice) => /“(\w+)”/.exec(choice.text)?.[1])).toEqual(['One', 'One', 'Two', 'Two']);
    expect(new Set(choices.map((choice) => choice.text)).size).toBe(4);
    expect(usage.prompt_tokens).toBe(2);
  });

  it('is cut by max_tokens and by stop strings', async () => {
    const stub = await scripted([
      { kind: 'reply', content: 'one two three' },
      { kind: 'reply', content: 'one two three' },
    ]);
    expect(JSON.parse((await ask(stub, { max_tokens: 1 }, COMPLETIONS)).text)).toMatchObject({
      choices: [{ text: 'one ', finish_reason: 'length', matched_stop: null }],
    });
    expect(JSON.parse((await ask(stub, { stop: ' three' }, COMPLETIONS)).text)).toMatchObject({
      choices: [{ text: 'one two', finish_reason: 'stop', matched_stop: ' three' }],
    });
  });

  it('begins with its prompt when asked', async () => {
    const stub = await scripted([{ kind: 'reply', content: ' more' }]);
    expect(await texts(stub, { prompt: ['One', 'Two'], echo: true })).toEqual(['One more', 'Two more']);
  });

  it('is JSON when a schema is given', async () => {
    const schema = { type: 'object', properties: { a: { enum: ['b'] } } };
    const response_format = { type: 'json_schema', json_schema: { name: 't', schema } };
    expect(await texts(await startStub(), { response_format })).toEqual(['{"a": "b"}']);
  });

  it('tells how likely its tokens were, without offsets', async () => {
    const stub = await scripted([{ kind: 'reply', content: 'one two' }]);
    const { text } = await ask(stub, { logprobs: 1, max_tokens: 2 }, COMPLETIONS);
    expect(JSON.parse(text)).toMatchObject({
      choices: [
        {
          logprobs: {
            text_offset: [-1, -1],
            token_logprobs: [expect.any(Number), expect.any(Number)],
            tokens: ['one ', 'two'],
            top_logprobs: [{ 'one ': expect.any(Number) }, { two: expect.any(Number) }],
          },
        },
      ],
    });
  });
});

describe('a streamed text completion', () => {
  const head = '{"id":"ID","object":"text_completion","created":0,"model":"qwen-stub"';
  const choice = (text: string, finish = 'null', stop = 'null') =>
    `"choices":[{"index":0,"text":"${text}","logprobs":null,"finish_reason":${finish},"matched_stop":${stop}}]`;

  it("has SGLang's events, ended by a token of its own", async () => {
    const stub = await scripted([{ kind: 'reply', content: 'Hi there' }]);
    const events = await askStream(stub, {}, COMPLETIONS);
    expect(events.map(normalize)).toEqual([
      `${head},${choice('Hi t')},"usage":null}`,
      `${head},${choice('here')},"usage":null}`,
      `${head},${choice('', '"stop"', '151645')},"usage":null}`,
      '[DONE]',
    ]);
  });

  it('is ended by max_tokens in the event of its last token', async () => {
    const stub = await scripted([{ kind: 'reply', content: 'Hi there' }]);
    const events = await askStream(stub, { max_tokens: 2 }, COMPLETIONS);
    expect(events.slice(1).map(normalize)).toEqual([
      `${head},${choice('here', '"length"')},"usage":null}`,
      '[DONE]',
    ]);
  });

  it('closes with a usage that leaves out what is null', async () => {
    const stub = await scripted([{ kind: 'reply', content: 'Hi' }]);
    const events = await askStream(stub, { stream_options: USAGE }, COMPLETIONS);
    expect(normalize(events.at(-2) ?? '')).toBe(
      `${head},"choices":[],"usage":{"prompt_tokens":4,"total_tokens":6,"completion_tokens":2,"reasoning_tokens":0}}`,
    );
  });

  it('tells the usage with every token when asked', async () => {
    const stub = await scripted([{ kind: 'reply', content: 'Hi there' }]);
    const options = { continuous_usage_stats: true };
    const events = await askStream(stub, { stream_options: options }, COMPLETIONS);
    expect(events.map((event) => /"completion_tokens":(\d)/.exec(event)?.[1])).toEqual([
      '1',
      '2',
      '3',
      undefined,
    ]);
  });

  it('interleaves its choices, each with an id and an end of its own', async () => {
    const stub = await scripted([{ kind: 'reply', choices: [{ content: 'Hi there' }, { content: 'Yo' }] }]);
    const events = await askStream(stub, { n: 2, stream_options: USAGE }, COMPLETIONS);
    const chunks = events.slice(0, -2).map((event) => JSON.parse(event) as Chunk);
    expect(chunks.map(({ choices: [one] }) => [one?.index, one?.text, one?.finish_reason])).toEqual([
      [0, 'Hi t', null],
      [1, 'Yo', null],
      [0, 'here', null],
      [0, '', 'stop'],
      [1, '', 'stop'],
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(2);
    expect(events.at(-2)).toContain('"completion_tokens":5');
  });

  it('begins with its prompt when asked, in the event of the first token', async () => {
    const stub = await scripted([
      { kind: 'reply', content: 'Hi there' },
      { kind: 'reply', content: '' },
    ]);
    const body = { prompt: 'Oh, ', echo: true };
    expect(spoken((await askStream(stub, body, COMPLETIONS)).join('\n'))).toBe('Oh, Hi there');
    expect(spoken((await askStream(stub, body, COMPLETIONS)).join('\n'))).toBe('Oh, ');
  });

  it('tells how likely its end was', async () => {
    const stub = await scripted([{ kind: 'reply', content: 'Hi' }]);
    const events = await askStream(stub, { logprobs: 0 }, COMPLETIONS);
    expect(events[1]).toContain('"tokens":["<|im_end|>"],"top_logprobs":[]},"finish_reason":"stop"');
  });
});

interface Chunk {
  id: string;
  choices: { index: number; text: string; finish_reason: string | null }[];
}

describe('the refusal of a text completion', () => {
  it.each([
    [{ prompt: '' }, 'Prompt cannot be empty'],
    [{ prompt: [] }, 'Prompt cannot be empty'],
    [{ prompt: ['One', ''] }, 'Prompt cannot be empty'],
    [{ temperature: -1 }, 'temperature must be a non-negative finite number, got -1.0.'],
    [
      { max_tokens: 40_000 },
      expect.stringContaining('You requested a total of 40004 tokens: 4 tokens from the input'),
    ],
    [{ prompt: ['a', 'b'], rid: ['a'] }, expect.stringContaining('rids length mismatch')],
  ])('is in the words of SGLang: %j', async (body, message) => {
    const { status, text } = await ask(await startStub(), body, COMPLETIONS);
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { object: 'error', message, type: 'BadRequestError', param: null, code: 400 },
    ]);
  });

  it.each([
    [{ prompt: undefined }, "'loc': ('body', 'prompt'), 'msg': 'Field required'"],
    [{ prompt: [1, 2] }, "'loc': ('body', 'prompt')"],
    [{ prompt: '\ud800' }, "'loc': ('body', 'prompt')"],
    [{ max_tokens: null }, "'msg': 'Input should be a valid integer', 'input': null"],
    [{ max_tokens: 0 }, "'msg': 'Value error, max_tokens must be positive', 'input': 0"],
  ])('of a malformed field names the place in the server: %j', async (body, excerpt) => {
    const { status, text } = await ask(await startStub(), body, COMPLETIONS);
    const { message } = JSON.parse(text) as { message: string };
    expect(status).toBe(400);
    expect(message).toContain(excerpt);
    expect(message).toContain('line 1860, in openai_v1_completions\n    POST /v1/completions [');
  });

  it('by the scheduler comes as an event inside a 200', async () => {
    const response_format = { type: 'json_schema', json_schema: { name: 't', schema: { type: 'banana' } } };
    expect(await askStream(await startStub(), { response_format }, COMPLETIONS)).toEqual([
      expect.stringMatching(/^\{"error": \{"object": "error", "message": "Failed to compile json grammar/),
      '[DONE]',
    ]);
  });

  it('meets a wrong key', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    expect((await ask(stub, {}, COMPLETIONS)).status).toBe(401);
  });
});

describe('the abort of a text completion', () => {
  it('ends it by its rid', async () => {
    const stub = await startStub({ tokenDelayMs: 3_600_000 });
    const reply = ask(stub, { rid: 'mine' }, COMPLETIONS);
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { rid: 'mine' });
    expect(JSON.parse((await reply).text)).toMatchObject({
      id: 'mine',
      choices: [{ text: '', finish_reason: 'abort', matched_stop: null }],
    });
  });

  it('ends the choice of one prompt alone', async () => {
    const stub = await scripted([{ kind: 'endless', text: 'on and ', tokenDelayMs: 1 }]);
    const body = { prompt: ['a', 'b'], rid: 'mine', max_tokens: 200 };
    const reply = ask(stub, body, COMPLETIONS);
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { rid: 'mine' });
    await abort(stub, { rid: 'mine_1' });
    expect(JSON.parse((await reply).text)).toMatchObject({
      id: 'mine_0',
      choices: [{ finish_reason: 'length' }, { finish_reason: 'abort' }],
    });
  });

  it('ends all that are left when each prompt was aborted', async () => {
    const stub = await startStub({ tokenDelayMs: 3_600_000 });
    const events = askStream(stub, { prompt: ['a', 'b'], rid: ['m', 'n'] }, COMPLETIONS);
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { rid: 'm' });
    await abort(stub, { rid: 'n' });
    expect(await events).toEqual([
      expect.stringMatching(/"id":"m".*"finish_reason":"abort"/),
      expect.stringMatching(/"id":"n".*"finish_reason":"abort"/),
      '[DONE]',
    ]);
  });
});

describe('a fault of a text completion', () => {
  it('is taken from the same script as those of chat, and the request is remembered', async () => {
    const stub = await scripted([
      { kind: 'status', status: 503 },
      { kind: 'reply', content: 'chat' },
    ]);
    expect((await ask(stub, {}, COMPLETIONS)).status).toBe(503);
    expect((await ask(stub)).text).toContain('"content":"chat"');
    expect(stub.requests.map(({ path }) => path)).toEqual(['/v1/completions', '/v1/chat/completions']);
  });

  it.each(['half', 'tokens'] as const)('breaks a stream off after the %s', async (after) => {
    const stub = await scripted([{ kind: 'reset', after, content: 'one two three four' }]);
    const { text, error } = await readBroken(stub, { stream: true }, COMPLETIONS);
    expect(spoken(text)).toBe(after === 'half' ? 'one two thre' : 'one two three four');
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('cuts the finish out of a stream', async () => {
    const stub = await scripted([{ kind: 'cut', missing: 'finish', content: 'Hi' }]);
    const events = await askStream(stub, {}, COMPLETIONS);
    expect(spoken(events.join('\n'))).toBe('Hi');
    expect(events.join('\n')).not.toContain('"stop"');
    expect(events.at(-1)).toBe('[DONE]');
  });

  it.each([true, false])('can be a huge reply (stream: %p)', async (stream) => {
    const stub = await scripted([{ kind: 'huge', bytes: 50_000 }]);
    const { text } = await ask(stub, { stream }, COMPLETIONS);
    expect(spoken(text).length).toBeGreaterThan(stream ? 10_000 : 49_999);
    expect(text).toContain('"finish_reason":"stop"');
  });

  it('can be a silence that ends when the client leaves', async () => {
    const stub = await scripted([{ kind: 'stall', after: 'role' }]);
    const leaving = new AbortController();
    const response = await post(stub, { stream: true }, { path: COMPLETIONS, signal: leaving.signal });
    leaving.abort();
    await expect(response.body.text()).rejects.toThrow('aborted');
    await stub.waitFor(() => stub.running === 0);
    expect(stub.requests).toMatchObject([{ clientLeft: true }]);
  });
});
