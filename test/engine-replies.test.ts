import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dialects } from '../src/engine/dialects/index.js';
import { EngineFault } from '../src/engine/engine-fault.js';
import { EngineService } from '../src/engine/engine.service.js';
import { faultOf, type ReadReply, readWhole } from '../src/engine/read-reply.js';
import { ReplyGuard } from '../src/engine/reply-guard.js';
import { Tally } from '../src/engine/tally.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { NO_THINKING_SAMPLING } from '../src/pipeline/define-task.js';
import { CHAT, failsWith, times, WHOLE } from './support/engine-questions.js';
import { type Completion, CHAT as V1_CHAT, HELLO, readChunks } from './support/openai-wire.js';
import { MODEL_REPLIES, startService } from './support/service.js';

describe('a completion of any shape', () => {
  const anything = fc.jsonValue();
  const text = fc.oneof(anything, fc.record({ content: anything, reasoning_content: anything }));
  const choice = fc.oneof(
    anything,
    fc.record({ message: text, finish_reason: anything, matched_stop: anything }, { requiredKeys: [] }),
  );
  const completion = fc.oneof(
    anything,
    fc.record(
      {
        choices: fc.oneof(anything, fc.array(choice, { maxLength: 2 })),
        usage: fc.oneof(anything, fc.record({ prompt_tokens: anything, completion_tokens: anything })),
        model: anything,
        error: fc.oneof(anything, fc.record({ message: anything, code: anything, param: anything })),
        object: fc.oneof(anything, fc.constant('error')),
      },
      { requiredKeys: [] },
    ),
  );

  it('is a reply of the right types or a fault', () => {
    const guard = anyGuard();
    fc.assert(
      fc.property(completion, (body) => {
        const outcome = readOrFault(body, guard);
        if (outcome instanceof EngineFault) return;
        const { content, reasoning, refusal, finish, model, usage } = outcome;
        const texts = [content, reasoning, refusal, model];
        expect(texts.every((field) => typeof field === 'string')).toBe(true);
        expect(finish).toMatch(/^(stop|stop-string|length|content-filter|abort|other)$/);
        expect(Object.values(usage).every((count) => Number.isSafeInteger(count))).toBe(true);
      }),
      { numRuns: 1000 },
    );
    guard.close();
  });

  function readOrFault(body: unknown, guard: ReplyGuard): ReadReply | EngineFault {
    const bytes = Buffer.from(JSON.stringify(body));
    try {
      return readWhole(bytes, {
        path: '/v1/chat/completions',
        dialect: dialects.sglang,
        tally: new Tally(),
        expected: { thinking: false, isObject: false },
        contentType: undefined,
      });
    } catch (thrown) {
      return faultOf(thrown, guard);
    }
  }
});

describe('a stream', () => {
  const REPLY = '네, 잘 알겠습니다 👍';
  const EVENTS = [{ content: '' }, { content: REPLY }, {}].map(
    (delta, at) =>
      `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta, finish_reason: at === 2 ? 'stop' : null }] })}\n\n`,
  );
  const STREAM = [...EVENTS, 'data: [DONE]\n\n'].join('');
  const WHOLE_REPLY = JSON.stringify({
    id: 'c1',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: REPLY }, finish_reason: 'stop' }],
  });

  /** The stream with something else before each of its events. */
  const between = (event: string): string => STREAM.replaceAll('data: ', `${event}\n\ndata: `);

  it.each([
    { what: 'in pieces of one byte', body: [...Buffer.from(STREAM)].map(base64) },
    { what: 'with line ends of Windows', body: [STREAM.replaceAll('\n', '\r\n')] },
    { what: 'with comments', body: [STREAM.replaceAll('data:', ': still here\n\ndata:')] },
    { what: 'with events after [DONE]', body: [STREAM, 'data: {"choices":[{"delta":{"content":"!"}}]}\n\n'] },
    { what: 'without blanks after data:', body: [STREAM.replaceAll('data: ', 'data:')] },
    { what: 'in one piece', body: [STREAM] },
    { what: 'with line ends of old Macs', body: [STREAM.replaceAll('\n', '\r')] },
    {
      what: 'with line ends of Windows, torn',
      body: STREAM.split('\n').flatMap((line) => [`${line}\r`, '\n']),
    },
    { what: 'without its last line end', body: [STREAM.trimEnd()] },
    { what: 'without its last blank line', body: [`${STREAM.trimEnd()}\n`] },
    { what: 'with a blank behind [DONE]', body: [STREAM.replace('[DONE]', '[DONE] ')] },
    { what: 'with its end in small letters', body: [STREAM.replace('[DONE]', '[done]')] },
    { what: 'behind a byte order mark', body: [`\uFEFF${STREAM}`] },
    { what: 'behind a torn byte order mark', body: [{ base64: '77s=' }, { base64: 'vw==' }, STREAM] },
    { what: 'with null between its events', body: [between('data: null')] },
    { what: 'with pings', body: [between('event: ping\ndata: {"type":"ping"}')] },
    { what: 'with words', body: [between('data: keep-alive')] },
    { what: 'with empty events', body: [between('data:')] },
    { what: 'with numbers and lists', body: [between('data: 1\n\ndata: []')] },
    { what: 'with no error', body: [between('data: {"error":null}')] },
    { what: 'with usage that has no choices', body: [between('data: {"usage":{"prompt_tokens":1}}')] },
    { what: 'with choices that are none', body: [between('data: {"choices":[null]}')] },
    {
      what: 'with choices of others',
      body: [between('data: {"choices":[{"index":1,"delta":{"content":"No."}},{"index":2}]}')],
    },
    {
      what: 'with numbers that only Python writes',
      body: [between('data: {"choices":[{"delta":{},"logprobs":[NaN,-Infinity]}]}')],
    },
    { what: 'as JSON', body: [WHOLE_REPLY] },
    {
      what: 'as JSON over several lines',
      body: [`\n ${JSON.stringify(JSON.parse(WHOLE_REPLY), null, 2)}\n`],
    },
    { what: 'as JSON behind a byte order mark', body: [`\uFEFF${WHOLE_REPLY}`] },
    { what: 'as JSON with a closing event', body: [`${WHOLE_REPLY}\n\ndata: [DONE]\n\n`] },
  ])('is read $what', async ({ body }) => {
    const service = await startService();
    service.stub.script({ kind: 'raw', body }, { kind: 'raw', body });

    expect(await service.post(CHAT.path, CHAT.body)).toMatchObject({ status: 200, body: { content: REPLY } });
    const relayed = await readChunks(service, V1_CHAT);
    expect({ said: relayed.said(), finish: relayed.finish() }).toEqual({ said: REPLY, finish: 'stop' });
    expect(service.stub.requests).toHaveLength(2);
  });

  it.each(['gzip', 'deflate', 'br'] as const)('is read while it comes compressed: %s', async (coding) => {
    const service = await startService();
    service.stub.script(
      { kind: 'rewrite', replace: [], coding, content: REPLY },
      { kind: 'rewrite', replace: [], coding, content: REPLY },
    );

    expect((await service.post(CHAT.path, CHAT.body)).body).toMatchObject({ content: REPLY });
    expect((await readChunks(service, V1_CHAT)).said()).toBe(REPLY);
  });

  it.each([
    ['its last event is torn', STREAM.slice(0, STREAM.lastIndexOf('}') - 5)],
    ['its closing event is torn', STREAM.slice(0, STREAM.indexOf('[DONE]') + 3)],
  ])('is cut where %s', async (_, body) => {
    const service = await startService();
    service.stub.script(...times(2, { kind: 'raw', body: [body] }));

    await failsWith(service, CHAT, 'ENGINE_REPLY_CUT');
  });

  it('is none where event after event says nothing', async () => {
    const service = await startService();
    service.stub.script(
      ...times(2, { kind: 'raw', body: [{ repeat: 'data: null\n\n', times: 6001 }, STREAM] }),
    );

    await failsWith(service, CHAT, 'ENGINE_BAD_RESPONSE');
  });

  it('keeps what it says before it breaks off behind a backslash', async () => {
    const service = await startService();
    const torn = `data: {"choices":[{"index":0,"delta":{"content":"${'a'.repeat(200)}\\`;
    service.stub.script({ kind: 'raw', body: [STREAM.slice(0, STREAM.indexOf('data: [')), torn] });

    const relayed = await readChunks(service, V1_CHAT);

    expect(relayed.said()).toBe(REPLY);
    expect(relayed.error?.code).toBe('engine_reply_cut');
  });

  const QUOTA = { code: 'insufficient_quota', message: 'Pay first.' };

  it.each([
    ['beside choices that are none', `data: ${JSON.stringify({ choices: [], error: QUOTA })}\n\n`],
    [
      'beside a choice that ends with it',
      `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'error' }], error: QUOTA })}\n\n`,
    ],
    ['in JSON', JSON.stringify({ choices: [], error: QUOTA })],
  ])('is refused by its error %s', async (_, body) => {
    const service = await startService();
    service.stub.script({ kind: 'raw', body: [body] });

    await failsWith(service, CHAT, 'ENGINE_QUOTA_EXCEEDED');
    expect(service.stub.requests).toHaveLength(1);
  });

  it('keeps what it says before it breaks off in the middle of an event', async () => {
    const service = await startService();
    service.stub.script({ kind: 'raw', body: [STREAM.slice(0, STREAM.indexOf('data: [')), 'data: {'] });

    const relayed = await readChunks(service, V1_CHAT);

    expect(relayed.said()).toBe(REPLY);
    expect(relayed.error?.code).toBe('engine_reply_cut');
  });

  it('is read where the finish rides on the last token, as vLLM sends it', async () => {
    const service = await startService();
    const last = JSON.stringify({ choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }] });
    service.stub.script({ kind: 'raw', body: [`data: ${last}\n\ndata: [DONE]\n\n`] });

    expect(await service.post(CHAT.path, CHAT.body)).toMatchObject({ status: 200, body: { content: 'Hi' } });
  });

  it('has its first token counted from the question, though the headers come as late', async () => {
    const service = await startService();
    service.stub.script({ kind: 'delay', ms: 100, content: 'Hi' });

    const reply = await service.app.get(EngineService).ask(
      {
        model: 'm',
        messages: [{ role: 'user', content: 'Hello' }],
        sampling: {},
        samplingDefaults: { temperature: 1, ...NO_THINKING_SAMPLING },
        maxTokens: 10,
        thinking: false,
        delivery: 'stream',
      },
      {
        deadlineAt: inAMinute(),
        signal: new AbortController().signal,
        onTry: () => undefined,
        onTried: () => undefined,
      },
    );

    expect(reply.firstTokenMs).toBeGreaterThan(90);
  });

  it('is not whole because its text quotes [DONE]', async () => {
    const service = await startService();
    const last = JSON.stringify({ choices: [{ delta: { content: 'data: [DONE]' }, finish_reason: 'stop' }] });
    service.stub.script(...Array<Fault>(2).fill({ kind: 'raw', body: [`data: ${last}\n\n`] }));

    expect(await service.fail(CHAT.path, CHAT.body)).toMatchObject({ body: { code: 'ENGINE_REPLY_CUT' } });
  });

  it('is whole though its connection breaks behind [DONE]', async () => {
    const service = await startService();
    service.stub.script({ kind: 'raw', body: [STREAM, 'data: {'] });

    expect(await service.post(CHAT.path, CHAT.body)).toMatchObject({ status: 200, body: { content: REPLY } });
  });

  function base64(byte: number): { base64: string } {
    return { base64: Buffer.of(byte).toString('base64') };
  }
});

describe('a whole reply', () => {
  const FEEDBACK = MODEL_REPLIES['/api/feedback'];
  const SAID = JSON.stringify(FEEDBACK);
  const JSON_TEXT = JSON.stringify({
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: SAID }, finish_reason: 'stop' }],
  });
  const event = (choice: object, more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'c1', model: 'm', choices: [{ index: 0, ...choice }], ...more })}\n\n`;
  const EVENTS = [
    ': ping\n\n',
    event({ delta: { role: 'assistant', content: '', reasoning_content: null } }),
    ...Array.from(SAID, (content) => event({ delta: { content, reasoning_content: null } })),
    event({ delta: {}, finish_reason: 'stop', matched_stop: 7 }),
    'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}\n\n',
    'data: [DONE]\n\n',
  ];

  it.each<{ how: string; script: Fault }>([
    { how: 'behind a byte order mark', script: { kind: 'raw', body: [`\uFEFF${JSON_TEXT}`] } },
    { how: 'with a closing event', script: { kind: 'raw', body: [`${JSON_TEXT}\n\ndata: [DONE]\n\n`] } },
    { how: 'with a number of Python’s', script: { kind: 'raw', body: [JSON_TEXT.replace('"m"', 'NaN')] } },
    { how: 'as events', script: { kind: 'raw', body: [EVENTS.join('')] } },
    {
      how: 'as events without the last blank line',
      script: { kind: 'raw', body: [EVENTS.join('').trimEnd()] },
    },
    ...(['gzip', 'deflate', 'br'] as const).map((coding) => ({
      how: `compressed with ${coding}`,
      script: { kind: 'rewrite', replace: [], coding, content: SAID } satisfies Fault,
    })),
  ])('is read though it comes $how', async ({ script }) => {
    const service = await startService();
    service.stub.script(script);

    expect(await service.post(WHOLE.path, WHOLE.body)).toMatchObject({ status: 200, body: FEEDBACK });
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is put together for /v1 where it comes as events', async () => {
    const service = await startService();
    const calls = [
      { index: 0, id: 'a', type: 'function', function: { name: 'look_up', arguments: '' } },
      { index: 0, id: null, function: { name: null, arguments: '{"word":' } },
      { index: 1, id: 'b', type: 'function', function: { name: 'look_up', arguments: '{}' } },
      { index: 0, function: { arguments: '"x"}' } },
    ].map((call) => event({ delta: { tool_calls: [call] } }));
    service.stub.script({ kind: 'raw', body: [EVENTS.slice(0, -3).join(''), ...calls, ...EVENTS.slice(-3)] });

    const { body } = await service.post<Completion>(V1_CHAT, HELLO);

    expect(body).toEqual({
      id: 'c1',
      object: 'chat.completion',
      model: 'm',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: SAID,
            reasoning_content: null,
            tool_calls: [
              {
                index: 0,
                id: 'a',
                type: 'function',
                function: { name: 'look_up', arguments: '{"word":"x"}' },
              },
              { index: 1, id: 'b', type: 'function', function: { name: 'look_up', arguments: '{}' } },
            ],
          },
          logprobs: null,
          finish_reason: 'stop',
          matched_stop: 7,
        },
      ],
      usage: { prompt_tokens: 5, completion_tokens: 7 },
    });
  });

  it('keeps every part of a content that comes as events of parts', async () => {
    const service = await startService();
    const parts = ['', [{ type: 'text', text: 'Hello ' }], 'dear ', [{ type: 'text', text: 'world' }]];
    const said = parts.map((content) => event({ delta: { content } }));
    service.stub.script({ kind: 'raw', body: [...said, ...EVENTS.slice(-3)] });

    const { body } = await service.post<Completion>(V1_CHAT, HELLO);

    expect(body.choices[0]?.message.content).toBe('Hello dear world');
  });

  it('has its content as text for /v1 where it came in parts', async () => {
    const service = await startService();
    const content = [
      { type: 'text', text: 'Hello ' },
      { type: 'text', text: 'world' },
    ];
    const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
    service.stub.script({ kind: 'raw', body: [JSON.stringify({ choices })] });

    const { body } = await service.post<Completion>(V1_CHAT, HELLO);

    expect(body.choices[0]?.message).toEqual({ role: 'assistant', content: 'Hello world' });
  });

  it('is the choice of index 0, wherever it stands', async () => {
    const service = await startService();
    const choice = (index: number, content: string): object => ({
      index,
      message: { content },
      finish_reason: 'stop',
    });
    const body = JSON.stringify({ choices: [choice(1, '{}'), choice(0, SAID)] });
    service.stub.script({ kind: 'raw', body: [body] });

    expect(await service.post(WHOLE.path, WHOLE.body)).toMatchObject({ status: 200, body: FEEDBACK });
  });

  it('is no reply where it is torn behind a backslash', async () => {
    const service = await startService();
    const torn = JSON_TEXT.slice(0, JSON_TEXT.indexOf('\\', 100) + 1);
    service.stub.script(...times(2, { kind: 'raw', body: [torn] }));

    await failsWith(service, WHOLE, 'ENGINE_BAD_RESPONSE');
  });

  it('is cut where it comes as events and ends before its end', async () => {
    const service = await startService();
    service.stub.script(...times(2, { kind: 'raw', body: [EVENTS.slice(0, -1).join('')] }));

    await failsWith(service, WHOLE, 'ENGINE_REPLY_CUT');
  });

  it('has U+FFFD for half a surrogate pair under /v1, and is else the same byte for byte', async () => {
    const service = await startService();
    const body = String.raw`{"choices": [{"message":{"content":"A\ud83d B\ud83d\udc4d \\ud83d"},"finish_reason":"stop"}]}`;
    service.stub.script({ kind: 'raw', body: [body] });

    const response = await fetch(service.url + V1_CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(HELLO),
    });

    expect(await response.text()).toBe(body.replace(String.raw`A\ud83d`, String.raw`A\ufffd`));
  });

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('is broken off once it has grown too large, however small it came: %s', async (coding, compress) => {
    const service = await startService({ engineMaxReplyBytes: 100_000 });
    const packed = compress(Buffer.alloc(50_000_000, 0x20));
    expect(packed.length).toBeLessThan(100_000);
    const headers = { 'content-encoding': coding };
    const script: Fault = { kind: 'raw', headers, body: [{ base64: packed.toString('base64') }] };

    for (const question of [WHOLE, CHAT]) {
      service.stub.script(script);
      await failsWith(service, question, 'ENGINE_REPLY_TOO_LARGE');
    }
    expect(service.stub.requests).toHaveLength(2);
  });
});

describe('a reply that cannot be read', () => {
  const WORDS = 'no Brotli at all, '.repeat(100);

  it.each<{ what: string; script: Fault; detail: string }>([
    {
      what: 'compressed in another way',
      script: { kind: 'raw', headers: { 'content-encoding': 'zstd' }, body: ['x'] },
      detail: 'The engine’s reply is compressed with zstd, which is not undone here.',
    },
    {
      what: 'not compressed at all',
      script: { kind: 'raw', headers: { 'content-encoding': 'gzip' }, body: ['{"choices":[]}'] },
      detail: 'The engine’s reply is not what its Content-Encoding says (gzip).',
    },
    {
      what: 'compressed in another way than it says',
      script: { kind: 'raw', headers: { 'content-encoding': 'br' }, body: [WORDS] },
      detail: 'The engine’s reply is not what its Content-Encoding says (br).',
    },
    { what: 'a web page', script: { kind: 'html' }, detail: 'The engine’s reply is an HTML page.' },
    { what: 'nothing', script: { kind: 'raw', body: [] }, detail: 'The engine’s reply is empty.' },
    {
      what: 'a text',
      script: { kind: 'raw', headers: { 'content-type': 'text/plain; charset=x' }, body: ['SECRET'] },
      detail: 'The engine’s reply is neither JSON nor a stream of events; its Content-Type is text/plain.',
    },
    {
      what: 'other JSON',
      script: { kind: 'raw', body: ['{"SECRET":1}'] },
      detail: 'The engine’s reply is JSON, but no whole completion.',
    },
  ])('is named: $what', async ({ script, detail }) => {
    const service = await startService();

    for (const question of [WHOLE, CHAT]) {
      service.stub.script(...times(2, script));
      const { body } = await failsWith(service, question, 'ENGINE_BAD_RESPONSE');
      expect(body.detail).toBe(detail);
    }
  });
});

describe('an error whose body cannot be read', () => {
  it.each<[string, number, 'ENGINE_OVERLOADED' | 'ENGINE_UNAUTHORIZED']>([
    ['zstd', 503, 'ENGINE_OVERLOADED'],
    ['gzip', 401, 'ENGINE_UNAUTHORIZED'],
  ])('because it is not %s means what its status %i means', async (coding, status, code) => {
    const service = await startService();
    const headers = { 'content-encoding': coding, 'retry-after': '60' };
    service.stub.script({ kind: 'status', status, headers, body: { message: 'not packed' } });

    await failsWith(service, WHOLE, code);
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('a model’s name', () => {
  it('may be anything, and is cut to what a header can carry', async () => {
    const service = await startService();
    const choices = [{ delta: { content: 'Hi' }, finish_reason: 'stop' }];
    const event = JSON.stringify({ model: `한글\r\nx-evil: 1${'m'.repeat(50_000)}`, choices });
    service.stub.script({ kind: 'raw', body: [`data: ${event}\n\ndata: [DONE]\n\n`] });

    const { status, headers } = await service.post(CHAT.path, CHAT.body);

    expect(status).toBe(200);
    expect(headers['x-model']).toMatch(/^\?{4}x-evil: 1m{187}$/);
  });
});

/** A deadline that no test reaches. */
function inAMinute(): number {
  return performance.now() + 60_000;
}

/** A guard of a try that nothing ends; to be closed. */
function anyGuard(): ReplyGuard {
  return new ReplyGuard({ deadlineAt: inAMinute(), maxBytes: 1000 }, new AbortController().signal);
}
