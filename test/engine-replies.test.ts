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
import { CHAT } from './support/engine-questions.js';
import { startService } from './support/service.js';

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
        const { content, reasoning, finish, model, usage } = outcome;
        expect([content, reasoning, model].every((field) => typeof field === 'string')).toBe(true);
        expect(finish).toMatch(/^(stop|stop-string|length|abort|other)$/);
        expect(Object.values(usage).every((count) => Number.isSafeInteger(count))).toBe(true);
      }),
      { numRuns: 1000 },
    );
    guard.close();
  });

  function readOrFault(body: unknown, guard: ReplyGuard): ReadReply | EngineFault {
    const bytes = Buffer.from(JSON.stringify(body));
    try {
      return readWhole(bytes, '/v1/chat/completions', dialects.sglang, new Tally());
    } catch (thrown) {
      return faultOf(thrown, guard);
    }
  }
});

describe('a stream', () => {
  const REPLY = '네, 잘 알겠습니다 👍';
  const EVENTS = [{ content: '' }, { content: REPLY }, {}].map(
    (delta, at) =>
      `data: ${JSON.stringify({ model: 'm', choices: [{ delta, finish_reason: at === 2 ? 'stop' : null }] })}\n\n`,
  );
  const STREAM = [...EVENTS, 'data: [DONE]\n\n'].join('');

  it.each([
    { what: 'in pieces of one byte', body: [...Buffer.from(STREAM)].map(base64) },
    { what: 'with line ends of Windows', body: [STREAM.replaceAll('\n', '\r\n')] },
    { what: 'with comments', body: [STREAM.replaceAll('data:', ': still here\n\ndata:')] },
    { what: 'with events after [DONE]', body: [STREAM, 'data: {"choices":[{"delta":{"content":"!"}}]}\n\n'] },
    { what: 'without blanks after data:', body: [STREAM.replaceAll('data: ', 'data:')] },
    { what: 'in one piece', body: [STREAM] },
  ])('is read $what', async ({ body }) => {
    const service = await startService();
    service.stub.script({ kind: 'raw', body });

    expect(await service.post(CHAT.path, CHAT.body)).toMatchObject({ status: 200, body: { content: REPLY } });
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
