import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { Fault } from '../src/engine/stub/faults.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import {
  abort,
  ask,
  askStream,
  CHAT,
  COMPLETIONS,
  post,
  readBroken,
  spoken,
  startStub,
} from './stub-support.js';

async function scripted(fault: Fault): Promise<StubServer> {
  const stub = await startStub();
  stub.script(fault);
  return stub;
}

/** A client that speaks TCP alone: it has asked, and keeps its half of the connection open. */
class BareClient {
  #received = '';
  readonly #socket: Socket;

  constructor(stub: StubServer, path = CHAT) {
    this.#socket = connect({ port: stub.port, host: '127.0.0.1', allowHalfOpen: true });
    const body = '{"stream":true,"prompt":"Hi","messages":[{"role":"user","content":"Hi"}]}';
    this.#socket.write(
      `POST ${path} HTTP/1.1\r\nhost: stub\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    this.#socket.setEncoding('latin1').on('data', (text: string) => (this.#received += text));
  }

  /** All that the stub sent before it closed its half. */
  async untilEnd(): Promise<string> {
    await once(this.#socket, 'end');
    return this.#received;
  }

  leave(): void {
    this.#socket.destroy();
  }
}

describe('a rewritten reply', () => {
  it.each([false, true])('says other things in the same shape (stream: %p)', async (stream) => {
    const stub = await scripted({
      kind: 'rewrite',
      content: 'Hi',
      replace: [
        ['"Hi"', '"Oh, 가"'],
        ['"stop"', '"banana"'],
      ],
    });
    const { text } = await ask(stub, { stream });
    expect(text).toContain('"content":"Oh, 가"');
    expect(text).toContain('"finish_reason":"banana"');
  });

  it('has other line ends, comments and garbage between its events', async () => {
    const stub = await scripted({
      kind: 'rewrite',
      content: 'Hi',
      replace: [
        ['data: {', ': ping\n\nnonsense\ndata:{'],
        ['\n', '\r\n'],
      ],
    });
    const { text } = await ask(stub, { stream: true });
    expect(text).toMatch(
      /^(?:: ping\r\n\r\nnonsense\r\ndata:\{[^\r\n]*\}\r\n\r\n){3}data: \[DONE\]\r\n\r\n$/,
    );
    expect(spoken(text)).toBe('Hi');
  });

  it('has a line of a megabyte', async () => {
    const replace: [string, string][] = [['data: [DONE]', `data: ${'x'.repeat(1e6)}\n\ndata: [DONE]`]];
    const events = await askStream(await scripted({ kind: 'rewrite', replace }));
    expect(events.at(-2)).toHaveLength(1e6);
    expect(events.at(-1)).toBe('[DONE]');
  });

  it('has headers of its own', async () => {
    const headers = { 'content-type': 'text/plain', 'x-strange': 'yes' };
    const response = await post(await scripted({ kind: 'rewrite', replace: [], headers }));
    expect(response.headers).toMatchObject(headers);
    expect(await response.body.json()).toMatchObject({ object: 'chat.completion' });
  });

  it('takes what it puts in literally', async () => {
    const stub = await scripted({ kind: 'rewrite', content: 'Hi', replace: [['Hi', '$& $1']] });
    expect((await ask(stub)).text).toContain('"content":"$& $1"');
  });
});

describe('a dripping reply', () => {
  it('tears characters apart', async () => {
    const stub = await scripted({ kind: 'drip', everyMs: 0, bytes: 2, content: '가나다' });
    const { body } = await post(stub, { stream: true });
    const pieces: Buffer[] = [];
    for await (const chunk of body as AsyncIterable<Buffer>) pieces.push(chunk);
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(2);
    expect(spoken(Buffer.concat(pieces).toString())).toBe('가나다');
    expect(pieces.some((piece) => piece.toString().includes('\ufffd'))).toBe(true);
  });
});

describe('an endless reply', () => {
  it('goes on until max_tokens', async () => {
    const stub = await scripted({ kind: 'endless', text: 'on and ' });
    const { text } = await ask(stub, { max_tokens: 5000 });
    const { choices, usage } = JSON.parse(text) as {
      choices: [{ message: { content: string }; finish_reason: string }];
      usage: { completion_tokens: number };
    };
    expect(choices[0].message.content).toMatch(/^(?:on and )+/);
    expect([choices[0].finish_reason, usage.completion_tokens]).toEqual(['length', 5000]);
  });

  it('fills the context where nothing else ends it', async () => {
    const stub = await startStub({ contextLength: 1000 });
    stub.script({ kind: 'endless', text: ' \n' });
    expect(JSON.parse((await ask(stub)).text)).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { total_tokens: 998 },
    });
  });

  it.each([CHAT, COMPLETIONS])('ends when the client leaves: %s', async (path) => {
    const stub = await scripted({ kind: 'endless', text: 'on and ', tokenDelayMs: 1 });
    const { body } = await post(stub, { stream: true, max_tokens: 30_000 }, { path });
    let text = '';
    for await (const chunk of body as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (spoken(text).length > 40) break;
    }
    await stub.waitFor(() => stub.running === 0);
    expect(stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it('ends when it is aborted', async () => {
    const stub = await scripted({ kind: 'endless', text: 'on and ', tokenDelayMs: 1 });
    const reply = askStream(stub, { rid: 'mine' });
    await stub.waitFor(() => stub.running === 1);
    await abort(stub, { rid: 'mine' });
    expect((await reply).at(-2)).toContain('"finish_reason":"abort"');
  });
});

describe('a half-closed connection', () => {
  it.each(['request', 'headers', 'half'] as const)(
    'ends the sending half after the %s and stays until the client closes the other',
    async (after) => {
      const stub = await scripted({ kind: 'half-close', after, content: 'one two three four' });
      const client = new BareClient(stub);
      const sent = await client.untilEnd();
      expect(sent.startsWith('HTTP/1.1 200')).toBe(after !== 'request');
      expect(spoken(sent)).toBe(after === 'half' ? 'one two thre' : '');
      expect(sent).not.toMatch(/\r\n0\r\n\r\n$/);
      expect(stub.running).toBe(1);
      client.leave();
      await stub.waitFor(() => stub.running === 0);
      expect(stub.requests).toMatchObject([{ clientLeft: false }]);
    },
  );

  it('shows up as a broken reply in an HTTP client', async () => {
    const stub = await scripted({ kind: 'half-close', after: 'half' });
    const { error } = await readBroken(stub, { stream: true });
    expect(error).toMatchObject({ code: 'UND_ERR_SOCKET' });
  });
});

describe('a raw reply', () => {
  it('repeats a piece as often as it should', async () => {
    const stub = await scripted({ kind: 'raw', body: ['[', { repeat: '1,', times: 100_000 }, '1]'] });
    expect(JSON.parse((await ask(stub)).text)).toHaveLength(100_001);
  });

  it('is silent for as long as it should between its pieces', async () => {
    const stub = await scripted({ kind: 'raw', body: ['data: {"ha', { pauseMs: 3_600_000 }, 'lf"}\n\n'] });
    const { body } = await post(stub, { stream: true });
    for await (const chunk of body as AsyncIterable<Buffer>) {
      expect(chunk.toString()).toBe('data: {"ha');
      break;
    }
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
  });

  it('goes on after a silence', async () => {
    const stub = await scripted({ kind: 'raw', body: ['[', { pauseMs: 1 }, ']'] });
    expect((await ask(stub)).text).toBe('[]');
  });

  it.each([
    ['reset', { code: 'ECONNRESET' }],
    ['hang-up', { code: 'UND_ERR_SOCKET' }],
    ['half-close', { code: 'UND_ERR_SOCKET' }],
  ] as const)('breaks off by a %s after its pieces', async (ending, expected) => {
    const stub = await scripted({ kind: 'raw', body: ['data: {}\n\n'], ending });
    const { text, error } = await readBroken(stub, { stream: true });
    expect(text).toBe('data: {}\n\n');
    expect(error).toMatchObject(expected);
  });

  it('falls silent after its pieces until the client leaves', async () => {
    const stub = await scripted({ kind: 'raw', body: ['data: {}\n\n'], ending: 'stall' });
    const { body } = await post(stub, { stream: true });
    for await (const chunk of body as AsyncIterable<Buffer>) {
      expect(chunk.toString()).toBe('data: {}\n\n');
      break;
    }
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
  });
});

describe('a bare reply', () => {
  it('is all that comes, status line included', async () => {
    const stub = await scripted({
      kind: 'raw',
      bare: true,
      body: ['HTTP/1.1 200 OK\r\ncontent-', 'length: 2\r\n\r\n', '{}'],
    });
    const client = new BareClient(stub);
    expect(await client.untilEnd()).toBe('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    client.leave();
  });

  it('can be no HTTP at all', async () => {
    const stub = await scripted({ kind: 'raw', bare: true, body: ['220 mail.example.com ESMTP\r\n'] });
    const { error } = await readBroken(stub, {});
    expect(error).toMatchObject({ name: 'HTTPParserError' });
  });

  it('can promise more than it sends', async () => {
    const stub = await scripted({
      kind: 'raw',
      bare: true,
      body: ['HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"id"'],
    });
    const { text, error } = await readBroken(stub, {});
    expect(text).toBe('{"id"');
    expect(error).toMatchObject({ code: 'UND_ERR_SOCKET' });
  });

  it('can stall in the middle of its headers', async () => {
    const stub = await scripted({
      kind: 'raw',
      bare: true,
      body: ['HTTP/1.1 200 OK\r\ncontent-'],
      ending: 'stall',
    });
    const leaving = new AbortController();
    const reply = post(stub, {}, { signal: leaving.signal });
    await stub.waitFor(() => stub.running === 1);
    leaving.abort();
    await expect(reply).rejects.toThrow('aborted');
    await stub.waitFor(() => stub.requests[0]?.clientLeft === true);
  });
});

describe('what other engines and proxies answer', () => {
  it.each([401, 404, 429, 500, 503])('can be a %d, streamed or not', async (status) => {
    const stub = await startStub();
    stub.script({ kind: 'status', status }, { kind: 'status', status });
    const [whole, stream] = [await ask(stub), await ask(stub, { stream: true })];
    expect([whole.status, stream.status]).toEqual([status, status]);
    expect(stream.text).toBe(whole.text);
  });

  it('can be a reply that the engine itself aborted', async () => {
    const stub = await scripted({ kind: 'reply', content: 'Hi', finishReason: 'abort' });
    expect(await askStream(stub)).toContainEqual(
      expect.stringContaining('"finish_reason":"abort","matched_stop":null'),
    );
  });

  it('can be nothing: a stub that closed refuses, and another one takes its place', async () => {
    const stub = await startStub();
    const { port, url } = stub;
    await stub.close();
    await expect(request(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await ask(await startStub({ port }))).status).toBe(200);
  });
});
