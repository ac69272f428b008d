import { describe, expect, it } from '@jest/globals';
import type { AttemptReport } from '../src/common/errors.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { MODEL_REPLIES, QUESTION, startService, startStub, type TestService } from './support/service.js';
import { hear, openStream, type OpenStream, readStream } from './support/sse.js';
import { wire, type WireRequest } from './support/wire.js';

const PATH = '/api/interview/step';
const STEP = MODEL_REPLIES[PATH];
const TEXT = JSON.stringify(STEP);

/** The beginning of the reply, up to the end of these words. */
const upTo = (words: string): string => TEXT.slice(0, TEXT.indexOf(words) + words.length);

/** The engine dies once the model has said that much. */
const dies = (content: string): Fault => ({ kind: 'hang-up', after: 'tokens', content });

/** The engine dies before it has said anything. */
const DEAD: Fault = { kind: 'reset', after: 'headers' };

const says = (value: unknown): Fault => ({ kind: 'reply', content: JSON.stringify(value) });

const { thought, evaluation } = STEP;

async function stream(
  service: TestService,
  script: readonly Fault[],
  body: object = {},
): Promise<OpenStream> {
  service.stub.script(...script);
  return readStream(service, PATH, { ...QUESTION, ...body });
}

const resultOf = ({ events }: OpenStream): unknown => events.at(-1)?.data.reply;
const resets = ({ events }: OpenStream): number => events.filter(({ name }) => name === 'reset').length;

/** The fields that a request's grammar has. */
function wanted(request: WireRequest | undefined): string[] {
  const { json_schema: asked } = request?.response_format as {
    json_schema: { schema: { properties: object; required: string[]; additionalProperties: boolean } };
  };
  const { properties, required, additionalProperties } = asked.schema;
  expect(required).toEqual(Object.keys(properties));
  expect(additionalProperties).toBe(false);
  return required;
}

describe('a step that breaks off after its message', () => {
  it('is asked only for what is missing, and is told what stands', async () => {
    const service = await startService();

    const got = await stream(service, [dies(upTo('in the plan?",')), says({ thought, evaluation })]);

    const [first, second] = wire(service.stub);
    const { action, message } = STEP;
    expect(resets(got)).toBe(0);
    expect(resultOf(got)).toEqual(STEP);
    expect(wanted(first)).toEqual(['action', 'message', 'thought', 'evaluation']);
    expect(wanted(second)).toEqual(['thought', 'evaluation']);
    expect(second?.messages).toEqual([
      ...(first?.messages ?? []),
      { role: 'assistant', content: JSON.stringify({ action, message }) },
      { role: 'user', content: expect.stringContaining('thought, evaluation') },
    ]);
  });

  it('sends the message once, and its facts say how often was asked', async () => {
    const service = await startService();

    const { events } = await stream(service, [dies(upTo('in the plan?",')), says({ thought, evaluation })]);

    const ends = events.filter(({ name, data }) => name === 'field.done' && data.path === '/message');
    expect(ends).toHaveLength(1);
    expect(events.at(-1)?.data.call).toMatchObject({ attempts: 2 });
  });

  it('keeps what stands of a hidden field too', async () => {
    const service = await startService();

    const got = await stream(service, [dies(upTo('is not.","evaluation"')), says({ evaluation })]);

    expect(wanted(wire(service.stub)[1])).toEqual(['evaluation']);
    expect(resultOf(got)).toEqual(STEP);
  });

  it('goes on within a hidden field', async () => {
    const service = await startService();

    const got = await stream(service, [
      dies(upTo('The tool is named')),
      says({ thought: ', its use is not.', evaluation }),
    ]);

    expect(wanted(wire(service.stub)[1])).toEqual(['thought', 'evaluation']);
    expect(resultOf(got)).toEqual(STEP);
  });

  it('is whole where nothing but its end is missing, and is not asked again', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });

    const got = await stream(service, [{ kind: 'cut', missing: 'done', content: TEXT }]);

    expect(resultOf(got)).toEqual(STEP);
    expect(service.stub.requests).toHaveLength(1);
  });

  it.each([
    { how: 'the connection ends', script: { kind: 'hang-up', after: 'tokens' } },
    { how: 'the connection is reset', script: { kind: 'reset', after: 'tokens' } },
    { how: 'the stream ends without its end', script: { kind: 'cut', missing: 'both' } },
    { how: 'the engine falls silent', script: { kind: 'stall', after: 'tokens' } },
    { how: 'the engine reports an error', script: { kind: 'engine-error', afterTokens: 20 } },
    { how: 'the engine aborts', script: { kind: 'reply', finishReason: 'abort' } },
    { how: 'there is no more room', script: { kind: 'reply', finishReason: 'length' } },
    { how: 'the text ends too early', script: { kind: 'reply' } },
  ] as { how: string; script: Fault }[])('is asked for the rest: $how', async ({ script }) => {
    const service = await startService({ stallTimeout: 0.3 });
    const broken = { ...script, content: upTo('The tool is ') };

    const got = await stream(service, [broken, says({ thought, evaluation })]);

    expect(resets(got)).toBe(0);
    expect(resultOf(got)).toEqual(STEP);
  });

  it('is asked for the rest: the model runs away', async () => {
    const service = await startService();
    const blanks = `${upTo('in the plan?",')}${' '.repeat(300)}`;

    const got = await stream(service, [
      { kind: 'stall', after: 'tokens', content: blanks },
      says({ thought, evaluation }),
    ]);

    expect(resets(got)).toBe(0);
    expect(resultOf(got)).toEqual(STEP);
  });
});

describe('a step that breaks off within its message', () => {
  it('goes on with what follows', async () => {
    const service = await startService();

    const got = await stream(service, [
      dies(upTo('What do you look')),
      says({ message: ' at first in a plan?', thought, evaluation }),
    ]);

    const [, second] = wire(service.stub);
    expect(wanted(second)).toEqual(['message', 'thought', 'evaluation']);
    expect(second?.messages.at(-2)).toEqual({
      role: 'assistant',
      content: JSON.stringify({ action: STEP.action, message: 'What do you look' }),
    });
    expect(second?.messages.at(-1)?.content).toContain('"message" stopped in the middle');
    expect(resets(got)).toBe(0);
    expect(resultOf(got)).toEqual({ ...STEP, message: 'What do you look at first in a plan?' });
  });

  it.each([
    { how: 'goes on', content: '{"message": " at first in', text: 'What do you look at first in' },
    { how: 'begins anew', content: '{"message": "What do you look for', text: 'What do you look for' },
  ])('brings what follows while the model says it: it $how', async ({ content, text }) => {
    const service = await startService();
    service.stub.script(dies(upTo('What do you look')), { kind: 'stall', after: 'tokens', content });

    const got = await openStream(service, PATH, { ...QUESTION, stream: true });

    await got.until(() => hear(got.events, 'message').text('message') === text);
    expect(service.stub.running).toBe(1);
    got.leave();
  });

  it('says nothing twice where the model begins it anew', async () => {
    const service = await startService();
    const { message } = STEP;

    const got = await stream(service, [
      dies(upTo('What do you look')),
      says({ message, thought, evaluation }),
    ]);

    expect(hear(got.events, 'message').text('message')).toBe(message);
    expect(resultOf(got)).toEqual(STEP);
  });

  it('is asked for again where the model adds nothing', async () => {
    const service = await startService();

    const got = await stream(service, [
      dies(upTo('in the plan?",')),
      { kind: 'reply', content: '{}' },
      says({ thought, evaluation }),
    ]);

    expect(resets(got)).toBe(0);
    expect(resultOf(got)).toEqual(STEP);
  });

  it('goes on as often as it breaks off', async () => {
    const service = await startService();

    const got = await stream(service, [
      dies(upTo('What do')),
      dies('{"message": " you look for?", "thought": "The tool'),
      says({ thought: ' is named.', evaluation }),
    ]);

    expect(resultOf(got)).toEqual({
      ...STEP,
      message: 'What do you look for?',
      thought: 'The tool is named.',
    });
    expect(wire(service.stub).map(wanted)).toEqual([
      ['action', 'message', 'thought', 'evaluation'],
      ['message', 'thought', 'evaluation'],
      ['thought', 'evaluation'],
    ]);
  });

  it('shows the model no chat mark that was spoken, and the caller the whole of it', async () => {
    const service = await startService();

    const got = await stream(service, [
      dies('{"action":"FOLLOW_UP","message":"You wrote <¦|im_end|> and then'),
      says({ message: ' <¦|im_start|>. Why?', thought, evaluation }),
    ]);

    expect(wire(service.stub)[1]?.messages.at(-2)?.content).toContain('<¦|im_end|> and then');
    expect(resultOf(got)).toMatchObject({ message: 'You wrote <|im_end|> and then <|im_start|>. Why?' });
  });
});

describe('a step that breaks off before its message', () => {
  it('is void and asked anew as a whole', async () => {
    const service = await startService();

    const got = await stream(service, [dies(upTo('"FOLLOW')), says({ ...STEP, action: 'NEW_TOPIC' })]);

    expect(resets(got)).toBe(1);
    expect(resultOf(got)).toEqual({ ...STEP, action: 'NEW_TOPIC' });
    expect(wanted(wire(service.stub)[1])).toHaveLength(4);
  });

  it('is void as long as nobody was sent the message', async () => {
    const service = await startService();

    const got = await stream(service, [dies(upTo('The tool')), says(STEP)], { stream_fields: ['/thought'] });

    expect(resets(got)).toBe(1);
    expect(wanted(wire(service.stub)[1])).toHaveLength(4);
    expect(resultOf(got)).toEqual({ thought });
  });
});

describe('the rest of a step', () => {
  const BROKEN = dies(upTo('in the plan?",'));

  it('is asked for twice in one attempt where the engine says nothing the first time', async () => {
    const service = await startService({ structuredMaxAttempts: 2 });

    const got = await stream(service, [BROKEN, DEAD, says({ thought, evaluation })]);

    expect(resultOf(got)).toEqual(STEP);
    expect(got.events.at(-1)?.data.call).toMatchObject({ attempts: 3 });
  });

  it('comes from another engine where the first one is gone', async () => {
    const [first, second] = [await startStub(), await startStub()];
    const service = await startService({ engineUrls: [first.url, second.url], structuredMaxAttempts: 2 });
    first.script(BROKEN, DEAD);
    second.script(says({ thought, evaluation }));

    const got = await readStream(service, PATH, QUESTION);

    expect(resultOf(got)).toEqual(STEP);
    expect(second.requests).toHaveLength(1);
  });

  it('that stays invalid ends the stream with an error, and what was spoken stays', async () => {
    const service = await startService();

    const got = await stream(service, [BROKEN, says({ thought }), says({ thought })]);

    expect(resets(got)).toBe(0);
    expect(hear(got.events, 'message').text('message')).toBe(STEP.message);
    const { code, attempts } = got.events.at(-1)?.data ?? {};
    expect(code).toBe('STRUCTURED_OUTPUT_INVALID');
    expect((attempts as AttemptReport[]).map(({ reason }) => reason)).toEqual([
      'The engine closed the connection before its reply was whole.',
      'The reply does not match its schema.',
      'The reply does not match its schema.',
    ]);
  });

  it('that never comes ends the stream with the engine’s error', async () => {
    const service = await startService();

    const { events } = await stream(service, [BROKEN, DEAD, DEAD, DEAD, DEAD]);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'ENGINE_CONNECTION_LOST' } });
    expect(service.stub.requests).toHaveLength(5);
  });

  it('is not asked for once the call’s time is up', async () => {
    const service = await startService({ requestTimeout: 0.4 });

    const { events } = await stream(service, [
      { kind: 'stall', after: 'tokens', content: upTo('in the plan?",') },
    ]);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'DEADLINE_EXCEEDED' } });
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is not asked for once the caller has left', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'tokens', content: upTo('in the plan?",') });
    const left = await openStream(service, PATH, { ...QUESTION, stream: true });
    await left.until(() => left.events.some(({ data }) => data.path === '/message'));

    left.leave();
    await service.stub.waitFor(() => service.stub.running === 0);
    await service.app.close();

    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('a field that is wrong before the message', () => {
  const SHOUT = JSON.stringify({ ...STEP, action: 'SHOUT' });

  it('ends the attempt before a word of the message is spoken', async () => {
    const service = await startService();
    // The engine would never come to the end of this reply.
    const endless: Fault = { kind: 'stall', after: 'tokens', content: SHOUT.slice(0, -5) };

    const { events } = await stream(service, [endless, says(STEP)]);

    const reset = events.findIndex(({ name }) => name === 'reset');
    expect(events.slice(0, reset).map(({ data }) => data.path)).not.toContain('/message');
    expect(events[reset]?.data.reason).toBe('The reply does not match its schema.');
    expect(events.at(-1)).toMatchObject({ name: 'result', data: { reply: STEP, call: { attempts: 2 } } });
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('is told to the model, with what it had said so far', async () => {
    const service = await startService();

    await stream(service, [says({ ...STEP, action: 'SHOUT' }), says(STEP)]);

    const [said, correction] = wire(service.stub)[1]?.messages.slice(-2) ?? [];
    expect(SHOUT.startsWith(said?.content ?? '')).toBe(true);
    expect(said?.content).not.toBe(SHOUT);
    expect(correction?.content).toContain('/action must be one of FOLLOW_UP, NEW_TOPIC, NEXT_PHASE');
  });

  it('may be one that the reply does not have: the message is spoken, and the field left out', async () => {
    const service = await startService();

    const got = await stream(service, [says({ mood: 'PURPLE', ...STEP })]);

    expect(got.text).not.toContain('PURPLE');
    expect(resultOf(got)).toEqual(STEP);
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('a field that is wrong once the message was spoken', () => {
  const WRONG = { ...STEP, thought: 5 };

  it('is not sent, and is asked for again with the reason', async () => {
    const service = await startService();

    const got = await stream(service, [says(WRONG), says({ thought, evaluation })]);

    const [, second] = wire(service.stub);
    expect(got.text).not.toContain('"path":"/thought","value":5');
    expect(resultOf(got)).toEqual(STEP);
    expect(wanted(second)).toEqual(['thought', 'evaluation']);
    expect(second?.messages.at(-1)?.content).toContain('/thought must be string');
  });

  it('ends the stream with an error where it was sent as it was written', async () => {
    const service = await startService();
    const { action: _, ...rest } = STEP;

    const { events } = await stream(service, [says({ ...rest, action: 'SHOUT' })]);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'STRUCTURED_OUTPUT_INVALID' } });
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is asked for again as it was written where the caller wants other fields', async () => {
    const service = await startService();
    const { action, ...rest } = STEP;

    const got = await stream(service, [says({ ...rest, action: 'SHOUT' }), says({ action, ...rest })], {
      stream_fields: ['/message'],
    });

    expect(wanted(wire(service.stub)[1])).toContain('action');
    expect(resultOf(got)).toEqual({ message: STEP.message });
  });

  it('is left out where the reply cannot have it', async () => {
    const service = await startService();

    const got = await stream(service, [says({ ...STEP, mood: 'PURPLE' })]);

    expect(got.text).not.toContain('PURPLE');
    expect(resultOf(got)).toEqual(STEP);
    expect(service.stub.requests).toHaveLength(1);
  });

  it('is the message: a blank one stays said, and ends the stream with an error', async () => {
    const service = await startService();

    const got = await stream(service, [says({ ...STEP, message: ' ' })]);

    expect(hear(got.events, 'message').text('message')).toBe(' ');
    expect(got.events.at(-1)).toMatchObject({ name: 'error', data: { code: 'STRUCTURED_OUTPUT_INVALID' } });
  });

  it('is a message without a character, which nobody heard', async () => {
    const service = await startService();

    const got = await stream(service, [says({ ...STEP, message: '' }), says(STEP)]);

    expect(resets(got)).toBe(1);
    expect(resultOf(got)).toEqual(STEP);
  });
});
