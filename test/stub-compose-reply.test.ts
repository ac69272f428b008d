import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { composeReply } from '../src/engine/stub/compose-reply.js';
import type { ChatMessage, JsonSchema } from '../src/engine/stub/types.js';

const STRING: JsonSchema = { type: 'string' };
const STEP = object({
  thought: STRING,
  action: { type: 'string', enum: ['FOLLOW_UP', 'NEW_TOPIC', 'NEXT_PHASE'] },
  message: STRING,
  evaluation: STRING,
});
const FEEDBACK = object({
  feedback: STRING,
  score: { type: 'integer', minimum: 0, maximum: 10 },
  is_passed: { type: 'boolean' },
  improvement_suggestion: STRING,
});
const REPORT = object({
  summary: STRING,
  strengths: { type: 'array', items: STRING, minItems: 1 },
  improvements: { type: 'array', items: STRING, minItems: 1 },
  recommendations: { type: 'array', items: STRING, minItems: 1 },
  overall_score: { type: 'integer', minimum: 0, maximum: 100 },
  question_feedbacks: {
    type: 'array',
    items: object({ question: STRING, answer_summary: STRING, score: { type: 'integer' }, feedback: STRING }),
  },
});

const INTERVIEWER = [
  'Rules',
  '1. Be polite.',
  '',
  'Prepared questions',
  '1. What is a deadlock?',
  '2. What is an index?',
];
const GOOD_ANSWER =
  'Two transactions each waited for a row the other held, for 30 seconds, so checkout failed for 4% of orders. ' +
  'I sorted the rows by id before locking, because a deadlock needs a cycle, and lowered the lock timeout to ' +
  '2 seconds instead of 30. In the 6 months since, there were 0 deadlocks.';

const KOREAN_ANSWER =
  '인덱스는 전체를 읽지 않고 행을 찾기 위한 자료 구조입니다. 주문 조회가 3초 걸렸는데 실행 계획을 보고 복합 인덱스를 추가해서 0.2초로 줄였습니다. 쓰기가 느려지기 때문에 2개만 두었고, 6개월 동안 장애가 0건이었습니다.';

describe('the step the stub takes', () => {
  it('asks the next prepared question word for word after a good answer', () => {
    const reply = step(['Interviewer: What is a deadlock?', `Candidate: ${GOOD_ANSWER}`]);
    expect(reply).toMatchObject({
      action: 'NEW_TOPIC',
      message: expect.stringContaining(' What is an index?'),
    });
  });

  it('follows up a thin answer with words of the candidate', () => {
    const reply = step([
      'Interviewer: What is a deadlock?',
      'Candidate: Well, two threads block each other.',
    ]);
    expect(reply).toMatchObject({
      action: 'FOLLOW_UP',
      message: expect.stringContaining('two threads block each other'),
    });
  });

  it('follows up an evasive answer with words of the question', () => {
    const reply = step(['Interviewer: What is a deadlock?', "Candidate: Hmm, I don't remember."]);
    expect(reply).toMatchObject({ action: 'FOLLOW_UP', message: expect.stringContaining('deadlock') });
  });

  it('follows up only once on a question', () => {
    const reply = step([
      'Interviewer: What is a deadlock?',
      'Candidate: A problem.',
      'Interviewer: Could you say more?',
      'Candidate: A big problem.',
    ]);
    expect(reply).toMatchObject({
      action: 'NEW_TOPIC',
      message: expect.stringContaining('What is an index?'),
    });
  });

  it('closes when no prepared question is left', () => {
    const reply = step(['Interviewer: What is an index?', `Candidate: ${GOOD_ANSWER}`]);
    expect(reply.action).toBe('NEXT_PHASE');
  });

  it('closes when the moderator says that time is up', () => {
    const reply = step([
      'Interviewer: What is a deadlock?',
      'Candidate: A problem.',
      'Moderator: Time is up.',
    ]);
    expect(reply.action).toBe('NEXT_PHASE');
  });

  it('asks a question of its own when the prompt prepares none', () => {
    const reply = step([`Candidate: ${GOOD_ANSWER}`], 'You are an interviewer.');
    expect(reply).toMatchObject({ action: 'NEW_TOPIC', message: expect.stringMatching(/\?$/) });
  });

  it('says in its thought that it is the stub', () => {
    expect(step(['Candidate: Yes.']).thought).toContain('stub');
  });
});

describe('how the stub reads a prompt', () => {
  it.each([
    ['면접관: 데드락이 뭔가요?', '지원자: 서로 기다리는 겁니다.'],
    ['질문 1: 데드락이 뭔가요?', '답변 1: 서로 기다리는 겁니다.'],
    ['Q1. 데드락이 뭔가요?', 'A1. 서로 기다리는 겁니다.'],
    ['**Question:** 데드락이 뭔가요?', '**Answer:** 서로 기다리는 겁니다.'],
  ])('finds the question and the answer in %s', (question, answer) => {
    const report = reply(REPORT, [user(`${question}\n${answer}`)]);
    expect(report.question_feedbacks).toEqual([
      expect.objectContaining({ question: '데드락이 뭔가요?', answer_summary: '서로 기다리는 겁니다.' }),
    ]);
  });

  it('joins the lines of an answer', () => {
    const report = reply(REPORT, [user('Question: What is a lock?\nAnswer: First this.\n\nThen that.')]);
    expect(report.question_feedbacks).toEqual([
      expect.objectContaining({ answer_summary: 'First this. Then that.' }),
    ]);
  });

  it('takes a text without labels for an answer', () => {
    expect(reply(FEEDBACK, [user(GOOD_ANSWER)]).score).toBeGreaterThanOrEqual(6);
  });

  it('finds the interview before a request to repair the last reply', () => {
    const interview = user(`Interviewer: What is a deadlock?\nCandidate: ${GOOD_ANSWER}`);
    const repair = [{ role: 'assistant', content: '{' }, user('Your last reply was not valid JSON.')];
    expect(reply(FEEDBACK, [interview, ...repair])).toEqual(reply(FEEDBACK, [interview]));
  });

  it('answers in Korean to Korean that is full of English terms', () => {
    const report = reply(FEEDBACK, [user('Redis cache TTL을 늘렸고 p99 latency가 줄었습니다.')]);
    expect(report.feedback).toMatch(/[가-힣]/);
  });

  it('takes the language of the system prompt when the user said nothing', () => {
    const messages = [{ role: 'system', content: '당신은 면접관입니다.' }, user('')];
    expect(reply(FEEDBACK, messages).feedback).toMatch(/[가-힣]/);
  });

  it.each([' ', '\n', 'a', '가', '1', '“', '. ', 'Q: a\nA: b\n', 'pass mark ', "don't "])(
    'reads a megabyte of %j in linear time: quadratic work would not end within the limit of a test',
    (filler) => {
      const text = reply(STEP, [
        { role: 'system', content: INTERVIEWER.join('\n') },
        user(filler.repeat(1_000_000 / filler.length)),
      ]);
      expect(text).toHaveProperty('message');
    },
  );
});

describe("the stub's judgement", () => {
  it('scores an answer with figures and reasons above a thin one, and that above an evasive one', () => {
    const scores = [
      GOOD_ANSWER,
      'A deadlock is two threads that block each other because each waits.',
      "I'm not sure.",
    ].map((answer) => feedbackOn(answer).score);
    expect(scores).toEqual([...scores].sort((a, b) => Number(b) - Number(a)));
    expect(new Set(scores).size).toBe(3);
  });

  it.each([
    ['Pass mark: 0', true],
    ['Pass mark: 10', false],
    ['합격 기준: 10점', false],
  ])('passes an answer by the mark in "%s"', (line, isPassed) => {
    expect(feedbackOn(GOOD_ANSWER, line).is_passed).toBe(isPassed);
  });

  it('averages the scores of the answers into the overall score of the report', () => {
    const report = reply(REPORT, [
      user(`Q: What is a lock?\nA: ${GOOD_ANSWER}\nQ: And an index?\nA: No idea.`),
    ]);
    const scores = (report.question_feedbacks as { score: number }[]).map(({ score }) => score);
    expect(report.overall_score).toBe(scores.reduce((sum, score) => sum + score, 0) * 5);
  });
});

describe('the summary of the stub', () => {
  const summary = (...answers: string[]): unknown =>
    reply(REPORT, [user(answers.map((answer) => `질문: 인덱스가 무엇인가요?\n답변: ${answer}`).join('\n'))])
      .summary;

  it.each([
    [['모르겠습니다.'], /^답변의 근거가 부족했습니다\./],
    [['모르겠습니다.', '글쎄요.'], /^답변 2개 모두 근거가 부족했습니다\./],
    [[KOREAN_ANSWER], /^답변이 구체적이었습니다\./],
    [[KOREAN_ANSWER, KOREAN_ANSWER], /^답변 2개가 모두 구체적이었습니다\./],
    [[KOREAN_ANSWER, '글쎄요.'], /^답변 2개 가운데 1개는 구체적이었고 1개는 근거가 부족했습니다\./],
  ])('counts the answers as people do: %j', (answers, expected) => {
    expect(summary(...answers)).toMatch(expected);
  });

  it('counts no answer in words', () => {
    const report = reply(REPORT, [user('Q: What is a lock?\nA: No idea.')]);
    expect(report.summary).toMatch(/^No answer was concrete; evidence was missing\. \(/);
  });
});

describe('the JSON of the stub', () => {
  it('keeps the order of the properties and has a space after each comma and colon only', () => {
    const schema = object({
      b: { const: 1 },
      a: { type: 'array', items: { const: 'x' }, minItems: 2 },
      c: object({}),
    });
    expect(composeReply([user('Hi')], schema)).toBe('{"b": 1, "a": ["x", "x"], "c": {}}');
  });

  it('ends values of a recursive schema', () => {
    const node = object({ name: STRING, children: { type: 'array', items: { $ref: '#/$defs/node' } } });
    const list = object({ next: { anyOf: [{ $ref: '#/$defs/list' }, { type: 'null' }] } });
    const schema = {
      ...object({ node: { $ref: '#/$defs/node' }, list: { $ref: '#/$defs/list' } }),
      $defs: { node, list },
    };
    expect(accepts(schema, composeReply([user('Hi')], schema))).toBe(true);
  });

  it.each<JsonSchema>([
    { type: 'string', minLength: 300 },
    { type: 'string', maxLength: 3 },
    { oneOf: [{ type: 'integer', minimum: 5 }, STRING] },
    {
      ...object({ a: STRING }),
      additionalProperties: true,
      anyOf: [{ required: ['b'] }, { required: ['c'] }],
    },
    { type: 'object', required: ['n'], additionalProperties: { type: 'integer' } },
    {
      allOf: [{ $ref: '#/$defs/a' }, { type: 'object', properties: { b: { const: 2 } }, required: ['b'] }],
      $defs: { a: { type: 'object', properties: { a: { const: 1 } }, required: ['a'] } },
    },
  ])('conforms to combinations, lengths and fields without a schema: %j', (schema) => {
    expect(accepts(schema, composeReply([user('Hi')], schema))).toBe(true);
  });

  it('puts the value of a format where one is asked for', () => {
    const schema = object({
      day: { type: 'string', format: 'date' },
      mail: { type: 'string', format: 'email' },
    });
    expect(reply(schema, [user('Hi')])).toEqual({ day: '2026-01-15', mail: 'stub@example.com' });
  });

  it('refuses a reference that leads nowhere', () => {
    expect(() => composeReply([user('Hi')], { $ref: '#/$defs/none' })).toThrow(
      'The schema has no #/$defs/none.',
    );
  });

  it('conforms to any schema of the dialect', () => {
    fc.assert(
      fc.property(anySchema(), fc.string(), (schema, prompt) =>
        accepts(schema, composeReply([user(prompt)], schema)),
      ),
      { numRuns: 150 },
    );
  });

  it('is the same for the same prompt', () => {
    const messages = [user(GOOD_ANSWER)];
    expect(composeReply(messages, REPORT)).toBe(composeReply(messages, REPORT));
  });
});

describe('the text of the stub', () => {
  it('takes up the question and says that it is no model', () => {
    expect(composeReply([user('What is a lock?')], undefined)).toMatch(
      /“What is a lock\?”.*stub.*not a model/,
    );
  });

  it.each([
    ['안녕', '“안녕”이라고'],
    ['안녕하세요!', '“안녕하세요!”라고'],
    ['2+2는?', '“2+2는?”이라고'],
    ['안녕'.normalize('NFD'), '이라고'],
    ['이건 SQL', '“이건 SQL”라고'],
  ])('puts the particle behind %s that its last sound wants', (message, expected) => {
    expect(composeReply([user(message)], undefined)).toContain(`${expected} 하셨네요.`);
  });

  it('speaks Korean to a Korean question', () => {
    expect(composeReply([user('락이 뭔가요?')], undefined)).toMatch(/“락이 뭔가요\?”.*모델이 아니라/);
  });
});

function user(content: string): ChatMessage {
  return { role: 'user', content };
}

function reply(schema: JsonSchema, messages: ChatMessage[]): Record<string, unknown> {
  return JSON.parse(composeReply(messages, schema)) as Record<string, unknown>;
}

function step(lines: string[], system = INTERVIEWER.join('\n')): Record<string, unknown> {
  return reply(STEP, [{ role: 'system', content: system }, user(lines.join('\n'))]);
}

function feedbackOn(answer: string, system = ''): Record<string, unknown> {
  return reply(FEEDBACK, [
    { role: 'system', content: system },
    user(`Question: What is a deadlock?\nAnswer: ${answer}`),
  ]);
}

function object(properties: Record<string, JsonSchema>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

function accepts(schema: JsonSchema, json: string): boolean {
  return new Ajv({ strict: false }).validate(schema, JSON.parse(json));
}

function anySchema(): fc.Arbitrary<JsonSchema> {
  const name = fc.constantFrom(
    'score',
    'feedback',
    'action',
    'strengths',
    'question_feedbacks',
    'is_passed',
    'other',
  );
  const leaf = fc.oneof(
    fc.constantFrom<JsonSchema>(
      STRING,
      { type: 'boolean' },
      { type: 'null' },
      { type: ['integer', 'null'] },
      {},
    ),
    fc.constant<JsonSchema>({ $ref: '#/$defs/leaf' }),
    fc
      .uniqueArray(fc.oneof(fc.string(), fc.integer()), { minLength: 1 })
      .map((values): JsonSchema => ({ enum: values })),
    fc.oneof(fc.string(), fc.integer()).map((value): JsonSchema => ({ const: value })),
    fc
      .record({
        low: fc.integer({ min: -99, max: 99 }),
        room: fc.nat(99),
        type: fc.constantFrom('integer', 'number'),
      })
      .chain(({ low, room, type }) =>
        fc.constantFrom<JsonSchema>(
          { type, minimum: low, maximum: low + room },
          { type, exclusiveMinimum: low, exclusiveMaximum: low + room + 2 },
          { type, minimum: low },
          { type, exclusiveMaximum: low },
        ),
      ),
  );
  const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.dictionary(name, tie('schema'), { noNullPrototype: true }).map(object),
      fc
        .record({ items: tie('schema'), minItems: fc.nat(3), room: fc.nat(3) })
        .map(({ items, minItems, room }) => ({ type: 'array', items, minItems, maxItems: minItems + room })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    ),
  }));
  return fc
    .dictionary(name, schema, { noNullPrototype: true })
    .map((properties) => ({ ...object(properties), $defs: { leaf: { type: 'integer', maximum: 3 } } }));
}
