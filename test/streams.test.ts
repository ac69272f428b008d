import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { CallEvents } from '../src/calls/call-events.js';
import type { CallRecord } from '../src/calls/call-record.js';
import type { ErrorCode, Problem } from '../src/common/errors.js';
import type { Settings } from '../src/config/settings.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { CHAT, times } from './support/engine-questions.js';
import { expectProblem } from './support/problem.js';
import { MODEL_REPLIES, QUESTION, startService, startStub, type TestService } from './support/service.js';
import { expectSound, openStream, readStream } from './support/sse.js';

const STEP = { path: '/api/interview/step', body: QUESTION } as const;
const FEEDBACK = { path: '/api/feedback', body: QUESTION } as const;
const REPORT = { path: '/api/report', body: QUESTION } as const;
const ROUTES = [STEP, FEEDBACK, REPORT, CHAT];

const EVENTS = { accept: 'text/event-stream' };

const SAID: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(MODEL_REPLIES).map(([path, reply]) => [path, JSON.stringify(reply)])),
  [CHAT.path]: 'A slow query? I read its plan first.',
};

/** What the model says to a route, scripted. */
const reply = (path: string): Fault & { content: string } => ({ kind: 'reply', content: SAID[path] ?? '' });

describe('a stream', () => {
  it.each(ROUTES)('of $path brings the reply in parts, and whole at its end', async ({ path, body }) => {
    const service = await startService();
    service.stub.script(reply(path), reply(path));

    const whole = await service.post(path, body);
    const { events } = await readStream(service, path, body);

    expect(events.length).toBeGreaterThan(5);
    expect(JSON.stringify(events.at(-1)?.data.reply)).toBe(JSON.stringify(whole.body));
  });

  it('has the head of a stream, and facts of the call', async () => {
    const service = await startService();

    const { status, headers } = await readStream(service, STEP.path, STEP.body, { 'x-request-id': 'turn-7' });

    expect({ status, ...headers }).toMatchObject({
      status: 200,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'turn-7',
      'x-call-id': expect.stringMatching(/^[\da-f-]{36}$/),
      'x-provider': 'stub',
    });
    expect(headers).not.toHaveProperty('content-length');
  });

  it('has no line end that Unicode knows and JSON does not escape', async () => {
    const service = await startService();
    const said = { ...MODEL_REPLIES[STEP.path], message: 'One\u2028two\u2029three\u0085four.' };
    service.stub.script({ kind: 'reply', content: JSON.stringify(said) });

    const { events, text } = await readStream(service, STEP.path, STEP.body);

    expect(text).not.toMatch(/[\u0085\u2028\u2029]/);
    expect(text).toContain(String.raw`\u2028`);
    expect(events.at(-1)?.data.reply).toEqual(said);
  });

  it('ends with what the headers of a whole reply tell', async () => {
    const service = await startService();
    service.stub.script(reply(STEP.path), reply(STEP.path));
    const whole = await service.post(STEP.path, STEP.body);

    const { headers, events } = await readStream(service, STEP.path, STEP.body);

    const { usage, call } = events.at(-1)?.data ?? {};
    expect(usage).toEqual({
      prompt_tokens: expect.any(Number),
      completion_tokens: expect.any(Number),
      total_tokens: expect.any(Number),
    });
    expect(call).toEqual({
      id: headers['x-call-id'],
      request_id: headers['x-request-id'],
      model: whole.headers['x-model'],
      provider: whole.headers['x-provider'],
      attempts: 1,
      first_field_ms: expect.any(Number),
      queue_ms: expect.any(Number),
      engine_ms: expect.any(Number),
      total_ms: expect.any(Number),
    });
  });

  it.each([
    { max_tokens: 3, finish_reason: 'length' },
    { max_tokens: 300, finish_reason: 'stop' },
  ])('of a chat says how it ended: $finish_reason', async ({ max_tokens, finish_reason }) => {
    const service = await startService();

    const { events } = await readStream(service, CHAT.path, { ...CHAT.body, max_tokens });

    expect(events.at(-1)?.data.call).toMatchObject({ finish_reason });
  });

  it.each([
    { what: 'chat marks as they were', said: 'Write <¦|im_end|>.', heard: 'Write <|im_end|>.' },
    { what: 'what only began like a mark', said: 'Write <¦|im', heard: 'Write <¦|im' },
    { what: 'no blanks before the first word', said: '\n\n  Well,\n\n  yes', heard: 'Well,\n\n  yes' },
  ])('of a chat brings $what', async ({ said, heard }) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: said });

    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(events.at(-1)?.data.reply).toMatchObject({ content: heard });
  });

  it('begins before the engine has said anything', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'request' });

    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });

    await service.stub.waitFor(() => service.stub.running === 1);
    expect(stream.status).toBe(200);
    expect(stream.events).toEqual([]);
    stream.leave();
  });

  it.each(ROUTES)('of $path brings what the engine has said while it goes on', async ({ path, body }) => {
    const service = await startService();
    service.stub.script({ ...reply(path), kind: 'stall', after: 'half' });

    const stream = await openStream(service, path, { ...body, stream: true });

    await stream.until(() => stream.events.length >= 2);
    expect(service.stub.running).toBe(1);
    stream.leave();
  });

  it('sends comments while nothing comes', async () => {
    const service = await startService({ streamPing: 0.02 });
    service.stub.script({ ...reply(STEP.path), kind: 'stall', after: 'half' });

    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });

    await stream.until(() => stream.comments.length >= 3);
    expect(new Set(stream.comments)).toEqual(new Set(['ping']));
    stream.leave();
  });
});

describe('a stream is asked for', () => {
  it.each([
    'text/event-stream',
    'TEXT/Event-Stream',
    'text/event-stream; charset=utf-8',
    'text/event-stream;q=0.9, */*;q=0.1',
    'text/event-stream;q=0.001',
    'application/json;q=0, text/event-stream',
    'application/json;q=0.5,text/event-stream',
  ])('by Accept: %s', async (accept) => {
    const service = await startService();

    const stream = await openStream(service, STEP.path, STEP.body, { accept });

    expect(await stream.end()).toBe('whole');
    expect(expectSound(stream).name).toBe('result');
  });

  it.each([
    '*/*',
    'text/*',
    'application/json',
    'text/event-streams',
    'application/text/event-stream',
    'text/event-stream;q=0',
    'application/json, Text/Event-Stream; charset=utf-8 ; Q=0.000',
  ])('not by Accept: %s', async (accept) => {
    const service = await startService();

    const { headers, body } = await service.post(STEP.path, STEP.body, { accept });

    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Object.keys(body)).toEqual(['thought', 'action', 'message', 'evaluation']);
  });

  it('by Accept where stream is null', async () => {
    const service = await startService();

    const { headers } = await readStream(service, STEP.path, { ...STEP.body, stream: null }, EVENTS);

    expect(headers['content-type']).toContain('text/event-stream');
  });

  it('by no header where stream is false', async () => {
    const service = await startService();

    const { status, body } = await service.post(STEP.path, { ...STEP.body, stream: false }, EVENTS);

    expect({ status, fields: Object.keys(body).length }).toEqual({ status: 200, fields: 4 });
  });
});

describe('a stream that is refused before an engine is asked', () => {
  async function refuses(
    service: TestService,
    { path, body, headers = EVENTS }: { path: string; body: object; headers?: Record<string, string> },
    code: ErrorCode,
  ): Promise<Problem> {
    const problem = expectProblem(await service.fail(path, body, headers), code);
    expect(service.stub.requests).toEqual([]);
    return problem;
  }

  it.each(ROUTES)('keeps its status: 400 of $path', async ({ path, body }) => {
    const problem = await refuses(
      await startService(),
      { path, body: { ...body, stream: 'yes' } },
      'VALIDATION_FAILED',
    );

    expect(problem.errors).toEqual([{ path: '/stream', message: expect.any(String) }]);
  });

  it('keeps its status: 401', async () => {
    const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:long-enough' }, undefined).settings;

    await refuses(await startService({ apiKeys }), STEP, 'UNAUTHORIZED');
  });

  it('keeps its status: 404 of a model that no engine serves', async () => {
    const stub = await startStub({ modelName: 'm' });
    const service = await startService({ engine: 'sglang', engineUrls: [stub.url], modelName: 'm-stub' });
    expect((await readStream(service, STEP.path, STEP.body)).events.at(-1)?.name).toBe('result');

    await refuses(service, { ...STEP, body: { ...STEP.body, model: 'other' } }, 'MODEL_NOT_FOUND');
  });

  it.each([
    { stream_fields: ['/nothing'], path: '/stream_fields/0' },
    { stream_fields: ['/message', '/constructor'], path: '/stream_fields/1' },
    { stream_fields: ['message'], path: '/stream_fields/0' },
    { stream_fields: ['/message/text'], path: '/stream_fields/0' },
    { stream_fields: ['/message', ''], path: '/stream_fields/1' },
    { stream_fields: ['/message', 3], path: '/stream_fields/1' },
    { stream_fields: [], path: '/stream_fields' },
    { stream_fields: '/message', path: '/stream_fields' },
    { stream_fields: Array(21).fill('/message'), path: '/stream_fields' },
  ])('has 400 for $stream_fields', async ({ stream_fields, path }) => {
    const { errors } = await refuses(
      await startService(),
      { path: STEP.path, body: { ...STEP.body, stream_fields } },
      'VALIDATION_FAILED',
    );

    expect(errors?.map((error) => error.path)).toEqual([path]);
  });

  it('has 400 for stream_fields of a reply that does not stream', async () => {
    const { errors } = await refuses(
      await startService(),
      { path: STEP.path, body: { ...STEP.body, stream_fields: ['/message'] }, headers: {} },
      'VALIDATION_FAILED',
    );

    expect(errors).toEqual([{ path: '/stream_fields', message: 'needs stream: true' }]);
  });

  it('has 400 for stream_fields of a chat, which has no fields', async () => {
    const { errors } = await refuses(
      await startService(),
      { path: CHAT.path, body: { ...CHAT.body, stream_fields: ['/content'] } },
      'VALIDATION_FAILED',
    );

    expect(errors?.map(({ path }) => path)).toEqual(['/stream_fields']);
  });
});

describe('stream_fields', () => {
  it('limit what is sent, before the result and in it', async () => {
    const service = await startService();
    service.stub.script(reply(STEP.path));

    const stream = await readStream(service, STEP.path, { ...STEP.body, stream_fields: ['/message'] });

    const { action, message, thought, evaluation } = MODEL_REPLIES[STEP.path];
    expect(stream.events.at(-1)?.data.reply).toEqual({ message });
    for (const hidden of [action, thought, evaluation]) expect(stream.text).not.toContain(hidden);
  });

  it('name fields with all that is in them', async () => {
    const service = await startService();
    service.stub.script(reply(REPORT.path));

    const { events } = await readStream(service, REPORT.path, {
      ...REPORT.body,
      stream_fields: ['/overall_score', '/question_feedbacks'],
    });

    expect(events.filter(({ name }) => name === 'field.done').map(({ data }) => data.path)).toEqual([
      '/question_feedbacks/0/question',
      '/question_feedbacks/0/answer_summary',
      '/question_feedbacks/0/feedback',
      '/question_feedbacks/0/score',
      '/overall_score',
    ]);
  });

  it('may be null, which is all', async () => {
    const service = await startService();

    const { events } = await readStream(service, STEP.path, { ...STEP.body, stream_fields: null });

    expect(Object.keys(events.at(-1)?.data.reply as object)).toHaveLength(4);
  });
});

describe('a stream whose engine fails', () => {
  const TOO_GOOD = JSON.stringify({ ...MODEL_REPLIES[FEEDBACK.path], score: 11 });
  const names = (events: readonly { name: string }[]): string[] => [
    ...new Set(events.map(({ name }) => name)),
  ];

  it.each(ROUTES)('of $path shows nothing of a retry before the first token', async ({ path, body }) => {
    const service = await startService();
    service.stub.script({ kind: 'reset', after: 'role' }, reply(path));

    const { events } = await readStream(service, path, body);

    expect(names(events)).not.toContain('reset');
    expect(events.at(-1)).toMatchObject({ name: 'result', data: { call: { attempts: 2 } } });
  });

  it.each([FEEDBACK, REPORT, CHAT])(
    'of $path in the middle makes void what was sent, and brings it anew',
    async ({ path, body }) => {
      const service = await startService();
      service.stub.script({ ...reply(path), kind: 'hang-up', after: 'half' }, reply(path));

      const { events } = await readStream(service, path, body);

      const resets = events.filter(({ name }) => name === 'reset');
      expect(resets.map(({ data }) => data)).toEqual([
        { reason: 'The engine closed the connection before its reply was whole.', attempt: 2 },
      ]);
      expect(events.at(-1)).toMatchObject({ name: 'result', data: { call: { attempts: 2 } } });
    },
  );

  it('says why it is reset without a word of the model', async () => {
    const service = await startService();
    const words = { ...MODEL_REPLIES[FEEDBACK.path], feedback: 'PURPLE', score: 99 };
    service.stub.script({ kind: 'reply', content: JSON.stringify(words) }, reply(FEEDBACK.path));

    const { events } = await readStream(service, FEEDBACK.path, FEEDBACK.body);

    expect(events.find(({ name }) => name === 'reset')?.data).toEqual({
      reason: 'The reply does not match its schema.',
      attempt: 2,
    });
  });

  it.each([
    { fault: times(3, { kind: 'reply', content: TOO_GOOD }), code: 'STRUCTURED_OUTPUT_INVALID' },
    { fault: times(2, { kind: 'status', status: 500 }), code: 'ENGINE_ERROR' },
    {
      fault: times(2, { ...reply(FEEDBACK.path), kind: 'hang-up', after: 'half' }),
      code: 'ENGINE_CONNECTION_LOST',
    },
    { fault: times(1, { kind: 'status', status: 401 }), code: 'ENGINE_UNAUTHORIZED' },
  ] as { fault: Fault[]; code: ErrorCode }[])(
    'ends with the error that a whole reply would be: $code',
    async ({ fault, code }) => {
      const service = await startService();
      const asked = { 'x-request-id': 'r-1' };
      service.stub.script(...fault, ...fault);

      const stream = await readStream(service, FEEDBACK.path, FEEDBACK.body, asked);
      const whole = await service.fail(FEEDBACK.path, FEEDBACK.body, asked);

      expect(stream.status).toBe(200);
      expect(stream.events.at(-1)).toMatchObject({ name: 'error', data: expectProblem(whole, code) });
    },
  );

  it('because it is down ends with an error behind its head', async () => {
    const service = await startService({ engineUrls: ['http://127.0.0.1:9'] });

    const { status, headers, events } = await readStream(service, STEP.path, STEP.body);

    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: 'text/event-stream; charset=utf-8',
    });
    expect(events).toMatchObject([{ name: 'error', data: { status: 503, code: 'ENGINE_UNREACHABLE' } }]);
  });

  it('says its time is up at its end', async () => {
    const service = await startService({ requestTimeout: 0.3 });
    service.stub.script({ ...reply(CHAT.path), kind: 'stall', after: 'half' });

    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(names(events)).toEqual(['delta', 'error']);
    expect(events.at(-1)?.data).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});

describe('a stream whose model runs away', () => {
  const CONTENT = { role: 'content', from: '{"feedback": "' } as const;
  const prose = (units: number): string =>
    Array.from({ length: units / 8 }, (_, index) => `w${index * index} `)
      .join('')
      .slice(0, units);

  it.each([
    { reason: 'blanks', ...CONTENT, text: ' '.repeat(300) },
    { reason: 'digits', ...CONTENT, text: '7'.repeat(300) },
    { reason: 'loop', ...CONTENT, text: 'and so on '.repeat(300) },
    { reason: 'oversize', ...CONTENT, text: prose(20_000) },
    { reason: 'reasoning', role: 'reasoning_content', from: '', text: prose(20_000) },
  ])('is broken off and asked anew: $reason', async ({ reason, role, from, text }) => {
    const service = await startService();
    const { ended } = recordOf(service);
    service.stub.script(
      { kind: 'raw', body: pieces(from + text, role), ending: 'stall' },
      reply(FEEDBACK.path),
    );

    const { events } = await readStream(service, FEEDBACK.path, FEEDBACK.body);

    expect(events.at(-1)?.name).toBe('result');
    expect((await ended).runaways).toEqual([reason]);
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }, { clientLeft: false }]);
  });

  it('is broken off and asked anew: silence', async () => {
    const service = await startService({ stallTimeout: 0.3 });
    service.stub.script({ ...reply(FEEDBACK.path), kind: 'stall', after: 'half' }, reply(FEEDBACK.path));

    const { events } = await readStream(service, FEEDBACK.path, FEEDBACK.body);

    expect(events.filter(({ name }) => name === 'reset').map(({ data }) => data)).toEqual([
      { reason: 'The engine stopped in the middle of its reply.', attempt: 2 },
    ]);
    expect(events.at(-1)?.name).toBe('result');
  });

  /** A stream's events with this text, and no end. */
  function pieces(text: string, role: string): string[] {
    return (text.match(/.{1,100}/gs) ?? []).map(
      (piece) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { [role]: piece } }] })}\n\n`,
    );
  }
});

/** The record of the next call, once it has ended. */
function recordOf({ app }: TestService): { ended: Promise<CallRecord> } {
  return { ended: once(app.get(CallEvents), 'end').then(([record]) => record as CallRecord) };
}

describe('a stream whose reply must be read as a whole', () => {
  it.each([
    { how: 'in a fence', content: `\`\`\`json\n${SAID[STEP.path] ?? ''}\n\`\`\`` },
    { how: 'in the field for reasoning', content: null, reasoning: SAID[STEP.path] ?? '' },
  ])('brings every field at the end, each in one piece: $how', async ({ content, reasoning }) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content, ...(reasoning !== undefined && { reasoning }) });

    const { events } = await readStream(service, STEP.path, STEP.body);

    const { action, message } = MODEL_REPLIES[STEP.path];
    expect(events.map(({ name }) => name)).toEqual([
      ...Array.from({ length: 4 }, () => ['field.delta', 'field.done']).flat(),
      'result',
    ]);
    expect(events.map(({ data }) => data)).toEqual(
      expect.arrayContaining([
        { path: '/action', text: action },
        { path: '/action', value: action },
      ]),
    );
    expect(events.at(-1)?.data.reply).toMatchObject({ message });
  });

  it('comes as it is written behind a think block', async () => {
    const service = await startService();
    const content = `<think>\nWell.\n</think>\n${SAID[STEP.path] ?? ''}`;
    service.stub.script({ kind: 'stall', after: 'tokens', content });

    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });

    await stream.until(() =>
      stream.events.some(({ name, data }) => name === 'field.done' && data.path === '/message'),
    );
    expect(service.stub.running).toBe(1);
    stream.leave();
  });

  it('goes on where a raw line break stopped it', async () => {
    const service = await startService();
    const content = (SAID[STEP.path] ?? '').replace('look for', 'look\nfor');
    service.stub.script({ kind: 'reply', content });

    const { events } = await readStream(service, STEP.path, STEP.body);

    expect(events.at(-1)?.data.reply).toMatchObject({ message: 'What do you look\nfor in the plan?' });
  });
});

describe('many streams at once', () => {
  it('each bring their own words, and leave nothing behind', async () => {
    const service = await startService({}, { tokenDelayMs: 1 });
    const topics = Array.from({ length: 50 }, (_, index) => `Topic ${String(index).padStart(2, '0')}`);

    const streams = await Promise.all(
      topics.map((topic) => readStream(service, CHAT.path, { messages: [{ role: 'user', content: topic }] })),
    );

    for (const [index, { events, text }] of streams.entries()) {
      const { content } = events.at(-1)?.data.reply as { content: string };
      expect(content).toContain(topics[index]);
      expect(new Set(text.match(/Topic \d\d/g))).toEqual(new Set([topics[index]]));
    }
    expect(new Set(streams.map(({ headers }) => headers['x-call-id'])).size).toBe(50);
    await service.app.close();
    await service.stub.waitFor(() => service.stub.running === 0 && service.stub.openSockets === 0);
  });
});

describe('the stop of the service', () => {
  it('waits for a stream that runs', async () => {
    const service = await startService();
    service.stub.script({ ...reply(STEP.path), kind: 'reply', tokenDelayMs: 10 });
    const stream = await openStream(service, STEP.path, { ...STEP.body, stream: true });
    await stream.event('field.delta');

    const stopped = service.app.close();
    expect(await stream.end()).toBe('whole');
    await stopped;

    expect(expectSound(stream)).toMatchObject({ name: 'result', data: { call: { attempts: 1 } } });
    await service.stub.waitFor(() => service.stub.openSockets === 0);
  });
});

describe('a reader of a stream', () => {
  /** Sends the question, and takes nothing of what comes. */
  async function askWithoutReading({ url }: TestService, path: string, body: object): Promise<Socket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const json = JSON.stringify({ ...body, stream: true });
    socket.pause();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(json)}\r\nConnection: close\r\n\r\n${json}`,
    );
    await once(socket, 'connect');
    return socket;
  }

  /** So many characters, six bytes each in JSON, that no rule of the watchdog minds. */
  function bulky(length: number): string {
    let state = 1;
    const next = (): string => {
      state = (state * 48_271) % 2_147_483_647;
      return String.fromCharCode(1 + (state % 7));
    };
    return Array.from({ length }, next).join('');
  }

  /** A chat reply of a few large events, so that it outgrows what the network holds without costing much time. */
  function bulkyReply(length: number): Fault {
    const event = (choice: object): string => `data: ${JSON.stringify({ choices: [choice] })}\n\n`;
    const text = bulky(length);
    const deltas = Array.from({ length: length / 16_384 }, (_, index) =>
      event({ index: 0, delta: { content: text.slice(index * 16_384, (index + 1) * 16_384) } }),
    );
    const end = event({ index: 0, delta: {}, finish_reason: 'stop' });
    return { kind: 'raw', body: [...deltas, end, 'data: [DONE]\n\n'] };
  }

  const LARGE = { ...CHAT.body, max_tokens: 131_072 };
  const roomy = (overrides: Partial<Settings>): Promise<TestService> =>
    startService(overrides, { contextLength: 200_000 });

  it('who takes nothing is cut, and the engine’s work is ended', async () => {
    const service = await roomy({ streamBufferBytes: 65_536 });
    const { ended } = recordOf(service);
    service.stub.script(bulkyReply(2_000_000));

    const socket = await askWithoutReading(service, CHAT.path, LARGE);

    const { outcome, context } = await ended;
    expect({ outcome, left: context.leftBecause }).toEqual({ outcome: 'cancelled', left: 'too slow' });
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
    socket.destroy();
  });

  it('who keeps up is not cut, however large an event is', async () => {
    const service = await roomy({ streamBufferBytes: 16_384 });
    service.stub.script(bulkyReply(163_840));

    const { events } = await readStream(service, CHAT.path, LARGE);

    expect(events.at(-1)?.name).toBe('result');
  });

  it('who takes the end late gets it all, and no ping behind it', async () => {
    const service = await roomy({ streamBufferBytes: 67_108_864, streamPing: 0.02 });
    const { ended } = recordOf(service);
    service.stub.script(bulkyReply(1_638_400));

    const socket = await askWithoutReading(service, CHAT.path, LARGE);
    await ended;
    service.stub.script({ kind: 'stall', after: 'headers' });
    const meanwhile = await openStream(service, STEP.path, { ...STEP.body, stream: true });
    await meanwhile.until(() => meanwhile.comments.length >= 3);
    meanwhile.leave();

    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await once(socket, 'end');
    const text = Buffer.concat(chunks).toString();
    expect(text).toMatch(/event: result\n[^\n]*\n\n\r\n0\r\n\r\n$/);
  });
});
