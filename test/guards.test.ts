import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../src/common/errors.js';
import type { Fault } from '../src/engine/stub/faults.js';
import {
  CHAT as V1_CHAT,
  type Completion,
  COMPLETIONS,
  expectOpenAiError,
  HELLO,
  nextCall,
  readChunks,
} from './support/openai-wire.js';
import { expectProblem } from './support/problem.js';
import { MODEL_REPLIES, QUESTION, startService, type TestService } from './support/service.js';
import { readStream } from './support/sse.js';
import { blocker, MASK, masker, REASON, useStages } from './support/stages.js';
import { wire, type WireRequest } from './support/wire.js';

const STEP = MODEL_REPLIES['/api/interview/step'];
const FEEDBACK = MODEL_REPLIES['/api/feedback'];
const CHAT = { messages: [{ role: 'user', content: 'Hello' }] };
const SCHEMA = {
  type: 'object',
  properties: { word: { type: 'string' } },
  required: ['word'],
  additionalProperties: false,
};
const CHECKED = {
  ...HELLO,
  response_format: { type: 'json_schema', json_schema: { name: 'word', schema: SCHEMA } },
};
const VALIDATE = { 'x-validate': 'true' };

const says = (content: string | object): Fault => ({
  kind: 'reply',
  content: typeof content === 'string' ? content : JSON.stringify(content),
});

async function startMasked(): Promise<TestService> {
  const service = await startService();
  useStages(service, masker);
  return service;
}

async function startBlocked(): Promise<TestService> {
  const service = await startService();
  useStages(service, blocker);
  return service;
}

const lastMessage = (request: WireRequest | undefined): string => request?.messages.at(-1)?.content ?? '';

describe('a stage that masks a word', () => {
  it('masks it in an object', async () => {
    const service = await startMasked();
    service.stub.script(says({ ...FEEDBACK, feedback: 'Kim knows it, Kim does.' }));

    const { body } = await service.post('/api/feedback', QUESTION);

    expect(body).toEqual({ ...FEEDBACK, feedback: `${MASK} knows it, ${MASK} does.` });
  });

  it('masks it in an object that streams, in its parts and in the whole', async () => {
    const service = await startMasked();
    const message = 'Mr Kim, how do you find it?';
    service.stub.script(says({ ...STEP, message }));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.at(-1)?.data.reply).toEqual({ ...STEP, message: message.replace('Kim', MASK) });
    expect(JSON.stringify(events)).not.toContain('Kim');
  });

  it('leaves no value behind that its schema forbids', async () => {
    const service = await startService();
    const mask = { start: 0, end: 9, text: 'Kim' };
    useStages(service, {
      name: 'mask every action',
      filter: () => (place) =>
        place.path === '/action' ? { write: () => '', end: () => mask.text } : undefined,
    });
    service.stub.script(says(STEP), says(STEP), says(STEP));

    const reply = await service.fail('/api/interview/step', QUESTION);

    const { attempts } = expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID');
    expect(attempts).toMatchObject([{ errors: [{ path: '/action' }] }, {}, {}]);
  });

  it('masks it in free text', async () => {
    const service = await startMasked();
    service.stub.script(says('Kim is well.'));

    expect(await service.post('/api/chat/completions', CHAT)).toMatchObject({
      body: { content: `${MASK} is well.` },
    });
  });

  it('masks it in free text that streams', async () => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));

    const { events } = await readStream(service, '/api/chat/completions', CHAT);

    expect(events.at(-1)?.data.reply).toMatchObject({ content: `This is ${MASK}.` });
  });

  it.each([
    { path: V1_CHAT, body: HELLO },
    { path: COMPLETIONS, body: { prompt: 'Hello', max_tokens: 50 } },
  ])('masks it in a reply of $path', async ({ path, body }) => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));

    const { body: reply } = await service.post<Completion>(path, body);

    const [choice] = reply.choices;
    expect(choice?.text ?? choice?.message.content).toBe(`This is ${MASK}.`);
  });

  it.each([
    { path: V1_CHAT, body: HELLO },
    { path: COMPLETIONS, body: { prompt: 'Hello', max_tokens: 50 } },
  ])('masks it in a stream of $path', async ({ path, body }) => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));

    const stream = await readChunks(service, path, body);

    expect(stream.said()).toBe(`This is ${MASK}.`);
    expect(stream.finish()).toBe('stop');
  });

  it.each([false, true])('masks it in a checked reply, streamed: %s', async (streams) => {
    const service = await startMasked();
    service.stub.script(says({ word: 'Kim' }));

    const said = streams
      ? (await readChunks(service, V1_CHAT, CHECKED, VALIDATE)).said()
      : (await service.post<Completion>(V1_CHAT, CHECKED, VALIDATE)).body.choices[0]?.message.content;

    expect(said).toBe(JSON.stringify({ word: MASK }));
  });

  it.each([false, true])('masks it in reasoning and in arguments, streamed: %s', async (streams) => {
    const service = await startMasked();
    service.stub.script({
      kind: 'reply',
      content: null,
      reasoning: 'I think of Kim.',
      toolCalls: [{ name: 'look_up', arguments: '{"word":"Kim"}' }],
    });
    const tools = [{ type: 'function', function: { name: 'look_up', parameters: SCHEMA } }];
    const body = { ...HELLO, tools, chat_template_kwargs: { enable_thinking: true } };

    const text = streams
      ? JSON.stringify((await readChunks(service, V1_CHAT, body)).chunks)
      : JSON.stringify((await service.post(V1_CHAT, body)).body);

    expect(text).not.toContain('Kim');
    expect(text).toContain(MASK);
  });

  it.each([false, true])('masks it in content that comes in parts, streamed: %s', async (streams) => {
    const service = await startMasked();
    const said = {
      content: [
        { type: 'text', text: 'I am ' },
        { type: 'text', text: 'Kim.' },
      ],
      refusal: 'No, Kim.',
    };
    const choice = { index: 0, ...(streams ? { delta: said } : { message: said }), finish_reason: 'stop' };
    const json = JSON.stringify({ choices: [choice] });
    service.stub.script({ kind: 'raw', body: [streams ? `data: ${json}\n\ndata: [DONE]\n\n` : json] });

    const text = streams
      ? JSON.stringify((await readChunks(service, V1_CHAT)).chunks)
      : JSON.stringify((await service.post(V1_CHAT, HELLO)).body);

    expect(text).toContain(`"I am ${MASK}."`);
    expect(text).toContain(`"No, ${MASK}."`);
  });

  it('keeps back logprobs, which spell the text', async () => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));

    const { body } = await service.post<Completion>(V1_CHAT, { ...HELLO, logprobs: true });

    expect(body.choices[0]?.logprobs).toBeNull();
  });

  it('keeps back logprobs of a stream', async () => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));

    const { chunks } = await readChunks(service, V1_CHAT, { ...HELLO, logprobs: true });

    expect(JSON.stringify(chunks)).not.toContain('"token"');
  });

  it('keeps the word out of the log’s answer', async () => {
    const service = await startMasked();
    service.stub.script(says('This is Kim.'));
    const call = nextCall(service);

    await service.post('/api/chat/completions', CHAT);

    expect((await call).content).toMatchObject({ answer: `This is ${MASK}.` });
  });
});

it('a text of which a mask leaves nothing is ENGINE_REPLY_EMPTY', async () => {
  const service = await startService();
  useStages(service, { name: 'masks all', filter: () => () => ({ write: () => '', end: () => '' }) });
  service.stub.script(says('Kim'), says('Kim'));

  expectProblem(await service.fail('/api/chat/completions', CHAT), 'ENGINE_REPLY_EMPTY');
});

it.each([
  { order: [blocker, masker], name: 'blocks first' },
  { order: [masker, blocker], name: 'masks first' },
])('a sentence that is clean goes out whole where a chain $name', async ({ order }) => {
  const service = await startService();
  useStages(service, ...order);
  service.stub.script(says('All is well, Kim. But the salary is low. Sorry.'));

  const { events } = await readStream(service, '/api/chat/completions', CHAT);

  expect(events.at(-1)?.data.reply).toMatchObject({ content: `All is well, ${MASK}.` });
});

describe('a stage that blocks a sentence of an object', () => {
  const BAD = { ...FEEDBACK, feedback: 'Good. The salary is too low.' };

  it('has it asked for once more, with the reason and without the reply', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(FEEDBACK));

    expect(await service.post('/api/feedback', QUESTION)).toMatchObject({ status: 200, body: FEEDBACK });

    const [first, second] = wire(service.stub);
    expect(second?.messages.slice(0, -1)).toEqual(first?.messages);
    expect(lastMessage(second)).toContain(REASON);
  });

  it('is GUARD_BLOCKED the second time', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(BAD), says(FEEDBACK));

    const problem = expectProblem(await service.fail('/api/feedback', QUESTION), 'GUARD_BLOCKED');

    expect(problem.detail).toBe(REASON);
    expect(service.stub.requests).toHaveLength(2);
  });

  it('takes back what a stream sent of other fields, and asks once more', async () => {
    const service = await startBlocked();
    service.stub.script(says({ ...STEP, message: 'What is your salary?' }), says(STEP));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.filter(({ name }) => name === 'reset')).toMatchObject([{ data: { reason: REASON } }]);
    expect(events.at(-1)?.data.reply).toEqual(STEP);
  });

  it('ends a stream with the error the second time', async () => {
    const service = await startBlocked();
    const bad = { ...STEP, message: 'What is your salary?' };
    service.stub.script(says(bad), says(bad), says(STEP));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'GUARD_BLOCKED', status: 422 } });
  });

  it('ends a spoken field after the last clean sentence, and asks for the rest alone', async () => {
    const service = await startBlocked();
    const { thought, evaluation } = STEP;
    const message = 'Thank you. Well said! What is your salary? Tell me.';
    service.stub.script(says({ ...STEP, message }), says({ thought, evaluation }));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    const said = events
      .filter(({ data }) => data.path === '/message' && 'text' in data)
      .map(({ data }) => data.text)
      .join('');
    expect(said).toBe('Thank you. Well said!');
    expect(events.at(-1)?.data.reply).toEqual({ ...STEP, message: said });
    expect(wire(service.stub)[1]?.response_format).toMatchObject({
      json_schema: { schema: { required: ['thought', 'evaluation'] } },
    });
  });

  it('flags the row of a message that was cut', async () => {
    const service = await startBlocked();
    const { thought, evaluation } = STEP;
    service.stub.script(
      says({ ...STEP, message: 'Thank you. What is your salary?' }),
      says({ thought, evaluation }),
    );
    const call = nextCall(service);

    await readStream(service, '/api/interview/step', QUESTION);

    expect(await call).toMatchObject({ outcome: 'ok', judgements: ['blocked', 'strict'] });
  });

  it('asks for a later field again once the message was spoken', async () => {
    const service = await startBlocked();
    const { evaluation } = STEP;
    const bad = { ...STEP, evaluation: 'Wants a salary.' };
    service.stub.script(says(bad), says({ evaluation }));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.at(-1)?.data.reply).toEqual(STEP);
    expect(lastMessage(wire(service.stub)[1])).toContain(REASON);
  });

  it('ends with the error where the later field is blocked again', async () => {
    const service = await startBlocked();
    const bad = { ...STEP, evaluation: 'Wants a salary.' };
    service.stub.script(says(bad), says({ evaluation: bad.evaluation }), says({ evaluation: 'x' }));

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'GUARD_BLOCKED' } });
    expect(service.stub.requests).toHaveLength(2);
  });

  it('lets no field out that is not spoken before all of it is clean', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(FEEDBACK));

    const { events } = await readStream(service, '/api/feedback', QUESTION);

    expect(JSON.stringify(events)).not.toContain('Good.');
    expect(events.at(-1)?.data.reply).toEqual(FEEDBACK);
  });
});

describe('a stage that blocks a sentence of free text', () => {
  const PATH = '/api/chat/completions';
  const BAD = 'Your salary is low. Sorry.';

  it.each([false, true])('has it asked for once more, with the reason; streamed: %s', async (streams) => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says('All is well.'));

    const reply = streams
      ? (await readStream(service, PATH, CHAT)).events.at(-1)?.data.reply
      : (await service.post(PATH, CHAT)).body;

    expect(reply).toMatchObject({ content: 'All is well.' });
    expect(lastMessage(wire(service.stub)[1])).toContain(REASON);
  });

  it('is GUARD_BLOCKED the second time', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(BAD));

    expectProblem(await service.fail(PATH, CHAT), 'GUARD_BLOCKED');
  });

  it('ends a stream with the error the second time', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(BAD));

    const { events } = await readStream(service, PATH, CHAT);

    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'GUARD_BLOCKED' } });
  });

  it('ends a stream after its last clean sentence', async () => {
    const service = await startBlocked();
    service.stub.script(says('All is well. But the salary is low. Sorry.'));

    const { events } = await readStream(service, PATH, CHAT);

    expect(events.at(-1)?.data).toMatchObject({
      reply: { content: 'All is well.' },
      call: { finish_reason: 'content_filter', attempts: 1 },
    });
  });

  it('has a whole text asked for again, whichever sentence it is', async () => {
    const service = await startBlocked();
    service.stub.script(says('All is well. But the salary is low.'), says('All is well.'));

    expect((await service.post(PATH, CHAT)).body).toMatchObject({ content: 'All is well.' });
  });
});

describe('a stage that blocks a sentence of a request that is passed on', () => {
  const BAD = 'Your salary is low. Sorry.';

  it.each([false, true])('has it asked for once more, with the reason; streamed: %s', async (streams) => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says('All is well.'));

    const said = streams
      ? (await readChunks(service, V1_CHAT)).said()
      : (await service.post<Completion>(V1_CHAT, HELLO)).body.choices[0]?.message.content;

    expect(said).toBe('All is well.');
    expect(lastMessage(wire(service.stub)[1])).toContain(REASON);
  });

  it.each([false, true])('is guard_blocked the second time; streamed: %s', async (stream) => {
    const service = await startBlocked();
    service.stub.script(says(BAD), says(BAD));

    const reply = await service.post(V1_CHAT, { ...HELLO, stream });

    expect(expectOpenAiError(reply, 'GUARD_BLOCKED')).toContain(REASON);
    expect(service.stub.requests).toHaveLength(2);
  });

  it('is guard_blocked at once where there is no conversation to go on with', async () => {
    const service = await startBlocked();
    service.stub.script(says(BAD));

    const reply = await service.post(COMPLETIONS, { prompt: 'Hello', max_tokens: 50 });

    expectOpenAiError(reply, 'GUARD_BLOCKED');
    expect(service.stub.requests).toHaveLength(1);
  });

  it.each([
    { path: V1_CHAT, body: HELLO },
    { path: COMPLETIONS, body: { prompt: 'Hello', max_tokens: 50 } },
  ])('ends a stream of $path after its last clean sentence', async ({ path, body }) => {
    const service = await startBlocked();
    service.stub.script(says('All is well. But the salary is low. Sorry.'));
    const call = nextCall(service);

    const stream = await readChunks(service, path, body);

    expect(stream.said()).toBe('All is well.');
    expect(stream.finish()).toBe('content_filter');
    expect(await call).toMatchObject({
      outcome: 'ok',
      judgements: ['blocked'],
      content: { answer: 'All is well.' },
    });
  });

  it('tells the tokens of a stream that it ends, where the engine counts as it goes', async () => {
    const service = await startBlocked();
    service.stub.script(says('All is well. But the salary is low. Sorry.'));

    const { chunks } = await readChunks(service, V1_CHAT, {
      ...HELLO,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    });

    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: expect.any(Number) } });
  });

  it('ends the engine’s work on a stream that it ends', async () => {
    const service = await startBlocked();
    service.stub.script({ kind: 'endless', text: 'All is well. But the salary is low. ' });

    await readChunks(service, V1_CHAT);

    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it('ends every choice of a stream', async () => {
    const service = await startBlocked();
    const choices = [{ content: 'All is well. Good. ' }, { content: 'Fine. The salary is low. Sorry.' }];
    service.stub.script({ kind: 'reply', choices });

    const stream = await readChunks(service, COMPLETIONS, { prompt: ['a', 'b'], max_tokens: 50 });

    expect([stream.finish(0), stream.finish(1)]).toContain('content_filter');
    expect(stream.finish(0)).toBeDefined();
    expect(stream.said(1)).toBe('Fine.');
  });

  it('lets the engine go, and has the try in the log, where a filter itself fails', async () => {
    const service = await startService();
    useStages(service, {
      name: 'broken',
      filter: () => () => ({
        write: () => {
          throw new Error('A bug of a guard');
        },
        end: () => '',
      }),
    });
    service.stub.script({ kind: 'endless', text: 'All is well. ' });
    const call = nextCall(service);

    const { status } = await service.post(V1_CHAT, { ...HELLO, stream: true });

    expect(status).toBe(500);
    await service.stub.waitFor(() => service.stub.running === 0);
    expect(await call).toMatchObject({ code: 'INTERNAL_ERROR', tries: [{ engine: service.stub.url }] });
  });

  it('stops the reasoning of a checked reply', async () => {
    const service = await startBlocked();
    service.stub.script({
      kind: 'reply',
      content: JSON.stringify({ word: 'fine' }),
      reasoning: 'The salary is low.',
    });

    const body = { ...CHECKED, chat_template_kwargs: { enable_thinking: true } };
    const reply = await service.post(V1_CHAT, body, VALIDATE);

    expectOpenAiError(reply, 'GUARD_BLOCKED');
  });

  it('streams a checked reply only after every stage has seen it', async () => {
    const service = await startService();
    useStages(service, {
      name: 'refuses the answer',
      after: () => {
        throw new ServiceError('GUARD_BLOCKED', REASON);
      },
    });
    service.stub.script(says({ word: 'fine' }));

    const reply = await service.post(V1_CHAT, { ...CHECKED, stream: true }, VALIDATE);

    expectOpenAiError(reply, 'GUARD_BLOCKED');
  });

  it.each([false, true])('has a checked reply asked for once more; streamed: %s', async (streams) => {
    const service = await startBlocked();
    service.stub.script(says({ word: 'A salary.' }), says({ word: 'fine' }));

    const said = streams
      ? (await readChunks(service, V1_CHAT, CHECKED, VALIDATE)).said()
      : (await service.post<Completion>(V1_CHAT, CHECKED, VALIDATE)).body.choices[0]?.message.content;

    expect(said).toBe(JSON.stringify({ word: 'fine' }));
    expect(lastMessage(wire(service.stub)[1])).toContain(REASON);
  });

  it('is guard_blocked the second time for a checked reply', async () => {
    const service = await startBlocked();
    service.stub.script(says({ word: 'A salary.' }), says({ word: 'A salary.' }));

    const { status, body } = await service.post(V1_CHAT, CHECKED, VALIDATE);

    expect(status).toBe(422);
    expect(body).toMatchObject({ error: { code: 'guard_blocked', attempts: [{}, {}] } });
  });
});
