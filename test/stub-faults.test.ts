import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Fault } from '../src/engine/stub/faults.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import { ask, askStream, post, readBroken, spoken, startStub } from './stub-support.js';

const TEXT = 'one two three four';

async function scripted(...faults: Fault[]): Promise<StubServer> {
  const stub = await startStub();
  stub.script(...faults);
  return stub;
}

describe('the script', () => {
  it('is played in order, one fault for each request, and then replies are ordinary', async () => {
    const stub = await scripted({ kind: 'status', status: 503 }, { kind: 'reply', content: 'two' });
    const statuses = [(await ask(stub)).status, (await ask(stub)).text, (await ask(stub)).status];
    expect(statuses).toEqual([503, expect.stringContaining('"content":"two"'), 200]);
  });
});

describe('a scripted reply', () => {
  it('says what the test wants, whole', async () => {
    const stub = await scripted({
      kind: 'reply',
      content: null,
      reasoning: 'Hm',
      finishReason: 'length',
      promptTokens: 7,
    });
    expect(JSON.parse((await ask(stub)).text)).toMatchObject({
      choices: [
        { message: { content: null, reasoning_content: 'Hm' }, finish_reason: 'length', matched_stop: null },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 1 },
    });
  });

  it('says what the test wants, streamed', async () => {
    const stub = await scripted({ kind: 'reply', content: 'x', matchedStop: 'y' });
    expect((await askStream(stub)).at(-2)).toContain('"finish_reason":"stop","matched_stop":"y"');
  });

  it.each([false, true])('may have no choices (stream: %p)', async (stream) => {
    const stub = await scripted({ kind: 'reply', choices: 'empty' });
    const { text } = await ask(stub, { stream });
    expect(text).toContain('"choices":[]');
    expect(text).not.toContain('"choices":[{');
  });
});

describe('a scripted status', () => {
  it("has SGLang's error body by default", async () => {
    const stub = await scripted({ kind: 'status', status: 503 });
    expect(await ask(stub)).toEqual({
      status: 503,
      text: '{"object":"error","message":"The request queue is full.","type":"503","param":null,"code":503}',
    });
  });

  it('may have any headers and any body', async () => {
    const stub = await scripted({
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '7' },
      body: 'Slow down',
    });
    const response = await post(stub);
    expect(response.headers['retry-after']).toBe('7');
    expect(await response.body.text()).toBe('Slow down');
  });

  it('can be a web page', async () => {
    const response = await post(await scripted({ kind: 'html' }));
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'text/html']);
    expect(await response.body.text()).toMatch(/^<!doctype html>/);
  });

  it('can be a redirection', async () => {
    const response = await post(await scripted({ kind: 'redirect', location: 'http://elsewhere/' }));
    expect([response.statusCode, response.headers.location]).toEqual([307, 'http://elsewhere/']);
  });
});

describe('an error inside a 200', () => {
  it('is the body of a whole reply', async () => {
    const stub = await scripted({ kind: 'engine-error', message: 'boom' });
    expect(await ask(stub)).toEqual({
      status: 200,
      text: '{"object":"error","message":"boom","type":"InternalServerError","param":null,"code":500}',
    });
  });

  it("is a stream's first event, written by another hand than the rest", async () => {
    const stub = await scripted({ kind: 'engine-error', code: 503 });
    expect(await askStream(stub)).toEqual([
      '{"error": {"object": "error", "message": "The request queue is full.", "type": "SERVICE_UNAVAILABLE", "param": null, "code": 503}}',
      '[DONE]',
    ]);
  });

  it('can come after some tokens of a stream', async () => {
    const stub = await scripted({ kind: 'engine-error', content: TEXT, afterTokens: 2 });
    const events = await askStream(stub);
    expect(spoken(events.join('\n'))).toBe('one two ');
    expect(events.slice(-2)).toEqual([expect.stringContaining('INTERNAL_SERVER_ERROR'), '[DONE]']);
  });
});

describe('a reply that breaks off', () => {
  it.each([
    ['reset', { code: 'ECONNRESET' }],
    ['hang-up', { code: 'UND_ERR_SOCKET' }],
  ] as const)('by a %s shows up as such in the client', async (kind, expected) => {
    for (const after of ['request', 'headers', 'half'] as const) {
      const { error } = await readBroken(await scripted({ kind, after }), {});
      expect(error).toMatchObject(expected);
    }
  });

  it.each([
    ['role', ''],
    ['half', 'one two thre'],
    ['tokens', TEXT],
  ] as const)('after the %s of a stream has sent exactly that', async (after, text) => {
    const { text: sent, error } = await readBroken(
      await scripted({ kind: 'hang-up', after, content: TEXT }),
      {
        stream: true,
      },
    );
    expect(spoken(sent)).toBe(text);
    expect(sent).toContain('"role":"assistant"');
    expect(sent).not.toContain('finish_reason":"stop"');
    expect(error).toBeDefined();
  });

  it('has sent all that came before a reset', async () => {
    const { text, error } = await readBroken(
      await scripted({ kind: 'reset', after: 'tokens', content: TEXT }),
      {
        stream: true,
      },
    );
    expect(spoken(text)).toBe(TEXT);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });

  it('is not taken for a client that left', async () => {
    const stub = await scripted({ kind: 'reset', after: 'headers' });
    await readBroken(stub, {});
    await stub.waitFor(() => stub.running === 0);
    expect(stub.requests).toMatchObject([{ clientLeft: false }]);
  });
});

describe('a stall', () => {
  it('keeps even the headers back', async () => {
    const stub = await scripted({ kind: 'stall', after: 'request' });
    const leaving = new AbortController();
    const reply = post(stub, {}, { signal: leaving.signal });
    await stub.waitFor(() => stub.running === 1);
    leaving.abort();
    await expect(reply).rejects.toThrow('aborted');
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
  });

  it('goes silent in the middle of a stream until the client leaves', async () => {
    const stub = await scripted({ kind: 'stall', after: 'tokens', content: TEXT });
    const { body } = await post(stub, { stream: true });
    let text = '';
    for await (const chunk of body as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (spoken(text) === TEXT) break;
    }
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
    expect(stub.running).toBe(0);
  });
});

describe('a slow reply', () => {
  it.each<Fault>([
    { kind: 'delay', ms: 1, content: TEXT },
    { kind: 'drip', everyMs: 0, content: 'a' },
  ])('is an ordinary one in the end: %j', async (fault) => {
    const stub = await scripted(fault);
    const { text } = await ask(stub);
    expect(JSON.parse(text)).toMatchObject({ choices: [{ finish_reason: 'stop' }] });
  });

  it('drips byte by byte', async () => {
    const stub = await scripted({ kind: 'drip', everyMs: 0, content: '가' });
    const { body } = await post(stub, { stream: true });
    const sizes = [];
    for await (const chunk of body as AsyncIterable<Buffer>) sizes.push(chunk.length);
    expect(sizes.length).toBeGreaterThan(100);
  });
});

describe('a reply that is cut', () => {
  it.each([
    ['done', true, false],
    ['finish', false, true],
    ['both', false, false],
  ] as const)('misses %s, and its stream ends cleanly', async (missing, hasFinish, hasDone) => {
    const events = await askStream(await scripted({ kind: 'cut', missing, content: TEXT }));
    expect(spoken(events.join('\n'))).toBe(TEXT);
    expect(events.some((event) => event.includes('"finish_reason":"stop"'))).toBe(hasFinish);
    expect(events.includes('[DONE]')).toBe(hasDone);
  });

  it('is half of the JSON when it is whole', async () => {
    const { status, text } = await ask(await scripted({ kind: 'cut', missing: 'both' }));
    expect(status).toBe(200);
    expect(text).toMatch(/^\{"id"/);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });
});

describe('a huge reply', () => {
  it('is valid, whole', async () => {
    const { text } = await ask(await scripted({ kind: 'huge', bytes: 100_000 }), { max_tokens: 10 });
    const reply = JSON.parse(text) as { choices: [{ message: { content: string } }] };
    expect(reply.choices[0].message.content.length).toBeGreaterThanOrEqual(100_000);
  });

  it('is valid, streamed', async () => {
    const events = await askStream(await scripted({ kind: 'huge', bytes: 100_000 }));
    expect(events.join('\n\n').length).toBeGreaterThanOrEqual(100_000);
    expect(events.slice(-2)).toEqual([expect.stringContaining('"finish_reason":"stop"'), '[DONE]']);
  });

  it('waits for a client that does not read', async () => {
    const stub = await scripted({ kind: 'huge', bytes: 2 ** 40 });
    const memory = process.memoryUsage.rss();
    const client = connect(stub.port, '127.0.0.1');
    const body = '{"messages":[{"role":"user","content":"Hi"}]}';
    client.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: stub\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(client, 'readable');
    expect(process.memoryUsage.rss() - memory).toBeLessThan(100 * 2 ** 20);
    client.destroy();
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
  });
});

describe('a raw reply', () => {
  it('has exactly the scripted bytes, piece by piece', async () => {
    const stub = await scripted({
      kind: 'raw',
      status: 201,
      headers: { 'content-type': 'text/x' },
      body: ['data: {"half', { base64: Buffer.from([0xff, 0x00]).toString('base64') }],
    });
    const response = await post(stub);
    expect([response.statusCode, response.headers['content-type']]).toEqual([201, 'text/x']);
    const bytes = Buffer.from(await response.body.arrayBuffer());
    expect(bytes).toEqual(Buffer.concat([Buffer.from('data: {"half'), Buffer.from([0xff, 0x00])]));
  });

  it('has the content type that the client expects', async () => {
    const response = await post(await scripted({ kind: 'raw', body: [] }), { stream: true });
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });
});
