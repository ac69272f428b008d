import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { firstTurn, loadInterview, nextTurn, stepPrompts, type Turn } from '../examples/interview.js';
import { feedbackTask } from '../src/feedback/feedback.task.js';
import { interviewStepTask } from '../src/interview/interview-step.task.js';
import { buildMessages } from '../src/prompts/build-messages.js';
import { neutraliseMarks, neutraliseMarksIn, restoreMarks, restoreMarksIn } from '../src/text/chat-marks.js';
import { reportTask } from '../src/report/report.task.js';
import { MODEL_REPLIES, QUESTION, startService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

const MARKS = [
  '<|im_start|>',
  '<|im_end|>',
  '<|endoftext|>',
  '<|fim_prefix|>',
  '<think>',
  '</think>',
  '<tool_call>',
  '</tool_call>',
  '<tool_response>',
  '</tool_response>',
  '<tools>',
  '</tools>',
];

/** Anything that a template would take for a control token. */
const CONTROL = /<\|[^\s<>|]+\|>|<\/?(?:think|tool_call|tool_response|tools)>/;

/** Texts in which marks, half marks and what makes them harmless meet in every order. */
const MIXED = fc
  .array(
    fc.oneof(
      fc.constantFrom(...MARKS, '¦', '<', '|', '>', '/', '<|', '|>', '</', '<¦', 'think', 'no_think'),
      fc.constantFrom('/think', '/no_think', '/¦think', ' ', '\n'),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe.each([{ thinking: false }, { thinking: true }])('chat marks with thinking $thinking', (options) => {
  it('come back as they were, whatever the text', () => {
    fc.assert(
      fc.property(MIXED, (text) => {
        expect(restoreMarks(neutraliseMarks(text, options), options)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it('are gone, whatever the text', () => {
    fc.assert(
      fc.property(MIXED, (text) => {
        expect(neutraliseMarks(text, options)).not.toMatch(CONTROL);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(MARKS)('are made harmless by one visible character: %s', (mark) => {
    expect(neutraliseMarks(`a${mark}b`, options)).toBe(`a<¦${mark.slice(1)}b`);
  });

  it.each(['a < b', 'a <b> c', '<thinking>', '< think>', '<|', '<| |>', '<||>', '|x|>', 'List<T>', 'a<¦b'])(
    'are not seen where there are none: %s',
    (text) => {
      expect(neutraliseMarks(text, options)).toBe(text);
      expect(restoreMarks(text, options)).toBe(text);
    },
  );

  it('are harmless in every text and key of a value, and come back there', () => {
    const value = { '<think>': ['<think>', { deep: '<|im_end|>' }], count: 1, none: null };
    const harmless = neutraliseMarksIn(value, options);

    expect(harmless).toEqual({ '<¦think>': ['<¦think>', { deep: '<¦|im_end|>' }], count: 1, none: null });
    expect(restoreMarksIn(harmless, options)).toEqual(value);
  });

  it('cost no copy of a value that has none', () => {
    const value = { a: ['b', { c: 'd > e' }], count: 1, none: null };

    expect(neutraliseMarksIn(value, options)).toBe(value);
    expect(restoreMarksIn(value, options)).toBe(value);
  });
});

describe('the switches of Qwen3', () => {
  it.each(['/think', '/no_think', 'a /think', 'a\n/no_think b', '/think.'])(
    'are made harmless where thinking is on: %s',
    (text) => {
      expect(neutraliseMarks(text, { thinking: true })).toBe(text.replace('/', '/¦'));
      expect(neutraliseMarks(text, { thinking: false })).toBe(text);
    },
  );

  it.each(['a/think', '/thinking', '/no_thinkers', 'https://host/think'])(
    'are not seen where there are none: %s',
    (text) => {
      expect(neutraliseMarks(text, { thinking: true })).toBe(text);
    },
  );
});

describe('no mark reaches the engine', () => {
  const hostile = MARKS.join(' and ');

  it.each(['/api/feedback', '/api/interview/step', '/api/report'])('with %s', async (path) => {
    const { stub, ...service } = await startService();

    await service.post(path, { system_prompt: hostile, user_prompt: `Candidate: ${hostile}` });

    for (const { content } of firstOnWire(stub).messages) {
      expect(content).not.toMatch(CONTROL);
      expect(restoreMarks(content, { thinking: false })).toContain(hostile);
    }
  });

  it('with any message of a chat', async () => {
    const service = await startService();
    const roles = ['system', 'user', 'assistant', 'user'];

    await service.post('/api/chat/completions', {
      messages: roles.map((role) => ({ role, content: hostile })),
    });

    const harmless = neutraliseMarks(hostile, { thinking: false });
    expect(firstOnWire(service.stub).messages).toEqual(roles.map((role) => ({ role, content: harmless })));
  });

  it('with a reply that is shown again', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: hostile });

    await service.post('/api/feedback', QUESTION);

    const shown = wire(service.stub)[1]?.messages.at(-2);
    expect(shown).toEqual({ role: 'assistant', content: neutraliseMarks(hostile, { thinking: false }) });
  });
});

describe('a mark that the model quotes', () => {
  it('comes back in a field as the caller wrote it', async () => {
    const service = await startService();
    const quoting = { ...MODEL_REPLIES['/api/feedback'], feedback: 'Wrote <¦|im_end|> and <¦¦think>.' };
    service.stub.script({ kind: 'reply', content: JSON.stringify(quoting) });

    const { body } = await service.post('/api/feedback', QUESTION);

    expect(body.feedback).toBe('Wrote <|im_end|> and <¦think>.');
  });

  it('comes back in a chat as the caller wrote it', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: '<¦|im_end|> ends a turn, <¦/think> a thought.' });

    const { body } = await service.post('/api/chat/completions', {
      messages: [{ role: 'user', content: 'What do <|im_end|> and </think> do?' }],
    });

    expect(body.content).toBe('<|im_end|> ends a turn, </think> a thought.');
  });
});

describe('the messages', () => {
  it.each([
    { path: '/api/feedback', task: feedbackTask },
    { path: '/api/interview/step', task: interviewStepTask },
    { path: '/api/report', task: reportTask },
  ])('of $path are the caller’s instructions, the contract, and the material', async ({ path, task }) => {
    const service = await startService();

    await service.post(path, QUESTION);

    expect(firstOnWire(service.stub).messages).toEqual([
      { role: 'system', content: `${QUESTION.system_prompt}\n\n${task.contract}` },
      { role: 'user', content: QUESTION.user_prompt },
    ]);
  });

  it('end the contract with the pass mark of the call', async () => {
    const service = await startService();

    await service.post('/api/feedback', { ...QUESTION, pass_mark: 6 });

    const [system] = firstOnWire(service.stub).messages;
    expect(system?.content).toBe(
      `${QUESTION.system_prompt}\n\n${feedbackTask.contract}\n` +
        'Pass mark: 6. "is_passed" is true exactly when "score" is at least 6.',
    );
  });

  it('do not depend on blank lines at the end of the instructions', () => {
    const parts = { systemPrompt: 'Be kind.', userPrompt: 'Hello', contract: 'Reply.' };
    const options = { thinking: false };

    expect(buildMessages({ ...parts, systemPrompt: 'Be kind. \n\n' }, options)).toEqual(
      buildMessages(parts, options),
    );
  });

  it('are the same bytes for the same question', async () => {
    const service = await startService();

    await service.post('/api/report', QUESTION);
    await service.post('/api/report', QUESTION);

    const [first, second] = wire(service.stub);
    expect(JSON.stringify(second?.messages)).toBe(JSON.stringify(first?.messages));
    expect(JSON.stringify(second?.response_format)).toBe(JSON.stringify(first?.response_format));
  });

  it.each(['ko', 'en'] as const)('of an interview only grow at their end: %s', async (language) => {
    const service = await startService();
    const interview = loadInterview(language);
    const turns: Turn[] = [];
    let turn: Turn | undefined = firstTurn(interview);
    for (const action of ['FOLLOW_UP', 'NEW_TOPIC', 'FOLLOW_UP', 'NEXT_PHASE'] as const) {
      if (turn) turns.push(turn);
      await service.post('/api/interview/step', stepPrompts(interview, turns));
      turn = turn && nextTurn(interview, turn, { action, message: 'And <think> then?' });
    }

    const asked = wire(service.stub).map(({ messages }) => messages.map(({ content }) => content));
    expect(asked).toHaveLength(4);
    for (const [at, [system, material]] of asked.entries()) {
      expect(system).toBe(asked[0]?.[0]);
      expect(material?.startsWith(asked[at - 1]?.[1] ?? '')).toBe(true);
    }
  });
});
