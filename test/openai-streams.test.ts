import { once } from 'node:events';
import { connect, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../src/common/errors.js';
import type { Settings } from '../src/config/settings.js';
import type { Fault, RawPiece } from '../src/engine/stub/faults.js';
import {
  CHAT,
  COMPLETIONS,
  expectOpenAiError,
  HELLO,
  nextCall,
  openChunks,
  readChunks,
} from './support/openai-wire.js';
import { startService, type TestService } from './support/service.js';
import { firstOnWire } from './support/wire.js';

const SENTENCE = 'A slow query? I read its plan first.';
const REPLY: Fault = { kind: 'reply', content: SENTENCE };

/** Each of its tokens arrives on its own. */
const SLOW: Fault = { ...REPLY, tokenDelayMs: 1 };

const TOOLS = {
  tools: [
    {
      type: 'function',
      function: {
        name: 'look_up',
        parameters: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
      },
    },
  ],
  tool_choice: 'required',
};

/** An event of a chat, as an engine writes it. */
const event = (choice: object): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
const delta = (fields: object): string => event({ delta: fields });

/** Turns of the event loop, so that what comes behind them arrives on its own. */
const LATER: RawPiece[] = Array<RawPiece>(5).fill({ pauseMs: 0 });

/** A stream of these events, ended in order. */
const streamOf = (...events: string[]): Fault => ({
  kind: 'raw',
  body: [...events, event({ delta: {}, finish_reason: 'stop' }), 'data: [DONE]\n\n'],
});

describe('a stream that is not as OpenAI’s API writes it', () => {
  it('loses the choices that nobody asked for', async () => {
    const service = await startService();
    const other = 'data: {"choices":[{"index":1,"delta":{"content":"No."},"finish_reason":"length"}]}\n\n';
    const both = `data: ${JSON.stringify({
      choices: [
        { index: 1, delta: { content: 'No.' } },
        { index: 0, delta: { content: '!' } },
      ],
    })}\n\n`;
    service.stub.script(streamOf(delta({ content: 'Hi' }), other, both));

    const { chunks } = await readChunks(service, CHAT, HELLO);

    const choices = chunks.flatMap((chunk) => chunk.choices);
    expect(choices.map(({ index, delta: said }) => [index, said?.content])).toEqual([
      [0, 'Hi'],
      [0, '!'],
      [0, undefined],
    ]);
  });

  it('has its content as text where it came in parts', async () => {
    const service = await startService();
    const parts = (text: string): object => ({
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text },
      ],
    });
    service.stub.script(streamOf(delta(parts('Hi')), delta(parts('!'))));

    const got = await readChunks(service, CHAT, HELLO);

    expect(got.said()).toBe('Hi!');
    expect(got.chunks[0]?.choices[0]?.delta).toEqual({ content: 'Hi', reasoning_content: 'Hm.' });
  });

  it.each(['{"choices":[]}', '{"usage":{"prompt_tokens":3}}'])(
    'is asked for once more where it fails after an event that says nothing: %s',
    async (nothing) => {
      const service = await startService();
      const error = 'data: {"error":{"code":500,"message":"no"}}\n\n';
      service.stub.script(
        { kind: 'raw', body: [`data: ${nothing}\n\n`, ...LATER, error] },
        streamOf(delta({ content: 'Hi' })),
      );

      expect((await readChunks(service, CHAT, HELLO)).said()).toBe('Hi');
      expect(service.stub.requests).toHaveLength(2);
    },
  );
});

describe('a stream under /v1', () => {
  it('brings the events of a chat as the engine wrote them, and [DONE] last', async () => {
    const service = await startService();
    const odd = 'data: {"id":"x", "choices":[{"index":0,"delta":{"content":"Hi"},"novelty":1.0}]}';
    service.stub.script({
      kind: 'raw',
      body: [`${odd}\n\n`, event({ delta: {}, finish_reason: 'stop' }), 'data: [DONE]\n\n'],
    });

    const response = await fetch(service.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...HELLO, stream: true }),
    });

    expect(await response.text()).toBe(
      `${odd}\n\n${event({ delta: {}, finish_reason: 'stop' })}data: [DONE]\n\n`,
    );
  });

  it('escapes the line ends that Unicode knows and JSON does not, and nothing else', async () => {
    const service = await startService();
    const odd =
      'data: {"id":"x", "choices":[{"index":0,"delta":{"content":"\u2028 \u2029\u0085 한 \u00a0"}}]}';
    service.stub.script(streamOf(`${odd}\n\n`));

    const response = await fetch(service.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...HELLO, stream: true }),
    });

    const [first] = (await response.text()).split('\n');
    expect(first).toBe(
      odd.replace('\u2028', '\\u2028').replace('\u2029', '\\u2029').replace('\u0085', '\\u0085'),
    );
  });

  it('brings a chat in pieces, from the role to the reason of its end', async () => {
    const service = await startService();
    service.stub.script(REPLY);

    const stream = await readChunks(service, CHAT);

    expect(stream.chunks.length).toBeGreaterThan(5);
    expect(stream.chunks[0]).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { role: 'assistant' } }],
    });
    expect({ said: stream.said(), finish: stream.finish() }).toEqual({ said: SENTENCE, finish: 'stop' });
  });

  it('brings a text completion in pieces', async () => {
    const service = await startService();
    service.stub.script(REPLY);

    const stream = await readChunks(service, COMPLETIONS, { prompt: 'Once', max_tokens: 100 });

    expect(stream.chunks[0]).toMatchObject({ object: 'text_completion' });
    expect({ said: stream.said(), finish: stream.finish() }).toEqual({ said: SENTENCE, finish: 'stop' });
  });

  it('brings the replies to several prompts, each to its end', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', choices: [{ content: 'One.' }, { content: 'Two and more.' }] });

    const stream = await readChunks(service, COMPLETIONS, { prompt: ['a', 'b'] });

    expect([stream.said(0), stream.said(1)]).toEqual(['One.', 'Two and more.']);
    expect([stream.finish(0), stream.finish(1)]).toEqual(['stop', 'stop']);
  });

  it('brings the call of a function in pieces', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', toolCalls: [{ name: 'look_up', arguments: '{"word":"index"}' }] });

    const stream = await readChunks(service, CHAT, { ...HELLO, ...TOOLS });

    expect(stream.arguments()).toBe('{"word":"index"}');
    expect(stream.finish()).toBe('tool_calls');
  });

  it('names a function that is called once, as OpenAI does', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', toolCalls: [{ name: 'look_up', arguments: '{"word":"index"}' }] });

    const { chunks } = await readChunks(service, CHAT, { ...HELLO, ...TOOLS });

    const [first, ...others] = chunks.flatMap(({ choices }) => choices[0]?.delta?.tool_calls ?? []);
    expect(first).toMatchObject({ id: expect.any(String), function: { name: 'look_up', arguments: '' } });
    expect(others.length).toBeGreaterThan(1);
    for (const piece of others) {
      expect(piece).toEqual({ index: 0, type: 'function', function: { arguments: expect.any(String) } });
    }
  });

  it('has the head of a stream, and ids of the call', async () => {
    const service = await startService();

    const { headers } = await readChunks(service, CHAT, HELLO, { 'x-request-id': 'chat-7' });

    expect(headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-request-id': 'chat-7',
      'x-call-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-provider': 'stub',
    });
  });

  it('begins while the engine still writes', async () => {
    const service = await startService();
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });

    const stream = await openChunks(service, CHAT);

    await stream.until(() => stream.said() !== '');
    expect(service.stub.running).toBe(1);
    stream.leave();
  });

  it('sends comments while nothing comes', async () => {
    const service = await startService({ streamPing: 0.02 });
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });

    const stream = await openChunks(service, CHAT);

    await stream.until(() => stream.comments.length >= 3);
    expect(new Set(stream.comments)).toEqual(new Set(['ping']));
    stream.leave();
  });
});

describe('the usage of a stream', () => {
  it.each([
    [CHAT, HELLO],
    [COMPLETIONS, { prompt: 'Once' }],
  ])('is the last event of %s where it is asked for', async (path, body) => {
    const service = await startService();

    const { chunks } = await readChunks(service, path, { ...body, stream_options: { include_usage: true } });

    const last = chunks.at(-1);
    expect(last?.choices).toEqual([]);
    expect(last?.usage?.completion_tokens).toBeGreaterThan(1);
    expect(chunks.slice(0, -1).filter(({ usage }) => usage)).toEqual([]);
  });

  it.each([
    ['nobody asks', {}],
    ['it is declined', { stream_options: { include_usage: false } }],
  ])('is not told where %s, but counted', async (_, options) => {
    const service = await startService();
    const ended = nextCall(service);

    const { chunks } = await readChunks(service, CHAT, { ...HELLO, ...options });

    expect(chunks.filter(({ usage }) => usage)).toEqual([]);
    expect(chunks.filter(({ choices }) => choices.length === 0)).toEqual([]);
    expect((await ended).usage.prompt_tokens).toBeGreaterThan(1);
    expect(firstOnWire(service.stub).stream_options).toEqual({ include_usage: true });
  });

  it('is told with every piece where that is asked for', async () => {
    const service = await startService();
    const options = { stream_options: { include_usage: true, continuous_usage_stats: true } };

    const { chunks } = await readChunks(service, CHAT, { ...HELLO, ...options });

    expect(chunks.filter(({ usage }) => usage).length).toBeGreaterThan(5);
  });
});

describe('what goes wrong before the first event of a stream', () => {
  it.each<[string, Fault]>([
    ['an error', { kind: 'status', status: 500 }],
    ['an error inside a 200', { kind: 'engine-error', code: 503 }],
    ['a connection that breaks', { kind: 'reset', after: 'headers' }],
    ['no event at all', { kind: 'raw', body: [] }],
  ])('is tried again unseen: %s', async (_, fault) => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script(fault, REPLY);

    const stream = await readChunks(service, CHAT);

    expect(stream.said()).toBe(SENTENCE);
    expect((await ended).facts.attempts).toBe(2);
  });

  it.each<{ what: string; fault: Fault; code: ErrorCode; settings?: Partial<Settings> }>([
    { what: 'an error', fault: { kind: 'status', status: 500 }, code: 'ENGINE_ERROR' },
    { what: 'an error inside a 200', fault: { kind: 'engine-error', code: 400 }, code: 'ENGINE_REJECTED' },
    { what: 'a full queue', fault: { kind: 'engine-error', code: 503 }, code: 'ENGINE_OVERLOADED' },
    { what: 'a web page', fault: { kind: 'html' }, code: 'ENGINE_BAD_RESPONSE' },
    {
      what: 'no first token',
      fault: { kind: 'stall', after: 'headers' },
      code: 'ENGINE_STALLED',
      settings: { firstTokenTimeout: 0.2 },
    },
    {
      what: 'no time',
      fault: { kind: 'stall', after: 'request' },
      code: 'DEADLINE_EXCEEDED',
      settings: { requestTimeout: 0.2 },
    },
  ])('is an error with its own status: $what', async ({ fault, code, settings }) => {
    const service = await startService(settings);
    service.stub.script(fault, fault);

    expectOpenAiError(await service.post(CHAT, { ...HELLO, stream: true }), code);

    await service.stub.waitFor(() => service.stub.running === 0);
  });
});

describe('what goes wrong in the middle of a stream', () => {
  it.each<{ what: string; fault: Fault; code: string; settings?: Partial<Settings> }>([
    { what: 'a reset', fault: { ...SLOW, kind: 'reset', after: 'half' }, code: 'engine_connection_lost' },
    {
      what: 'a hang-up',
      fault: { ...SLOW, kind: 'hang-up', after: 'half' },
      code: 'engine_connection_lost',
    },
    {
      what: 'an end without [DONE]',
      fault: { ...SLOW, kind: 'cut', missing: 'done' },
      code: 'engine_reply_cut',
    },
    {
      what: 'an end without a reason',
      fault: { ...SLOW, kind: 'cut', missing: 'finish' },
      code: 'engine_reply_cut',
    },
    {
      what: 'an end without both',
      fault: { ...SLOW, kind: 'cut', missing: 'both' },
      code: 'engine_reply_cut',
    },
    {
      what: 'finish_reason abort',
      fault: {
        kind: 'raw',
        body: [
          delta({ content: 'A' }),
          ...LATER,
          event({ delta: {}, finish_reason: 'abort' }),
          'data: [DONE]\n\n',
        ],
      },
      code: 'engine_reply_cut',
    },
    {
      what: 'an error event',
      fault: { ...SLOW, kind: 'engine-error', code: 500, afterTokens: 3 },
      code: 'engine_error',
    },
    {
      what: 'what is no JSON',
      fault: { kind: 'raw', body: [delta({ content: 'A' }), ...LATER, 'data: {"ch\n\n'], ending: 'stall' },
      code: 'engine_bad_response',
    },
    {
      what: 'an event that is named an error',
      fault: {
        kind: 'raw',
        body: [delta({ content: 'A' }), ...LATER, 'event: error\ndata: {"message":"gone"}\n\n'],
        ending: 'stall',
      },
      code: 'engine_error',
    },
    {
      what: 'silence',
      fault: { ...SLOW, kind: 'stall', after: 'half' },
      code: 'engine_stalled',
      settings: { stallTimeout: 0.2 },
    },
    {
      what: 'the end of the call’s time',
      fault: { ...SLOW, kind: 'stall', after: 'half' },
      code: 'deadline_exceeded',
      settings: { requestTimeout: 1 },
    },
    {
      what: 'too many bytes',
      fault: {
        kind: 'raw',
        body: [delta({ content: 'A' }), ...LATER, { repeat: `: ${'x'.repeat(4096)}\n`, times: 30 }],
      },
      code: 'engine_reply_too_large',
      settings: { engineMaxReplyBytes: 65_536 },
    },
  ])(
    'is an event in the place of [DONE], and ends the engine’s work: $what',
    async ({ fault, code, settings }) => {
      const service = await startService(settings);
      service.stub.script(fault);

      const { error, chunks } = await readChunks(service, CHAT);

      expect(chunks.length).toBeGreaterThan(1);
      expect(error).toEqual({
        message: expect.stringMatching(/^[A-Z].*\.$/s),
        type: 'server_error',
        param: null,
        code,
      });
      await service.stub.waitFor(() => service.stub.running === 0);
      expect(service.stub.requests).toHaveLength(1);
    },
  );

  it('is counted with the tokens that nobody got', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ ...REPLY, kind: 'cut', missing: 'both' });

    await readChunks(service, CHAT);

    const { outcome, code, wastedTokens, usage } = await ended;
    expect({ outcome, code }).toEqual({ outcome: 'failed', code: 'ENGINE_REPLY_CUT' });
    expect(wastedTokens).toBeGreaterThan(5);
    expect(wastedTokens).toBe(usage.total_tokens);
  });

  it('does not matter behind [DONE]', async () => {
    const service = await startService();
    service.stub.script({ ...streamOf(delta({ content: SENTENCE })), ending: 'reset' } as Fault);

    const stream = await readChunks(service, CHAT);

    expect({ said: stream.said(), isDone: stream.isDone }).toEqual({ said: SENTENCE, isDone: true });
  });
});

describe('a stream that runs away', () => {
  const call = (piece: string): object => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] });

  it.each([
    ['a sentence without end', CHAT, HELLO, delta({ content: 'Well, let me see about that. ' }), 'loop'],
    ['blanks without end', CHAT, HELLO, delta({ content: ' \n' }), 'blanks'],
    ['digits without end', CHAT, HELLO, delta({ content: '0000' }), 'digits'],
    ['thoughts without end', CHAT, HELLO, delta({ reasoning_content: 'But wait, perhaps not. ' }), 'loop'],
    ['arguments without end', CHAT, { ...HELLO, ...TOOLS }, delta(call('\n')), 'blanks'],
    ['a text without end', COMPLETIONS, { prompt: 'Once' }, event({ text: 'upon a time and ' }), 'loop'],
    [
      'more than its tokens can be',
      CHAT,
      { ...HELLO, max_tokens: 1 },
      delta({ content: Array.from({ length: 200 }, (_, at) => at.toString(36)).join(' ') }),
      'oversize',
    ],
  ])('is broken off, with the engine’s work: %s', async (_, path, body, piece, reason) => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({
      kind: 'raw',
      body: [piece, ...LATER, { repeat: piece, times: 1000 }],
      ending: 'stall',
    });

    const { error } = await readChunks(service, path, body);

    expect(error?.code).toBe('engine_reply_runaway');
    expect((await ended).runaways).toEqual([reason]);
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it('is counted', async () => {
    const service = await startService();
    service.stub.script({ kind: 'endless', text: 'Well, let me see about that. ' });

    await readChunks(service, CHAT);

    const metrics = await (await fetch(`${service.url}/metrics`, { headers: service.localKey })).text();
    expect(metrics).toMatch(/^llm_service_watchdog_stops_total\{.*task="v1_chat".*reason="loop"\} 1$/m);
  });
});

describe('a caller of a stream', () => {
  it('who leaves ends the engine’s work', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });
    const stream = await openChunks(service, CHAT);
    await stream.until(() => stream.said() !== '');

    stream.leave();

    const { outcome, context, wastedTokens } = await ended;
    expect({ outcome, left: context.leftBecause }).toEqual({ outcome: 'cancelled', left: 'disconnected' });
    expect(wastedTokens).toBeGreaterThan(1);
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('can cancel it by the id of his request, and is told by its last event', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });
    const stream = await openChunks(service, CHAT, HELLO, { 'x-request-id': 'chat-9' });
    await stream.until(() => stream.said() !== '');

    const { body } = await service.post('/api/calls/chat-9/cancel', {});

    expect(body).toEqual({ cancelled: [stream.headers['x-call-id']] });
    expect(await stream.end()).toBe('whole');
    expect({ code: stream.error?.code, isDone: stream.isDone }).toEqual({ code: 'cancelled', isDone: false });
    expect((await ended).outcome).toBe('cancelled');
    await service.stub.waitFor(() => service.stub.running === 0);
  });
});

describe('a caller who does not read his stream', () => {
  /** Sends the question, and takes nothing of what comes. */
  async function askWithoutReading({ url }: TestService): Promise<Socket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const json = JSON.stringify({ ...HELLO, stream: true });
    socket.pause();
    socket.write(
      `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`,
    );
    await once(socket, 'connect');
    return socket;
  }

  /** Waits until nothing goes out on a connection any more, turn after turn of the event loop. */
  async function untilStuck(connection: Socket): Promise<void> {
    let written = 0;
    for (let still = 0; still < 100; still++) {
      await setImmediate();
      if (connection.bytesWritten !== written || written === 0) still = 0;
      written = connection.bytesWritten;
    }
  }

  /** Text of 16 KiB in JSON that no rule of the watchdog minds, not even many times in a row. */
  function bulkyText(): string {
    let state = 1;
    const next = (): string => {
      state = (state * 48_271) % 2_147_483_647;
      return String.fromCharCode(1 + (state % 7));
    };
    return Array.from({ length: 2700 }, next).join('');
  }

  /** More than the network holds. */
  const COUNT = 900;
  const content = bulkyText();
  const EVENTS = Array.from({ length: COUNT }, (_, at) => event({ delta: { content }, at }));

  const roomy = (overrides: Partial<Settings>): Promise<TestService> =>
    startService({ streamBufferBytes: 131_072, ...overrides }, { contextLength: 1_000_000 });

  it('is cut after SLOW_READER_TIMEOUT, and the engine’s work is ended', async () => {
    const service = await roomy({ slowReaderTimeout: 0.3 });
    const ended = nextCall(service);
    service.stub.script(streamOf(...EVENTS));

    const socket = await askWithoutReading(service);

    const { outcome, code, context, usage } = await ended;
    expect({ outcome, code, left: context.leftBecause }).toEqual({
      outcome: 'cancelled',
      code: 'CANCELLED',
      left: 'too slow',
    });
    expect(usage.completion_tokens).toBeGreaterThan(1);
    expect(usage.completion_tokens).toBeLessThan(COUNT);
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
    const received = text(socket);
    expect(await received).not.toContain('[DONE]');
  });

  it('makes the engine wait, and gets all of it once he reads on', async () => {
    const service = await roomy({ slowReaderTimeout: 60, stallTimeout: 1 });
    service.stub.script(streamOf(...EVENTS));

    const connected = once(service.app.getHttpServer() as Server, 'connection') as Promise<[Socket]>;
    const socket = await askWithoutReading(service);
    const [connection] = await connected;
    await untilStuck(connection);
    // While this one is found to be silent, the engine of the first is silent for as long.
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });
    const { error } = await readChunks(service, CHAT);
    expect(error?.code).toBe('engine_stalled');
    await service.stub.waitFor(() => service.stub.running === 1);
    const ended = nextCall(service);
    const received = await text(socket);

    expect((await ended).outcome).toBe('ok');
    expect([...received.matchAll(/"at":(\d+)/g)].map(([, at]) => Number(at))).toEqual(
      Array.from({ length: COUNT }, (_, at) => at),
    );
    expect(received).toMatch(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/);
  });
});

describe('pieces of functions’ calls', () => {
  const piece = (call: object): string => delta({ tool_calls: [call] });

  it('get the index and the type that an engine leaves out', async () => {
    const service = await startService();
    service.stub.script(
      streamOf(
        piece({ id: 'a', function: { name: 'look_up', arguments: '{"word":' } }),
        piece({ function: { arguments: '"x"}' } }),
        piece({ id: 'b', function: { name: 'look_up', arguments: '' } }),
        piece({ id: 'a', function: { arguments: ' ' } }),
        piece({ function: { arguments: '{}' } }),
      ),
    );

    const { chunks } = await readChunks(service, CHAT, { ...HELLO, ...TOOLS });

    expect(chunks.flatMap(({ choices }) => choices[0]?.delta?.tool_calls ?? [])).toEqual([
      { index: 0, type: 'function', id: 'a', function: { name: 'look_up', arguments: '{"word":' } },
      { index: 0, function: { arguments: '"x"}' } },
      { index: 1, type: 'function', id: 'b', function: { name: 'look_up', arguments: '' } },
      { index: 0, id: 'a', function: { arguments: ' ' } },
      { index: 1, function: { arguments: '{}' } },
    ]);
  });

  it('that are complete stay as they are', async () => {
    const service = await startService();
    const calls = [
      { index: 0, id: 'a', type: 'function', function: { name: 'look_up', arguments: '' } },
      { index: 0, function: { arguments: '{}' } },
    ];
    service.stub.script(streamOf(...calls.map(piece)));

    const { chunks } = await readChunks(service, CHAT, { ...HELLO, ...TOOLS });

    expect(chunks.flatMap(({ choices }) => choices[0]?.delta?.tool_calls ?? [])).toEqual(calls);
  });
});

describe('half a surrogate pair in a stream', () => {
  /** A delta as an engine writes it that escapes it. */
  const halved = (text: string): string => delta({ content: text });

  it('becomes U+FFFD, and a pair that two events divide stays one', async () => {
    const service = await startService();
    service.stub.script(
      streamOf(...['A', '\ud83d', '\udc4d B', '\ud83d', ' C', '\udc4d', '\ud83d'].map(halved)),
    );

    const stream = await readChunks(service, CHAT);

    expect(stream.said()).toBe('A👍 B\ufffd C\ufffd\ufffd');
    const texts = stream.chunks.map(({ choices }) => choices[0]?.delta?.content ?? '');
    expect(texts.every((text) => text.isWellFormed())).toBe(true);
  });

  it('is none where an event holds both, which stays byte for byte', async () => {
    const service = await startService();
    const whole = String.raw`data: {"id": 1, "choices":[{"index":0,"delta":{"content":"\ud83d\udc4d"}}]}`;
    service.stub.script(streamOf(`${whole}\n\n`));

    const response = await fetch(service.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...HELLO, stream: true }),
    });

    expect(await response.text()).toContain(`${whole}\n\n`);
  });
});

describe('chat marks in a stream', () => {
  const MARKED = { messages: [{ role: 'user', content: 'What is <|im_end|> for?' }] };
  const HARMLESS = 'It ends a turn: <¦|im_end|> and <¦/think>, not <¦¦|im_end|> nor <¦|im_';
  const ORIGINAL = 'It ends a turn: <|im_end|> and </think>, not <¦|im_end|> nor <¦|im_';

  const places = Array.from({ length: HARMLESS.length - 1 }, (_, at) => at + 1);

  it('are put back, wherever the engine divides the text', async () => {
    const service = await startService();
    for (const place of places) {
      service.stub.script(
        streamOf(delta({ content: HARMLESS.slice(0, place) }), delta({ content: HARMLESS.slice(place) })),
      );
      const stream = await readChunks(service, CHAT, MARKED);
      expect(stream.said()).toBe(ORIGINAL);
    }
  });

  it('are put back where every character is an event', async () => {
    const service = await startService();
    service.stub.script(streamOf(...Array.from(HARMLESS, (content) => delta({ content }))));

    const stream = await readChunks(service, CHAT, MARKED);

    expect(stream.said()).toBe(ORIGINAL);
    expect(stream.finish()).toBe('stop');
  });

  it('are put back in thoughts and in the arguments of functions', async () => {
    const service = await startService();
    const call = (piece: string): string =>
      delta({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
    const think = (piece: string): string => delta({ reasoning_content: piece });
    service.stub.script(
      streamOf(think('Of <¦|im'), think('_end|>.'), call('{"word":"<¦|im_'), call('end|>"}'), call('<¦|im')),
    );

    const stream = await readChunks(service, CHAT, { ...MARKED, ...TOOLS });

    const thoughts = stream.chunks.map(({ choices }) => choices[0]?.delta?.reasoning_content ?? '');
    expect(thoughts.join('')).toBe('Of <|im_end|>.');
    expect(stream.arguments()).toBe('{"word":"<|im_end|>"}<¦|im');
  });

  it('are put back in the arguments of functions whose definition alone has them', async () => {
    const service = await startService();
    const call = (piece: string): string =>
      delta({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
    service.stub.script(streamOf(call('{"word":"<¦|im_'), call('end|>"}')));
    const [tool] = TOOLS.tools;
    const described = { ...tool, function: { ...tool?.function, description: 'Looks up <|im_end|>.' } };

    const stream = await readChunks(service, CHAT, { ...HELLO, ...TOOLS, tools: [described] });

    expect(stream.arguments()).toBe('{"word":"<|im_end|>"}');
  });

  it('are put back in a last event that has text and the reason of the end', async () => {
    const service = await startService();
    const last = event({ delta: { content: 'd|> <¦|im' }, finish_reason: 'stop' });
    service.stub.script({ kind: 'raw', body: [delta({ content: '<¦|im_en' }), last, 'data: [DONE]\n\n'] });

    const stream = await readChunks(service, CHAT, MARKED);

    expect(stream.said()).toBe('<|im_end|> <¦|im');
  });

  it('are left alone where the caller sent none', async () => {
    const service = await startService();
    service.stub.script(streamOf(delta({ content: HARMLESS })));

    expect((await readChunks(service, CHAT)).said()).toBe(HARMLESS);
  });

  it('are left alone in text completions', async () => {
    const service = await startService();
    service.stub.script(streamOf(event({ text: HARMLESS })));

    expect((await readChunks(service, COMPLETIONS, { prompt: 'a <|im_end|> b' })).said()).toBe(HARMLESS);
    expect(firstOnWire(service.stub).prompt).toBe('a <|im_end|> b');
  });
});
