import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { CallFailed, LLMClient, type RequestResult } from '../src/client/index.js';
import { startOddServer } from './support/client.js';
import { startService, startStub } from './support/service.js';

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';

/** What a prompt server says to every prompt. */
const ANSWER = { model: 'm', choices: [{ text: 'Yes.', finish_reason: 'stop' }] };

function send(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Ends an answer in its middle. */
function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy());
}

/** A server whose only model is `m`, and which answers prompts as it is told. */
function startPromptServer(
  answer: (prompt: string, response: ServerResponse) => void | Promise<void>,
): Promise<string> {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === '/v1/models') {
      send(response, { data: [{ id: 'm' }] });
      return;
    }
    const { prompt } = (await json(request)) as { prompt: string };
    await answer(prompt, response);
  };
  return startOddServer((request, response) => void handle(request, response));
}

async function collect(results: AsyncIterable<RequestResult>): Promise<RequestResult[]> {
  const all: RequestResult[] = [];
  for await (const result of results) all.push(result);
  return all;
}

describe('one request', () => {
  it('is asked by /v1/completions and tells what its answer cost', async () => {
    const { url } = await startService();
    const client = new LLMClient({ baseUrl: url });
    const result = await client.generateSingle('Hello', { max_tokens: 5, temperature: 0.1 });
    expect(result).toMatchObject({
      index: 1,
      repeat: 1,
      id: null,
      prompt: 'Hello',
      success: true,
      response: expect.stringContaining('You') as unknown,
      error: null,
      error_code: null,
      completion_tokens: 5,
      finish_reason: 'length',
      call_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
      attempts: 1,
    });
    expect(result.total_tokens).toBe(Number(result.prompt_tokens) + 5);
    expect(result.latency_ms).toBeGreaterThan(0);
    await client.close();
  });

  it.each([
    ['chat', 'Hello', { chat: true }],
    ['a system prompt', { prompt: 'Hello', system: 'Be short.' }, {}],
    ['messages', { messages: [{ role: 'user' as const, content: 'Hello' }] }, {}],
  ])('with %s is asked by /v1/chat/completions', async (_, request, options) => {
    const stub = await startStub();
    const result = await new LLMClient({ baseUrl: stub.url }).generateSingle(request, options);
    expect(result).toMatchObject({ success: true, prompt: 'Hello' });
    expect(stub.requests.map(({ path }) => path)).toEqual([CHAT]);
  });

  it('goes out with its own settings before those of the batch', async () => {
    const stub = await startStub();
    const client = new LLMClient({ baseUrl: stub.url });
    await client.generateSingle({ prompt: 'Hi', temperature: 0.9 }, { temperature: 0.1, max_tokens: 7 });
    expect(stub.requests.map(({ path, body }) => ({ path, body }))).toEqual([
      {
        path: COMPLETIONS,
        body: { model: expect.any(String) as unknown, prompt: 'Hi', temperature: 0.9, max_tokens: 7 },
      },
    ]);
  });

  it('that names no model asks the first that the server lists, and looks only once', async () => {
    let looks = 0;
    const models: unknown[] = [];
    const url = await startOddServer((request, response) => {
      if (request.url === '/v1/models') {
        looks++;
        send(response, { data: [{ id: 'first' }, { id: 'second' }] });
        return;
      }
      void json(request).then((body) => {
        models.push((body as { model: unknown }).model);
        send(response, ANSWER);
      });
    });
    const client = new LLMClient({ baseUrl: url });
    await client.generateBatch(['a', 'b', 'c'], { concurrent: 3 });
    await client.generateSingle('d');
    expect({ looks, models }).toEqual({ looks: 1, models: ['first', 'first', 'first', 'first'] });
  });

  it('that names a model which is not there is told which are', async () => {
    const stub = await startStub();
    const message = 'The model `nope` does not exist.';
    stub.script({ kind: 'status', status: 404, body: { error: { message, code: 404, param: 'model' } } });
    const result = await new LLMClient({ baseUrl: stub.url }).generateSingle('Hi', { model: 'nope' });
    expect(result).toMatchObject({ success: false, error_code: 'MODEL_NOT_FOUND', response: null });
    expect(result.error).toContain('--model: Qwen/Qwen3-32B-stub.');
  });

  it('that is too long for the model says so', async () => {
    const { url } = await startService({}, { contextLength: 64 });
    const result = await new LLMClient({ baseUrl: url }).generateSingle('word '.repeat(200));
    expect(result.error_code).toBe('CONTEXT_TOO_LONG');
    expect(result.error).toContain('too long for the model');
  });

  it.each([
    ['refused', { content: null, refusal: 'I will not.' }, 'The model refused to answer: I will not.'],
    ['called a tool', { content: null, tool_calls: [{}] }, 'The model called a tool'],
    ['only thought', { content: '', reasoning_content: 'Hm.' }, 'spent all its tokens on thinking'],
    ['said nothing', { content: null }, 'has no text'],
  ])('is no success where the model %s', async (_, message, sentence) => {
    const url = await startPromptServer((__, response) => {
      send(response, { choices: [{ message, finish_reason: 'stop' }] });
    });
    const result = await new LLMClient({ baseUrl: url }).generateSingle('Hi', { chat: true });
    expect(result).toMatchObject({ success: false, response: null, error_code: 'no_answer' });
    expect(result.error).toContain(sentence);
  });

  it('without prompt and messages is refused before it goes out', async () => {
    const result = new LLMClient().generateSingle({ id: 'x' });
    await expect(result).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('A request asks nothing') as unknown,
    });
  });

  it.each([
    ['1,024 tokens of /v1/completions, whose own default cuts sentences', {}, 1024],
    ['what the server allows of a conversation', { chat: true }, undefined],
  ])('without a limit is asked for %s', async (_, options, limit) => {
    const stub = await startStub();
    await new LLMClient({ baseUrl: stub.url }).generateSingle('Hi', options);
    expect(stub.requests.map(({ body }) => (body as { max_tokens?: number }).max_tokens)).toEqual([limit]);
  });

  it('that is interrupted leaves the list of models to another that waits for it', async () => {
    const list = Promise.withResolvers<ServerResponse>();
    const url = await startOddServer((request, response) => {
      if (request.url === '/v1/models') list.resolve(response);
      else send(response, ANSWER);
    });
    const client = new LLMClient({ baseUrl: url });
    const stop = new AbortController();
    const left = client.generateSingle('a', { signal: stop.signal });
    const other = client.generateSingle('b');
    const response = await list.promise;
    stop.abort();
    const { error_code } = await left;
    send(response, { data: [{ id: 'm' }] });
    expect({ error_code, other: (await other).success }).toEqual({ error_code: 'interrupted', other: true });
  });

  it('that is interrupted ends a question for models that nobody else waits for', async () => {
    const stop = new AbortController();
    const left = Promise.withResolvers<undefined>();
    const url = await startOddServer((_, response) => {
      response.once('close', () => {
        left.resolve(undefined);
      });
      stop.abort();
    });
    await new LLMClient({ baseUrl: url }).generateSingle('Hi', { signal: stop.signal });
    await expect(left.promise).resolves.toBeUndefined();
  });

  it('is told of models that are there without what would steer a terminal', async () => {
    const url = await startOddServer((request, response) => {
      if (request.url === '/v1/models') send(response, { data: [{ id: 'a\u001b[2Jb' }] });
      else send(response, { error: { code: 'model_not_found', message: 'No.' } }, 404);
    });
    const { error } = await new LLMClient({ baseUrl: url }).generateSingle('Hi', { model: 'x' });
    expect(error).toContain('--model: a\\u001b[2Jb.');
  });
});

describe('many requests', () => {
  it('come back in the order of the prompts, whichever was answered first', async () => {
    const held = Promise.withResolvers<undefined>();
    const url = await startPromptServer(async (prompt, response) => {
      if (prompt === 'slow') await held.promise;
      else held.resolve(undefined);
      send(response, { choices: [{ text: prompt.toUpperCase() }] });
    });
    const client = new LLMClient({ baseUrl: url });
    const results = await client.generateBatch(['slow', 'fast'], { concurrent: 4, repeat: 2 });
    expect(results.map(({ index, repeat, response }) => [index, repeat, response])).toEqual([
      [1, 1, 'SLOW'],
      [1, 2, 'SLOW'],
      [2, 1, 'FAST'],
      [2, 2, 'FAST'],
    ]);
  });

  it('are yielded as they are answered', async () => {
    const held = Promise.withResolvers<undefined>();
    const url = await startPromptServer(async (prompt, response) => {
      if (prompt === 'slow') await held.promise;
      send(response, ANSWER);
    });
    const results = new LLMClient({ baseUrl: url }).generateEach(['slow', 'fast'], { concurrent: 2 });
    const first = await results.next();
    held.resolve(undefined);
    const second = await results.next();
    expect([first.value, second.value]).toMatchObject([{ prompt: 'fast' }, { prompt: 'slow' }]);
  });

  it('are numbered through where their source gives many at once', async () => {
    async function* source(): AsyncGenerator<string | string[]> {
      yield ['a', 'b'];
      yield [];
      yield await Promise.resolve('c');
    }
    const url = await startPromptServer((prompt, response) => {
      send(response, { choices: [{ text: prompt.toUpperCase() }] });
    });
    const seen: unknown[] = [];
    for await (const { index, repeat, response } of new LLMClient({ baseUrl: url }).generateEach(source(), {
      repeat: 2,
    }))
      seen.push([index, repeat, response]);
    expect(seen).toEqual([
      [1, 1, 'A'],
      [1, 2, 'A'],
      [2, 1, 'B'],
      [2, 2, 'B'],
      [3, 1, 'C'],
      [3, 2, 'C'],
    ]);
  });

  it('are taken only as fast as they are answered', async () => {
    let taken = 0;
    function* endless(): Generator<string> {
      for (;;) yield `prompt ${++taken}`;
    }
    const url = await startPromptServer((_, response) => {
      send(response, ANSWER);
    });
    let seen = 0;
    let most = 0;
    for await (const _ of new LLMClient({ baseUrl: url }).generateEach(endless(), { concurrent: 4 })) {
      most = Math.max(most, taken - seen);
      if (++seen === 200) break;
    }
    expect(most).toBeLessThanOrEqual(2 * 4 + 1);
  });

  it('are not taken while nobody takes their results', async () => {
    let taken = 0;
    function* endless(): Generator<string> {
      for (;;) yield `prompt ${++taken}`;
    }
    const url = await startPromptServer((_, response) => {
      send(response, ANSWER);
    });
    const results = new LLMClient({ baseUrl: url }).generateEach(endless(), { concurrent: 4 });
    await results.next();
    // In the time of these the run would ask hundreds more.
    const other = new LLMClient({ baseUrl: url });
    for (let turn = 0; turn < 100; turn++) await other.generateSingle('Hi');
    expect(taken).toBeLessThanOrEqual(1 + 2 * 4 + 1);
    await results.return();
  });

  it('end with the loop that leaves them', async () => {
    const aborted = Promise.withResolvers<undefined>();
    const url = await startPromptServer((prompt, response) => {
      if (prompt === 'answered') send(response, ANSWER);
      else
        response.once('close', () => {
          aborted.resolve(undefined);
        });
    });
    const prompts = ['answered', 'never', 'never'];
    for await (const _ of new LLMClient({ baseUrl: url }).generateEach(prompts, { concurrent: 2 })) break;
    await expect(aborted.promise).resolves.toBeUndefined();
  });

  it('that are interrupted give no results, and those answered before stay', async () => {
    const stop = new AbortController();
    const url = await startPromptServer((prompt, response) => {
      if (prompt === 'answered') send(response, ANSWER);
    });
    const client = new LLMClient({ baseUrl: url });
    const seen: string[] = [];
    for await (const { prompt } of client.generateEach(['answered', 'never', 'never'], {
      concurrent: 2,
      signal: stop.signal,
    })) {
      seen.push(prompt);
      stop.abort();
    }
    expect(seen).toEqual(['answered']);
  });

  it('end when they are interrupted while their source is silent', async () => {
    const stop = new AbortController();
    const url = await startPromptServer((_, response) => {
      send(response, ANSWER);
    });
    async function* silent(): AsyncGenerator<string> {
      yield 'only';
      await new Promise(() => undefined);
    }
    const client = new LLMClient({ baseUrl: url });
    const seen: string[] = [];
    for await (const { prompt } of client.generateEach(silent(), { signal: stop.signal })) {
      seen.push(prompt);
      stop.abort();
    }
    expect(seen).toEqual(['only']);
  });

  it('end with the fault of their source once what was asked is answered', async () => {
    const url = await startPromptServer((_, response) => {
      send(response, ANSWER);
    });
    function* broken(): Generator<string> {
      yield 'a';
      yield 'b';
      throw new Error('line 3 is broken');
    }
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      for await (const { prompt } of new LLMClient({ baseUrl: url }).generateEach(broken()))
        seen.push(prompt);
    };
    await expect(run()).rejects.toThrow('line 3 is broken');
    expect(seen).toEqual(['a', 'b']);
  });

  it('stop where the server is gone for good, and have no results of calls that reached nobody', async () => {
    let answers = 0;
    const url = await startPromptServer((_, response) => {
      if (++answers <= 3) send(response, ANSWER);
      else breakOff(response);
    });
    const seen: string[] = [];
    const run = async (): Promise<void> => {
      const client = new LLMClient({ baseUrl: url, retries: 0 });
      const prompts = Array.from({ length: 100 }, (_, index) => `prompt ${index + 1}`);
      for await (const { prompt } of client.generateEach(prompts)) seen.push(prompt);
    };
    await expect(run()).rejects.toMatchObject({ kind: 'unreachable' });
    expect(seen).toEqual(['prompt 1', 'prompt 2', 'prompt 3']);
    expect(answers).toBe(3 + 10);
  });

  it('stop where the server is gone while the first of them has no answer, however near the others may be', async () => {
    let slow: ServerResponse | undefined;
    let answers = 0;
    const url = await startPromptServer((prompt, response) => {
      if (prompt === 'prompt 1') slow = response;
      else if (++answers < 15) send(response, ANSWER);
      else {
        slow?.destroy();
        breakOff(response);
      }
    });
    const client = new LLMClient({ baseUrl: url, retries: 0 });
    const prompts = Array.from({ length: 100 }, (_, index) => `prompt ${index + 1}`);
    const run = collect(client.generateEach(prompts, { concurrent: 2, ahead: 20 }));
    await expect(run).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it('wait for the oldest without an answer when they are too far ahead of it', async () => {
    const asked: string[] = [];
    let slow: ServerResponse | undefined;
    const url = await startPromptServer((prompt, response) => {
      asked.push(prompt);
      if (prompt === '1') slow = response;
      else send(response, ANSWER);
    });
    const client = new LLMClient({ baseUrl: url });
    const prompts = Array.from({ length: 30 }, (_, index) => `${index + 1}`);
    const seen: string[] = [];
    for await (const { prompt } of client.generateEach(prompts, { concurrent: 4, ahead: 10 })) {
      seen.push(prompt);
      if (seen.length !== 9) continue;
      expect(asked.toSorted()).toEqual(prompts.slice(0, 10).toSorted());
      if (slow) send(slow, ANSWER);
    }
    expect(seen.slice(0, 10).at(-1)).toBe('1');
    expect(seen).toHaveLength(30);
  });

  it('keep as a batch what was answered before the server was gone', async () => {
    let answers = 0;
    const url = await startPromptServer((_, response) => {
      if (++answers <= 3) send(response, ANSWER);
      else breakOff(response);
    });
    const client = new LLMClient({ baseUrl: url, retries: 0 });
    const prompts = Array.from({ length: 20 }, (_, index) => `prompt ${index + 1}`);
    await expect(client.generateBatch(prompts)).rejects.toMatchObject({
      kind: 'unreachable',
      facts: { answered: [{ prompt: 'prompt 1' }, { prompt: 'prompt 2' }, { prompt: 'prompt 3' }] },
    });
  });

  it('go on where the server was away for a moment, and tell which calls it cost', async () => {
    let calls = 0;
    const url = await startPromptServer((_, response) => {
      if (++calls % 3 === 0) breakOff(response);
      else send(response, ANSWER);
    });
    const client = new LLMClient({ baseUrl: url, retries: 0 });
    const prompts = Array.from({ length: 30 }, (_, index) => `${index}`);
    const results = await collect(client.generateEach(prompts));
    expect(results.filter(({ error_code }) => error_code === 'unreachable')).toHaveLength(10);
    expect(results).toHaveLength(30);
  });

  it('are interrupted as a batch by an error', async () => {
    const url = await startPromptServer(() => undefined);
    const stop = new AbortController();
    const batch = new LLMClient({ baseUrl: url }).generateBatch(['a'], { signal: stop.signal });
    stop.abort();
    await expect(batch).rejects.toBeInstanceOf(CallFailed);
  });
});
