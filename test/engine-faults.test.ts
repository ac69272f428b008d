import { describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../src/common/errors.js';
import type { Settings } from '../src/config/settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import {
  CHAT,
  failsWith,
  QUESTIONS,
  SAID,
  SHORT_TIMES,
  STREAMED,
  times,
  WHOLE,
} from './support/engine-questions.js';
import { startService, startStub } from './support/service.js';
import { wire } from './support/wire.js';

interface FaultCase {
  readonly fault: string;
  readonly script: Fault;
  readonly code: ErrorCode;
  /** How often the engine is asked when it never recovers. */
  readonly asked: number;
  readonly settings?: Partial<Settings>;
}

const BOTH: readonly FaultCase[] = [
  ...(['request', 'headers', 'half'] as const).flatMap((after): FaultCase[] => [
    {
      fault: `a reset after ${after}`,
      script: { kind: 'reset', after },
      code: 'ENGINE_CONNECTION_LOST',
      asked: 2,
    },
    {
      fault: `a hang-up after ${after}`,
      script: { kind: 'hang-up', after },
      code: 'ENGINE_CONNECTION_LOST',
      asked: 2,
    },
  ]),
  {
    fault: 'a reply that drips',
    script: { kind: 'drip', everyMs: 20 },
    code: 'DEADLINE_EXCEEDED',
    asked: 1,
    settings: { requestTimeout: 0.4 },
  },
  { fault: 'a web page', script: { kind: 'html' }, code: 'ENGINE_BAD_RESPONSE', asked: 2 },
  { fault: 'an empty body', script: { kind: 'raw', body: [] }, code: 'ENGINE_BAD_RESPONSE', asked: 2 },
  {
    fault: 'an error 500 inside a 200',
    script: { kind: 'engine-error', code: 500, message: SAID },
    code: 'ENGINE_ERROR',
    asked: 2,
  },
  {
    fault: 'an error 400 inside a 200',
    script: { kind: 'engine-error', code: 400, message: SAID },
    code: 'ENGINE_REJECTED',
    asked: 1,
  },
  {
    fault: 'an error 503 inside a 200',
    script: { kind: 'engine-error', code: 503, message: SAID },
    code: 'ENGINE_OVERLOADED',
    asked: 2,
  },
  {
    fault: 'a 400',
    script: { kind: 'status', status: 400, body: { object: 'error', message: SAID, code: 400 } },
    code: 'ENGINE_REJECTED',
    asked: 1,
  },
  {
    fault: 'a 401',
    script: { kind: 'status', status: 401, body: { error: SAID } },
    code: 'ENGINE_UNAUTHORIZED',
    asked: 1,
  },
  {
    fault: 'a 404 of a path',
    script: { kind: 'status', status: 404, body: { detail: SAID } },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'a 404 of the model',
    script: { kind: 'status', status: 404, body: { error: { message: SAID, param: 'model', code: 404 } } },
    code: 'MODEL_NOT_FOUND',
    asked: 1,
  },
  {
    fault: 'a 404 of the model in the words of an older SGLang',
    script: {
      kind: 'status',
      status: 404,
      body: { object: 'error', message: "Model 'x' not found", param: null, code: 404 },
    },
    code: 'MODEL_NOT_FOUND',
    asked: 1,
  },
  {
    fault: 'a context that is too small, by its code alone',
    script: {
      kind: 'status',
      status: 400,
      body: { error: { message: SAID, code: 'context_length_exceeded' } },
    },
    code: 'CONTEXT_TOO_LONG',
    asked: 1,
  },
  {
    fault: 'a context that is too small, inside a 200',
    script: {
      kind: 'engine-error',
      code: 400,
      message: "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    },
    code: 'CONTEXT_TOO_LONG',
    asked: 1,
  },
  {
    fault: 'a 402',
    script: { kind: 'status', status: 402, body: { error: { message: SAID } } },
    code: 'ENGINE_QUOTA_EXCEEDED',
    asked: 1,
  },
  {
    fault: 'a quota that is used up',
    script: { kind: 'status', status: 429, body: { error: { message: SAID, type: 'insufficient_quota' } } },
    code: 'ENGINE_QUOTA_EXCEEDED',
    asked: 1,
  },
  {
    fault: 'a content filter',
    script: { kind: 'status', status: 400, body: { error: { message: SAID, code: 'content_filter' } } },
    code: 'MODEL_REFUSED',
    asked: 1,
  },
  { fault: 'a 408', script: { kind: 'status', status: 408 }, code: 'ENGINE_OVERLOADED', asked: 2 },
  { fault: 'a 409', script: { kind: 'status', status: 409 }, code: 'ENGINE_ERROR', asked: 2 },
  { fault: 'a 429', script: { kind: 'status', status: 429 }, code: 'ENGINE_OVERLOADED', asked: 2 },
  {
    fault: 'a 500',
    script: { kind: 'status', status: 500, body: { error: { message: SAID } } },
    code: 'ENGINE_ERROR',
    asked: 2,
  },
  {
    fault: 'a 502 of a proxy',
    script: { kind: 'status', status: 502, body: `<h1>${SAID}</h1>` },
    code: 'ENGINE_ERROR',
    asked: 2,
  },
  {
    fault: 'a 500 of many words',
    script: { kind: 'status', status: 500, body: 'x'.repeat(200_000) },
    code: 'ENGINE_REPLY_TOO_LARGE',
    asked: 1,
    settings: { engineMaxReplyBytes: 100_000 },
  },
  {
    fault: 'endless headers',
    script: { kind: 'status', status: 200, headers: { 'x-endless': 'x'.repeat(100_000) } },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'finish_reason abort',
    script: { kind: 'reply', finishReason: 'abort' },
    code: 'ENGINE_REPLY_CUT',
    asked: 2,
  },
];

const WHOLE_ONLY: readonly FaultCase[] = [
  {
    fault: 'a reply of 400 MB',
    script: { kind: 'huge', bytes: 400_000_000 },
    code: 'ENGINE_REPLY_TOO_LARGE',
    asked: 1,
  },
  {
    fault: 'half of a body',
    script: { kind: 'cut', missing: 'both' },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'no choices',
    script: { kind: 'reply', choices: 'empty' },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'a null choice',
    script: { kind: 'raw', body: ['{"choices":[null]}'] },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'JSON that is no completion',
    script: { kind: 'raw', body: ['[1,2,3]'] },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  { fault: 'the text null', script: { kind: 'raw', body: ['null'] }, code: 'ENGINE_BAD_RESPONSE', asked: 2 },
  {
    fault: 'a stall before the reply',
    script: { kind: 'stall', after: 'request' },
    code: 'DEADLINE_EXCEEDED',
    asked: 1,
    settings: SHORT_TIMES,
  },
  {
    fault: 'a stall in the middle',
    script: { kind: 'stall', after: 'half' },
    code: 'DEADLINE_EXCEEDED',
    asked: 1,
    settings: SHORT_TIMES,
  },
];

const STREAMED_ONLY: readonly FaultCase[] = [
  ...(['done', 'finish', 'both'] as const).map((missing): FaultCase => ({
    fault: `a stream that lacks ${missing === 'both' ? 'its finish and [DONE]' : missing}`,
    script: { kind: 'cut', missing },
    code: 'ENGINE_REPLY_CUT',
    asked: 2,
  })),
  {
    fault: 'events without choices',
    script: { kind: 'reply', choices: 'empty' },
    code: 'ENGINE_REPLY_CUT',
    asked: 2,
  },
  {
    fault: 'an error event after tokens',
    script: { kind: 'engine-error', message: SAID, afterTokens: 3 },
    code: 'ENGINE_ERROR',
    asked: 2,
  },
  {
    fault: 'a flat error event',
    script: {
      kind: 'raw',
      body: [`data: ${JSON.stringify({ object: 'error', message: SAID, code: 400 })}\n\n`],
    },
    code: 'ENGINE_REJECTED',
    asked: 1,
  },
  {
    fault: 'an event that is not JSON',
    script: { kind: 'raw', body: ['garbage\n\n', 'data: {"choices":\n\n'] },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'the event null',
    script: { kind: 'raw', body: ['data: null\n\n'] },
    code: 'ENGINE_BAD_RESPONSE',
    asked: 2,
  },
  {
    fault: 'more bytes than a reply may have, none of them text',
    script: { kind: 'raw', body: [{ repeat: ': nothing\n\n', times: 100_000 }] },
    code: 'ENGINE_REPLY_TOO_LARGE',
    asked: 1,
    settings: { engineMaxReplyBytes: 1_000_000 },
  },
  {
    fault: 'text without end, each time',
    script: { kind: 'huge', bytes: 400_000_000 },
    code: 'STRUCTURED_OUTPUT_INVALID',
    asked: 3,
  },
  ...(['request', 'headers', 'role', 'half'] as const).map((after): FaultCase => ({
    fault: `a stall after ${after}`,
    script: { kind: 'stall', after },
    code: 'ENGINE_STALLED',
    // One that has begun is tried once more; one that never begins would only be waited for again.
    asked: after === 'half' ? 2 : 1,
    settings: SHORT_TIMES,
  })),
];

describe.each([
  { ...WHOLE, asked: 'as a whole', cases: [...BOTH, ...WHOLE_ONLY] },
  { ...STREAMED, asked: 'as a stream', cases: [...BOTH, ...STREAMED_ONLY] },
])('an engine that is asked $asked', (route) => {
  it.each(route.cases)('and answers with $fault is $code', async ({ script, code, asked, settings }) => {
    const service = await startService(settings);
    service.stub.script(...times(asked, script));

    const { headers } = await failsWith(service, route, code);

    expect(service.stub.requests).toHaveLength(asked);
    expect(headers['x-attempts']).toBe(String(asked));
    expect((await service.post(route.path, route.body)).status).toBe(200);
  });
});

describe('a chat', () => {
  it.each([
    { fault: 'a hang-up', script: { kind: 'hang-up', after: 'half' }, code: 'ENGINE_CONNECTION_LOST' },
    { fault: 'a cut stream', script: { kind: 'cut', missing: 'done' }, code: 'ENGINE_REPLY_CUT' },
    { fault: 'a 500', script: { kind: 'status', status: 500, body: SAID }, code: 'ENGINE_ERROR' },
    { fault: 'null content', script: { kind: 'reply', content: null }, code: 'ENGINE_REPLY_EMPTY' },
    { fault: 'blanks', script: { kind: 'reply', content: ' \n\t ' }, code: 'ENGINE_REPLY_EMPTY' },
    {
      fault: 'a finish of no known kind',
      script: { kind: 'reply', finishReason: 'repetition' },
      code: 'ENGINE_REPLY_CUT',
    },
  ] satisfies { fault: string; script: Fault; code: ErrorCode }[])(
    'meets $fault twice and is $code',
    async ({ script, code }) => {
      const service = await startService();
      service.stub.script(...times(2, script));

      await failsWith(service, CHAT, code);

      expect(service.stub.requests).toHaveLength(2);
      expect((await service.post(CHAT.path, CHAT.body)).status).toBe(200);
    },
  );

  it('that max_tokens cut is answered, and says so', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'one two three four five' });

    const { status, headers, body } = await service.post(CHAT.path, { ...CHAT.body, max_tokens: 2 });

    expect(status).toBe(200);
    expect(headers['x-finish-reason']).toBe('length');
    expect('one two three four five').toContain(body.content);
  });
});

describe('a second try', () => {
  it.each(QUESTIONS)('answers $path when only the first one failed', async ({ path, body }) => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 500 });

    const { status, headers } = await service.post(path, body);

    expect(status).toBe(200);
    expect(headers['x-attempts']).toBe('2');
  });

  it('has an id of its own', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 500 });

    await service.post(WHOLE.path, WHOLE.body);

    const [first, second] = wire(service.stub);
    expect({ ...second, rid: first?.rid }).toEqual(first);
    expect(second?.rid).not.toBe(first?.rid);
  });

  it.each([
    { status: 429, retryAfter: '0.05' },
    { status: 503, retryAfter: '0' },
    { status: 503, retryAfter: new Date(0).toUTCString() },
  ])('comes after a $status with Retry-After: $retryAfter', async ({ status, retryAfter }) => {
    const service = await startService();
    service.stub.script({ kind: 'status', status, headers: { 'retry-after': retryAfter } });

    expect((await service.post(WHOLE.path, WHOLE.body)).status).toBe(200);
    expect(service.stub.requests).toHaveLength(2);
  });

  it.each([
    { retryAfter: '120', told: '60' },
    { retryAfter: '30', told: '30' },
    { retryAfter: new Date(Date.now() + 600_000).toUTCString(), told: '60' },
  ])(
    'does not come after Retry-After: $retryAfter; the caller is told $told',
    async ({ retryAfter, told }) => {
      const service = await startService();
      service.stub.script({ kind: 'status', status: 503, headers: { 'retry-after': retryAfter } });

      const { headers } = await failsWith(service, WHOLE, 'ENGINE_OVERLOADED');

      expect(headers['retry-after']).toBe(told);
      expect(service.stub.requests).toHaveLength(1);
    },
  );

  it('does not come where the deadline is before the Retry-After', async () => {
    const service = await startService({ requestTimeout: 2 });
    service.stub.script({ kind: 'status', status: 503, headers: { 'retry-after': '4' } });

    const { headers } = await failsWith(service, WHOLE, 'ENGINE_OVERLOADED');

    expect(headers['retry-after']).toBe('4');
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('a quota that is used up', () => {
  it.each([
    { retryAfter: undefined, told: undefined },
    { retryAfter: '86400', told: '86400' },
  ])('has Retry-After: $told where the engine says $retryAfter', async ({ retryAfter, told }) => {
    const service = await startService();
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    service.stub.script({ kind: 'status', status: 402, headers });

    const reply = await failsWith(service, WHOLE, 'ENGINE_QUOTA_EXCEEDED');

    expect(reply.headers['retry-after']).toBe(told);
  });
});

describe('the deadline', () => {
  it('is one for both tries', async () => {
    const service = await startService({ requestTimeout: 3 });
    service.stub.script({ kind: 'status', status: 500 }, { kind: 'stall', after: 'request' });

    await failsWith(service, WHOLE, 'DEADLINE_EXCEEDED');

    expect(service.stub.requests).toHaveLength(2);
  });

  it('is one for all re-asks', async () => {
    const service = await startService({ requestTimeout: 0.6, structuredMaxAttempts: 10 });
    service.stub.script(...times(10, { kind: 'delay', ms: 250, content: 'no JSON' }));

    await failsWith(service, WHOLE, 'DEADLINE_EXCEEDED');

    expect(service.stub.requests.length).toBeLessThan(10);
  });
});

describe('a reply of 400 MB', () => {
  it.each([
    { ...WHOLE, code: 'ENGINE_REPLY_TOO_LARGE' },
    { ...STREAMED, code: 'STRUCTURED_OUTPUT_INVALID' },
  ] as const)('of $path is never held in memory', async ({ code, ...route }) => {
    const service = await startService();
    service.stub.script(...times(3, { kind: 'huge', bytes: 400_000_000 }));
    const before = process.memoryUsage().rss;

    await failsWith(service, route, code);

    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });
});

describe('a redirect', () => {
  it.each(QUESTIONS)('is not followed for $path', async (route) => {
    const target = await startStub();
    const service = await startService();
    const location = `${target.url}/v1/chat/completions`;
    service.stub.script(...times(2, { kind: 'redirect', location }));

    await failsWith(service, route, 'ENGINE_BAD_RESPONSE');

    expect(target.requests).toEqual([]);
  });
});
