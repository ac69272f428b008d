import { describe, expect, it } from '@jest/globals';
import type { Fault } from '../src/engine/stub/faults.js';
import { CHAT, STREAMED } from './support/engine-questions.js';
import { expectProblem } from './support/problem.js';
import { MODEL_REPLIES, QUESTION, startService } from './support/service.js';
import { expectSound, readStream } from './support/sse.js';

const ANSWER = '안녕하세요. 시작하겠습니다 👍';
const THOUGHTS = '지원자는 약하다. 3점이면 충분.';
const STEP = { path: '/api/interview/step', body: QUESTION } as const;
const SAID = JSON.stringify(MODEL_REPLIES[STEP.path]);

/** A stream that says this, each delta in an event of its own. */
function streamOf(...deltas: object[]): Fault {
  const events = [...deltas.map((delta) => ({ delta })), { delta: {}, finish_reason: 'stop' }].map(
    (choice) => `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, ...choice }] })}\n\n`,
  );
  return { kind: 'raw', body: [...events, 'data: [DONE]\n\n'] };
}

/** A whole reply with this message. */
function wholeOf(message: object): Fault {
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }];
  return { kind: 'raw', body: [JSON.stringify({ model: 'm', choices })] };
}

/** One delta for each character. */
function letters(text: string, field = 'content'): object[] {
  return Array.from(text, (letter) => ({ [field]: letter }));
}

/** Replies of which the answer is a part. */
const REPLIES: readonly { reply: string; deltas: object[] }[] = [
  { reply: 'that thinks before it answers', deltas: letters(`<think>\n${THOUGHTS}\n</think>\n\n${ANSWER}`) },
  { reply: 'with an empty think block', deltas: letters(`<think>\n\n</think>\n\n${ANSWER}`) },
  { reply: 'that begins with a closing mark', deltas: letters(`\n</think>\n\n${ANSWER}`) },
  {
    reply: 'whose template opened the think block',
    deltas: letters(`${THOUGHTS}\n</think>\n\n${ANSWER}`),
  },
  ...['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'].flatMap((field) => [
    { reply: `with its thinking in ${field}`, deltas: [...letters(THOUGHTS, field), ...letters(ANSWER)] },
    { reply: `that stands in ${field}`, deltas: letters(ANSWER, field) },
  ]),
  {
    reply: 'in parts',
    deltas: [
      { content: [{ type: 'thinking', thinking: [{ type: 'text', text: THOUGHTS }] }] },
      { content: [{ type: 'text', text: ANSWER.slice(0, 3) }] },
      { content: [{ type: 'text', text: ANSWER.slice(3) }] },
    ],
  },
  { reply: 'that is a refusal', deltas: letters(ANSWER, 'refusal') },
  { reply: 'that is a refusal in a part', deltas: [{ content: [{ type: 'refusal', refusal: ANSWER }] }] },
];

describe('the answer of a chat is the answer alone, in a reply', () => {
  it.each(REPLIES)('$reply', async ({ deltas }) => {
    const service = await startService();
    service.stub.script(...Array<Fault>(4).fill(streamOf(...deltas)));

    const [whole, stream, message, prompt] = [
      await service.post(CHAT.path, CHAT.body),
      await readStream(service, CHAT.path, CHAT.body),
      await service.post('/chat', { message: '안녕' }),
      await service.post('/api/chat', { prompt: '안녕' }),
    ];

    expect(whole).toMatchObject({ status: 200, body: { content: ANSWER } });
    // It knows that what was sent and not taken back adds up to the reply.
    expect(expectSound(stream)).toMatchObject({ name: 'result', data: { reply: { content: ANSWER } } });
    expect(message).toMatchObject({ status: 200, body: { reply: ANSWER } });
    expect(prompt).toMatchObject({ status: 200, body: { response: ANSWER } });
    expect(service.stub.requests).toHaveLength(4);
  });

  it('of which the thinking is only known at its end: what was sent of it is taken back', async () => {
    const service = await startService();
    service.stub.script(streamOf({ content: THOUGHTS }, { content: `\n</think>\n\n${ANSWER}` }));

    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(events.map(({ name }) => name)).toEqual(['delta', 'reset', 'delta', 'result']);
    const reason = 'What came so far was the model’s thinking.';
    expect(events[1]?.data).toMatchObject({ reason, attempt: 1 });
  });

  it.each([
    'Write <think> to begin, and </think> to end.',
    'It begins with\n<think>\nand ends with\n</think>\n.',
    'The mark `</think>` ends it.',
    '<b>bold</b>',
    '<thi',
  ])('that mentions a mark stays as it is: %j', async (answer) => {
    const service = await startService();
    service.stub.script(streamOf(...letters(answer)), streamOf(...letters(answer)));

    expect((await service.post(CHAT.path, CHAT.body)).body).toMatchObject({ content: answer });
    const stream = await readStream(service, CHAT.path, CHAT.body);
    expect(expectSound(stream).data).toMatchObject({ reply: { content: answer } });
  });

  it('is sent as it comes, without a word that may still be a mark', async () => {
    const service = await startService();
    service.stub.script(
      streamOf({ content: '<' }, { content: 'thi' }, { content: 's> is' }, { content: ' it' }),
    );

    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(events.filter(({ name }) => name === 'delta').map(({ data }) => data.text)).toEqual([
      '<this> is',
      ' it',
    ]);
  });
});

describe('a chat whose model only thinks', () => {
  it.each([
    { how: 'in a block that is never closed', script: streamOf({ content: `<think>${THOUGHTS}` }) },
    {
      how: 'in a field of its own, with blanks behind it',
      script: streamOf({ reasoning_content: THOUGHTS }, { content: '\n\n' }),
    },
    { how: 'in a block with nothing behind it', script: streamOf({ content: `${THOUGHTS}\n</think>\n` }) },
    {
      how: 'until its tokens are spent',
      script: { kind: 'reply', content: null, reasoning: THOUGHTS, finishReason: 'length' },
    },
  ] satisfies { how: string; script: Fault }[])('has no answer: $how', async ({ script }) => {
    const service = await startService();
    service.stub.script(script, script, script, script);

    const problem = expectProblem(await service.fail(CHAT.path, CHAT.body), 'ENGINE_REPLY_EMPTY');
    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(problem.detail).toBe('The model thought, and its reply ended before the first word of an answer.');
    expect(events.at(-1)).toMatchObject({ name: 'error', data: { code: 'ENGINE_REPLY_EMPTY' } });
  });
});

describe('a structured answer', () => {
  it.each([
    { reply: 'behind a think block', message: { content: `<think>\n${THOUGHTS}\n</think>\n\n${SAID}` } },
    { reply: 'behind thinking alone', message: { content: `${THOUGHTS}\n</think>\n${SAID}` } },
    { reply: 'in parts', message: { content: [{ type: 'text', text: SAID }] } },
    { reply: 'in parts of words', message: { content: [SAID.slice(0, 9), SAID.slice(9)] } },
    { reply: 'in the field for reasoning', message: { content: null, reasoning: SAID } },
    { reply: 'in the field for thinking', message: { content: '', thinking: SAID } },
  ])('is taken at once: $reply', async ({ message }) => {
    const service = await startService();
    service.stub.script(wholeOf(message), streamOf(message));

    const whole = await service.post(STEP.path, STEP.body);
    const stream = await readStream(service, STEP.path, STEP.body);

    expect(whole).toMatchObject({ status: 200, body: MODEL_REPLIES[STEP.path] });
    expect(expectSound(stream).data).toMatchObject({ reply: MODEL_REPLIES[STEP.path] });
    expect(service.stub.requests).toHaveLength(2);
  });

  it('keeps the marks that it quotes', async () => {
    const service = await startService();
    const reply = { ...MODEL_REPLIES[STEP.path], message: 'You said <think>\n</think>\n, why?' };
    service.stub.script(...Array<Fault>(2).fill({ kind: 'reply', content: JSON.stringify(reply) }));

    expect((await service.post(STEP.path, STEP.body)).body).toEqual(reply);
    expect(expectSound(await readStream(service, STEP.path, STEP.body)).data).toMatchObject({ reply });
  });
});

describe('half a surrogate pair', () => {
  const half = '\ud83d';

  it('becomes U+FFFD, and a pair that two events divide stays one', async () => {
    const service = await startService();
    const deltas = ['A', half, '\udc4d B', half, ' C', half].map((content) => ({ content }));
    service.stub.script(streamOf(...deltas), streamOf(...deltas));

    const { body } = await service.post<{ content: string }>(CHAT.path, CHAT.body);
    const { events } = await readStream(service, CHAT.path, CHAT.body);

    expect(body.content).toBe('A👍 B\ufffd C\ufffd');
    const texts = events.filter(({ name }) => name === 'delta').map(({ data }) => data.text as string);
    expect(texts.join('')).toBe(body.content);
    expect(texts.every((text) => text.isWellFormed())).toBe(true);
  });
});

describe('a report that is asked as a stream', () => {
  it('has the choices of others left out', async () => {
    const service = await startService();
    const said = JSON.stringify(MODEL_REPLIES['/api/report']);
    const events = Array.from(said).flatMap((content) => [
      { index: 0, delta: { content } },
      { index: 1, delta: { content: 'x' } },
    ]);
    const body = [
      ...events,
      { index: 1, delta: {}, finish_reason: 'stop' },
      { index: 0, delta: {}, finish_reason: 'stop' },
    ]
      .map((choice) => `data: ${JSON.stringify({ choices: [choice] })}\n\n`)
      .join('');
    service.stub.script({ kind: 'raw', body: [`${body}data: [DONE]\n\n`] });

    expect(await service.post(STREAMED.path, STREAMED.body)).toMatchObject({
      status: 200,
      body: MODEL_REPLIES['/api/report'],
    });
    expect(service.stub.requests).toHaveLength(1);
  });
});
