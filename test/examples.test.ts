import { describe, expect, it } from '@jest/globals';
import {
  feedbackPrompts,
  firstTurn,
  loadInterview,
  nextTurn,
  reportPrompts,
  stepPrompts,
  transcript,
  type Turn,
} from '../examples/interview.js';
import { composeReply } from '../src/engine/stub/compose-reply.js';

describe.each(['ko', 'en'] as const)('the example interview in %s', (language) => {
  const interview = loadInterview(language);
  const first = firstTurn(interview);

  it('has answers that are good, thin and evasive', () => {
    const qualities = interview.questions.map(({ quality }) => quality);
    expect(new Set(qualities)).toEqual(new Set(['good', 'thin', 'evasive']));
    expect(qualities.filter((quality) => quality === 'good').length).toBeGreaterThanOrEqual(2);
  });

  it('has enough questions for six turns without a follow-up', () => {
    expect(interview.questions).toHaveLength(6);
  });

  it('lists the prepared questions at the end of the system prompt of a step', () => {
    const lines = stepPrompts(interview, [first]).system_prompt.split('\n');
    expect(lines.slice(-6)).toEqual(
      interview.questions.map(({ question }, index) => `${index + 1}. ${question}`),
    );
  });

  it('only appends to the transcript', () => {
    const turns = [first, follow('FOLLOW_UP', first)];
    expect(transcript(interview, turns).startsWith(`${transcript(interview, [first])}\n`)).toBe(true);
  });

  it('keeps a message of several lines on one line of the transcript', () => {
    const turn = { ...first, question: 'One.\n\nTwo.' };
    expect(transcript(interview, [turn]).split('\n')).toHaveLength(2);
  });

  it('tells the interviewer when time is up', () => {
    expect(stepPrompts(interview, [first], true).user_prompt).toMatch(new RegExp(`${interview.time_is_up}$`));
  });

  it('answers a follow-up with the follow-up answer, and a second one with nothing more', () => {
    const followUp = follow('FOLLOW_UP', first);
    expect(followUp.answer).toBe(interview.questions[0].follow_up_answer);
    expect(follow('FOLLOW_UP', followUp).answer).toBe(interview.nothing_to_add);
  });

  it('answers the next question after a new topic', () => {
    expect(follow('NEW_TOPIC', first)).toMatchObject({
      isFollowUp: false,
      answer: interview.questions[1]?.answer,
    });
  });

  it('ends with the next phase, and when the questions run out', () => {
    expect(nextTurn(interview, first, { action: 'NEXT_PHASE', message: '' })).toBeUndefined();
    const last = { ...first, topicIndex: interview.questions.length - 1 };
    expect(nextTurn(interview, last, { action: 'NEW_TOPIC', message: '' })).toBeUndefined();
  });

  it('asks for feedback on a follow-up together with the question it follows', () => {
    const second = follow('NEW_TOPIC', first);
    const lines = feedbackPrompts(interview, [first, second, follow('FOLLOW_UP', second)]).user_prompt.split(
      '\n',
    );
    expect(lines).toHaveLength(4);
    expect(lines[1]).toContain(second.answer);
  });

  it('asks for a report on the whole transcript', () => {
    expect(reportPrompts(interview, [first]).user_prompt).toBe(transcript(interview, [first]));
  });

  it('is followed up by the stub exactly where an answer is not good', () => {
    for (const { question, answer, quality } of interview.questions.slice(0, -1)) {
      const action = stubAction({ ...first, question, answer });
      expect({ question, action }).toEqual({
        question,
        action: quality === 'good' ? 'NEW_TOPIC' : 'FOLLOW_UP',
      });
    }
  });

  function follow(action: 'FOLLOW_UP' | 'NEW_TOPIC', last: Turn): Turn {
    const turn = nextTurn(interview, last, { action, message: 'Well?' });
    if (turn === undefined) throw new Error('The interview is over.');
    return turn;
  }

  function stubAction(turn: Turn): unknown {
    const { system_prompt, user_prompt } = stepPrompts(interview, [turn]);
    const messages = [
      { role: 'system', content: system_prompt },
      { role: 'user', content: user_prompt },
    ];
    const schema = { properties: { action: { enum: ['FOLLOW_UP', 'NEW_TOPIC', 'NEXT_PHASE'] } } };
    const reply = JSON.parse(composeReply(messages, schema)) as { action: unknown };
    return reply.action;
  }
});
