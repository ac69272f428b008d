import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { type ChatPiece, LLMClient, type StructuredEvent } from '../src/client/index.js';
import { startOddServer } from './support/client.js';
import { MODEL_REPLIES, QUESTION, startService, startStub } from './support/service.js';

const EVENTS = { 'content-type': 'text/event-stream' };
const SAID_YES = 'data: {"choices":[{"delta":{"content":"Yes."}}]}\n\ndata: [DONE]\n\n';
const PIECE = Buffer.alloc(1_048_576, 0x20);

const MESSAGES = [{ role: 'user' as const, content: 'Hi' }];

/** Reads a conversation's answer; what was said before it failed is in `said`. */
async function listen(client: LLMClient, said: ChatPiece[] = []): Promise<ChatPiece[]> {
  for await (const piece of client.chat(MESSAGES, { model: 'm' })) said.push(piece);
  return said;
}

function textOf(pieces: readonly ChatPiece[]): string {
  return pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('');
}

/** Starts a server that answers every chat with these bytes as its stream. */
function startStreamServer(body: string): Promise<string> {
  return startOddServer((_, response) => {
    response.writeHead(200, EVENTS).end(body);
  });
}

describe('a chat', () => {
  it('comes piece by piece, and ends with what it cost', async () => {
    const { url, stub } = await startService();
    stub.script({ kind: 'reply', content: 'Hello, 안녕하세요.' });
    const pieces = await listen(new LLMClient({ baseUrl: url }));
    expect(textOf(pieces)).toBe('Hello, 안녕하세요.');
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.at(-1)).toEqual({
      type: 'end',
      model: 'm-stub',
      finishReason: 'stop',
      promptTokens: expect.any(Number) as unknown,
      completionTokens: expect.any(Number) as unknown,
    });
  });

  it('is the same where its bytes are torn anywhere', async () => {
    const stub = await startStub();
    stub.script({ kind: 'drip', everyMs: 0, bytes: 1, content: '가나다 "라"' });
    expect(textOf(await listen(new LLMClient({ baseUrl: stub.url })))).toBe('가나다 "라"');
  });

  it('does not tell what the model thinks', async () => {
    const url = await startStreamServer(
      `data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}\n\n${SAID_YES}`,
    );
    expect(textOf(await listen(new LLMClient({ baseUrl: url })))).toBe('Yes.');
  });

  it('is asked again where it fails before its first piece', async () => {
    const stub = await startStub();
    stub.script({ kind: 'engine-error', code: 503 }, { kind: 'reply', content: 'Yes.' });
    expect(textOf(await listen(new LLMClient({ baseUrl: stub.url })))).toBe('Yes.');
    expect(stub.requests).toHaveLength(2);
  });

  it('is not asked again once a piece of it was told', async () => {
    const { url, stub } = await startService();
    stub.script({ kind: 'engine-error', code: 503, afterTokens: 2 });
    const said: ChatPiece[] = [];
    await expect(listen(new LLMClient({ baseUrl: url }), said)).rejects.toMatchObject({ kind: 'refused' });
    expect(said.length).toBeGreaterThan(0);
    expect(stub.requests).toHaveLength(1);
  });

  it.each(['hang-up', 'reset'] as const)('that breaks off (%s) keeps what was said', async (kind) => {
    const stub = await startStub();
    stub.script({ kind, after: 'half', content: 'one two three four' });
    const said: ChatPiece[] = [];
    await expect(listen(new LLMClient({ baseUrl: stub.url }), said)).rejects.toMatchObject({
      kind: 'unreachable',
    });
    expect(textOf(said)).toMatch(/^one/);
  });

  it('that ends without its end is no answer', async () => {
    const url = await startStreamServer('data: {"choices":[{"delta":{"content":"Yes."}}]}\n\n');
    await expect(listen(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('ended its stream before the answer was whole') as unknown,
    });
  });

  it.each([
    ['in the middle of an event', 'data: {"choices":[{"delta":{"content":"Y'],
    ['in the middle of its end', 'data: {"choices":[{"delta":{"content":"Yes."}}]}\n\ndata: [DON'],
  ])('that ends %s is no answer', async (_, body) => {
    const url = await startStreamServer(body);
    await expect(listen(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it.each([
    ['is of the first choice alone', '{"choices":[{"index":1,"delta":{"content":"No."}}]}', 'Yes.'],
    ['may come in parts', '{"choices":[{"delta":{"content":[{"type":"text","text":"Oh, "}]}}]}', 'Oh, Yes.'],
  ])('%s', async (_, event, said) => {
    const url = await startStreamServer(`data: ${event}\n\n${SAID_YES}`);
    expect(textOf(await listen(new LLMClient({ baseUrl: url })))).toBe(said);
  });

  it('is whole where the blank line behind its end is missing', async () => {
    const url = await startStreamServer(SAID_YES.trimEnd());
    expect(textOf(await listen(new LLMClient({ baseUrl: url })))).toBe('Yes.');
  });

  it.each(['data: null', 'event: ping\ndata: {"type":"ping"}', 'data: keep-alive', 'data:', 'data: " "'])(
    'is whole where an event says nothing: %j',
    async (nothing) => {
      const url = await startStreamServer(`${nothing}\n\n${SAID_YES}`);
      expect(textOf(await listen(new LLMClient({ baseUrl: url })))).toBe('Yes.');
    },
  );

  it('that falls silent is given up', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'half', content: 'one two three four' });
    const client = new LLMClient({ baseUrl: stub.url, timeoutMs: 100 });
    await expect(listen(client)).rejects.toMatchObject({ kind: 'timeout' });
  });

  it.each([
    ['is no JSON', 'data: {"choices":\n\n', 'an event that is no JSON object'],
    ['answers as a whole', '', 'answered with nothing'],
  ])('with a server that %s is not understood', async (_, body, sentence) => {
    const url = await startOddServer((__, response) => {
      response.writeHead(200, body ? { 'content-type': 'text/event-stream' } : {}).end(body);
    });
    await expect(listen(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({
      kind: 'not_understood',
      message: expect.stringContaining(sentence) as unknown,
    });
  });

  it('ends in the engine when its reader leaves', async () => {
    const stub = await startStub();
    stub.script({ kind: 'endless', text: 'word ', tokenDelayMs: 1 });
    for await (const _ of new LLMClient({ baseUrl: stub.url }).chat(MESSAGES)) break;
    await stub.waitFor(() => stub.running === 0);
    expect(stub.running).toBe(0);
  });

  it('keeps its connection where the end comes behind the last event', async () => {
    const sockets = new Set<unknown>();
    const open: ServerResponse[] = [];
    const url = await startOddServer((request, response) => {
      sockets.add(request.socket);
      open.push(response);
      response.writeHead(200, EVENTS).write(SAID_YES);
    });
    const client = new LLMClient({ baseUrl: url, connections: 1 });
    await listen(client);
    open[0]?.end();
    await listen(client);
    expect({ answers: open.length, connections: sockets.size }).toEqual({ answers: 2, connections: 1 });
    await client.close();
  });

  it('is left where more than an end comes behind the last event', async () => {
    const left = Promise.withResolvers<boolean>();
    const url = await startOddServer((_, response) => {
      response.once('close', () => {
        left.resolve(response.writableFinished);
      });
      const more = (): void => {
        while (response.write(PIECE));
      };
      response.writeHead(200, EVENTS).on('drain', more).write(SAID_YES);
      more();
    });
    await listen(new LLMClient({ baseUrl: url }));
    expect(await left.promise).toBe(false);
  });

  it('whose error is no end of text is read no further than 64 MiB', async () => {
    const url = await startOddServer((_, response) => {
      const more = (): void => {
        while (response.write(PIECE));
      };
      response.writeHead(500).on('drain', more);
      more();
    });
    await expect(listen(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({
      kind: 'not_understood',
      message: expect.stringContaining('more than 64 MiB') as unknown,
    });
  });

  it('whose error drips past its time is ended', async () => {
    const url = await startOddServer((_, response) => {
      response.writeHead(500);
      const timer = setInterval(() => response.write(' '), 5);
      response.once('close', () => {
        clearInterval(timer);
      });
    });
    const client = new LLMClient({ baseUrl: url, timeoutMs: 60 });
    await expect(listen(client)).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('that the engine broke off is no answer', async () => {
    const url = await startStreamServer(
      'data: {"choices":[{"delta":{"content":"Ye"},"finish_reason":"abort"}]}\n\ndata: [DONE]\n\n',
    );
    await expect(listen(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('broke the answer off') as unknown,
    });
  });

  it('that is interrupted says so', async () => {
    const stub = await startStub();
    stub.script({ kind: 'endless', text: 'word ', tokenDelayMs: 1 });
    const stop = new AbortController();
    const talk = async (): Promise<void> => {
      const client = new LLMClient({ baseUrl: stub.url });
      for await (const _ of client.chat(MESSAGES, { signal: stop.signal })) stop.abort();
    };
    await expect(talk()).rejects.toMatchObject({ kind: 'interrupted' });
  });
});

describe('a structured reply', () => {
  async function read(client: LLMClient): Promise<StructuredEvent[]> {
    const events: StructuredEvent[] = [];
    for await (const event of client.structured('feedback', QUESTION)) events.push(event);
    return events;
  }

  it('comes field by field and ends with its result', async () => {
    const { url, stub } = await startService();
    const reply = MODEL_REPLIES['/api/feedback'];
    stub.script({ kind: 'reply', content: JSON.stringify(reply) });
    const events = await read(new LLMClient({ baseUrl: url }));
    expect(events).toContainEqual({ name: 'field.done', data: { path: '/score', value: 7 } });
    expect(events.at(-1)).toMatchObject({ name: 'result', data: { reply } });
  });

  it('that fails in its stream tells the problem', async () => {
    const { url, stub } = await startService();
    stub.script(...Array.from({ length: 8 }, () => ({ kind: 'reply', content: 'no JSON' }) as const));
    await expect(read(new LLMClient({ baseUrl: url, retries: 0 }))).rejects.toMatchObject({
      kind: 'refused',
      facts: { code: 'STRUCTURED_OUTPUT_INVALID' },
    });
  });

  it('is not asked for again where no reply would be valid', async () => {
    let asked = 0;
    const url = await startOddServer((_, response) => {
      asked++;
      const problem = { status: 502, code: 'STRUCTURED_OUTPUT_INVALID', detail: 'No valid reply.' };
      response.writeHead(200, EVENTS).end(`event: error\ndata: ${JSON.stringify(problem)}\n\n`);
    });
    await expect(read(new LLMClient({ baseUrl: url }))).rejects.toMatchObject({ kind: 'refused' });
    expect(asked).toBe(1);
  });

  it('is asked for again when its stream says so', async () => {
    const url = await startOddServer((_, response) => {
      const problem = { status: 503, code: 'ENGINE_OVERLOADED', detail: 'Busy.', retry_after: 7 };
      response.writeHead(200, EVENTS).end(`event: error\ndata: ${JSON.stringify(problem)}\n\n`);
    });
    const waits: number[] = [];
    const client = new LLMClient({
      baseUrl: url,
      onRetry: ({ waitMs }) => {
        waits.push(waitMs);
        stop.abort();
      },
    });
    const stop = new AbortController();
    const events = client.structured('feedback', QUESTION, stop.signal);
    await expect(events.next()).rejects.toMatchObject({ kind: 'interrupted' });
    expect(waits).toEqual([7000]);
  });

  it('names the fields that are wrong', async () => {
    const { url } = await startService();
    const events = new LLMClient({ baseUrl: url }).structured('step', { temprature: 1 });
    await expect(events.next()).rejects.toMatchObject({
      facts: { code: 'VALIDATION_FAILED', status: 400 },
      message: expect.stringContaining('temprature is not a field of this request') as unknown,
    });
  });

  it('is had from LLM Service alone', async () => {
    const stub = await startStub();
    await expect(read(new LLMClient({ baseUrl: stub.url }))).rejects.toMatchObject({
      message: expect.stringContaining('this needs LLM Service') as unknown,
    });
  });
});
