import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { ScriptedReply } from '../src/engine/stub/scripted-reply.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import { abort, ask, askStream, COMPLETIONS, normalize, post, startStub } from './stub-support.js';

interface Chunk {
  id: string;
  choices: {
    index: number;
    delta: { role?: string; content?: string };
    finish_reason: string | null;
    logprobs: { content: { token: string }[] } | null;
  }[];
}

async function scripted(reply: ScriptedReply): Promise<StubServer> {
  const stub = await startStub();
  stub.script({ kind: 'reply', ...reply });
  return stub;
}

async function chunks(stub: StubServer, body: object): Promise<Chunk[]> {
  const events = await askStream(stub, body);
  return events.slice(0, -1).map((event) => JSON.parse(event) as Chunk);
}

/** What the gauge of running requests says. */
async function gauge(stub: StubServer): Promise<string> {
  return (await request(`${stub.url}/metrics`)).body.text();
}

describe('several choices', () => {
  it('come under one id in a whole reply, and the prompt counts once', async () => {
    const stub = await scripted({ choices: [{ content: 'Hi' }, { content: 'Yo', finishReason: 'length' }] });
    const { text } = await ask(stub, { n: 2 });
    expect(JSON.parse(text)).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      choices: [
        { index: 0, message: { content: 'Hi' }, finish_reason: 'stop', matched_stop: 151645 },
        { index: 1, message: { content: 'Yo' }, finish_reason: 'length', matched_stop: null },
      ],
      usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
    });
  });

  it('differ in the words of the stub', async () => {
    const { text } = await ask(await startStub(), { n: 3 });
    const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] };
    expect(new Set(choices.map(({ message }) => message.content)).size).toBe(3);
  });

  it('are interleaved in a stream, each under its own id, their ends under that of the last', async () => {
    const stub = await scripted({ choices: [{ content: 'Hi' }, { content: 'Yo there' }] });
    const events = await chunks(stub, { n: 2, stream_options: { include_usage: true } });
    expect(
      events.slice(0, -1).map(({ choices: [one] }) => [one?.index, one?.delta.content, one?.finish_reason]),
    ).toEqual([
      [0, '', null],
      [0, 'Hi', null],
      [1, '', null],
      [1, 'Yo t', null],
      [1, 'here', null],
      [0, undefined, 'stop'],
      [1, undefined, 'stop'],
    ]);
    const ids = events.map(({ id }) => id);
    const [first, last] = [ids[0], ids[2]];
    expect(first).not.toBe(last);
    expect(ids).toEqual([first, first, last, last, last, last, last, last]);
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } });
  });

  it('are counted one by one where usage comes with every token', async () => {
    const stub = await scripted({ choices: [{ content: 'Hi' }, { content: 'Yo there' }] });
    const events = await askStream(stub, { n: 2, stream_options: { continuous_usage_stats: true } });
    const counts = events.map((event) => /"completion_tokens":(\d)/.exec(event)?.[1]);
    expect(counts.filter((count) => count !== undefined)).toEqual(['1', '1', '2']);
  });

  it('lose the rid of their request, so that it aborts nothing', async () => {
    const stub = await startStub();
    stub.script({ kind: 'endless', text: 'on and ', tokenDelayMs: 1 });
    const reply = ask(stub, { n: 2, rid: 'mine', max_tokens: 50 });
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { rid: 'mine' });
    const { text } = await reply;
    expect(text).not.toContain('"id":"mine"');
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ finish_reason: 'length' }, { finish_reason: 'length' }],
    });
  });

  it('are aborted all at once with everything else', async () => {
    const stub = await startStub({ tokenDelayMs: 3_600_000 });
    const reply = ask(stub, { n: 2 });
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { abort_all: true });
    expect(JSON.parse((await reply).text)).toMatchObject({
      choices: [{ finish_reason: 'abort' }, { finish_reason: 'abort' }],
    });
  });
});

describe('the gauge of running requests', () => {
  it('counts every choice of chats and of completions', async () => {
    const stub = await startStub({ tokenDelayMs: 3_600_000 });
    const replies = [ask(stub, { n: 2 }), ask(stub, { prompt: ['a', 'b'], n: 2 }, COMPLETIONS)];
    await stub.waitFor(() => stub.running === 2);
    expect(await gauge(stub)).toBe('sglang:num_running_reqs 6.0\n');
    await abort(stub, { abort_all: true });
    await Promise.all(replies);
    await stub.waitFor(() => stub.running === 0);
    expect(await gauge(stub)).toBe('sglang:num_running_reqs 0.0\n');
  });

  it('forgets a frozen request whose client left', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'headers' });
    const leaving = new AbortController();
    const { body } = await post(stub, {}, { path: COMPLETIONS, signal: leaving.signal });
    expect(await gauge(stub)).toBe('sglang:num_running_reqs 1.0\n');
    leaving.abort();
    await expect(body.text()).rejects.toThrow('aborted');
    await stub.waitFor(() => stub.running === 0);
    expect(await gauge(stub)).toBe('sglang:num_running_reqs 0.0\n');
  });
});

describe('the likelihood of tokens', () => {
  it("comes in SGLang's shape, with the end token", async () => {
    const stub = await scripted({ content: '가' });
    const { text } = await ask(stub, { logprobs: true });
    expect(text.replaceAll(/-0\.\d+/g, '-0.5')).toContain(
      '"logprobs":{"content":[{"token":"가","bytes":[234,176,128],"logprob":-0.5,"top_logprobs":[]},' +
        '{"token":"<|im_end|>","bytes":[60,124,105,109,95,101,110,100,124,62],"logprob":0,"top_logprobs":[]}]}',
    );
  });

  it('lists as many other tokens as asked, the likeliest first', async () => {
    const stub = await scripted({ content: 'Hi' });
    const { text } = await ask(stub, { logprobs: true, top_logprobs: 3, max_tokens: 1 });
    const { choices } = JSON.parse(text) as {
      choices: [{ logprobs: { content: [{ logprob: number; top_logprobs: Entry[] }] } }];
    };
    const [{ logprob, top_logprobs: top }] = choices[0].logprobs.content;
    expect(top).toHaveLength(3);
    expect(top[0]).toEqual({ token: 'Hi', bytes: [72, 105], logprob });
    expect(top.map((entry) => entry.logprob).toSorted((a, b) => b - a)).toEqual(
      top.map((entry) => entry.logprob),
    );
  });

  it('comes with each token of a stream, and with the end token before the end', async () => {
    const events = await chunks(await scripted({ content: 'Hi there' }), { logprobs: true });
    expect(events.map(({ choices: [one] }) => one?.logprobs?.content.map(({ token }) => token))).toEqual([
      undefined,
      ['Hi t'],
      ['here'],
      ['<|im_end|>'],
      undefined,
    ]);
    expect(events[3]?.choices[0]).toMatchObject({ delta: { reasoning_content: null }, finish_reason: null });
  });

  it('is the same for the same token', async () => {
    const stub = await startStub();
    const body = { logprobs: true, top_logprobs: 2 };
    expect(normalize((await ask(stub, body)).text)).toBe(normalize((await ask(stub, body)).text));
  });

  it('is not told when only the number of others is', async () => {
    expect((await ask(await startStub(), { top_logprobs: 2 })).text).toContain('"logprobs":null');
  });
});

interface Entry {
  token: string;
  bytes: number[];
  logprob: number;
}

describe('fields that change nothing', () => {
  it('are taken', async () => {
    const { status, text } = await ask(await startStub(), {
      reasoning_effort: 'low',
      user: 'u1',
      store: true,
      metadata: { a: 'b' },
      service_tier: 'auto',
      parallel_tool_calls: false,
      presence_penalty: 0.1,
      frequency_penalty: 0.1,
      logit_bias: {},
      seed: 1,
      tools: [],
      max_tokens: 9,
      max_completion_tokens: 2,
    });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ usage: { prompt_tokens: 10, completion_tokens: 2 } });
  });
});
