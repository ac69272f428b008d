import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Usage } from '../src/engine/engine-request.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { feedbackSchema } from '../src/feedback/feedback.task.js';
import { restoreMarksIn } from '../src/text/chat-marks.js';
import { stripWrapping } from '../src/schema/tolerant-json.js';
import type { HealthDto } from '../src/health/health.dto.js';
import { expectProblem } from './support/problem.js';
import { MODEL_REPLIES, QUESTION, startService, type TestService } from './support/service.js';
import { wire } from './support/wire.js';

const PATH = '/api/feedback';
const GOOD = MODEL_REPLIES[PATH];
const JSON_OF_GOOD = JSON.stringify(GOOD);

/** The good reply's text with other fields. */
function saying(fields: object): string {
  return JSON.stringify({ ...GOOD, ...fields });
}

/** The good reply's text with its score written otherwise. */
function scored(score: string): string {
  return JSON_OF_GOOD.replace('"score":7', `"score":${score}`);
}

/** A whole reply that no max_tokens cuts short. */
function whole(content: string): Fault {
  const choice = { message: { role: 'assistant', content }, finish_reason: 'stop', matched_stop: 151645 };
  return { kind: 'raw', body: [JSON.stringify({ model: 'm', choices: [choice] })] };
}

/** What was counted of feedback replies since the start. */
async function counted(service: TestService): Promise<Record<string, number> | undefined> {
  const { body } = await service.get<HealthDto>('/health');
  return body.details?.replies.feedback;
}

describe('a reply that is valid as it came or after stripping', () => {
  it.each([
    { reply: 'bare', content: JSON_OF_GOOD, rung: 'strict' },
    { reply: 'spread over lines', content: JSON.stringify(GOOD, null, 2), rung: 'strict' },
    { reply: 'with blanks around it', content: `\n ${JSON_OF_GOOD} \n`, rung: 'strict' },
    { reply: 'with its score written 7.0', content: scored('7.0'), rung: 'strict' },
    { reply: 'with its score written 0.7e1', content: scored('0.7e1'), rung: 'strict' },
    {
      reply: 'with its fields in another order',
      content: JSON.stringify(Object.fromEntries(Object.entries(GOOD).reverse())),
      rung: 'strict',
    },
    { reply: 'after a byte order mark', content: `\uFEFF${JSON_OF_GOOD}`, rung: 'tolerant' },
    { reply: 'in a fence', content: `\`\`\`json\n${JSON_OF_GOOD}\n\`\`\``, rung: 'tolerant' },
    { reply: 'in a fence of no language', content: `\`\`\`\n${JSON_OF_GOOD}\n\`\`\``, rung: 'tolerant' },
    {
      reply: 'after a think block',
      content: `<think>\nHm {"score":1}\n</think>\n\n${JSON_OF_GOOD}`,
      rung: 'strict',
    },
    {
      reply: 'after thinking that the template had opened',
      content: `Hm {"score":1}\n</think>\n\n${JSON_OF_GOOD}`,
      rung: 'strict',
    },
    {
      reply: 'after an empty think block and in a fence',
      content: `<think>\n\n</think>\n\n\`\`\`json\n${JSON_OF_GOOD}\n\`\`\``,
      rung: 'tolerant',
    },
  ])('is taken at once: $reply', async ({ content, rung }) => {
    const service = await startService();
    service.stub.script(whole(content));

    const { status, body } = await service.post(PATH, QUESTION);

    expect({ status, body }).toEqual({ status: 200, body: GOOD });
    expect(await counted(service)).toEqual({ calls: 1, [rung]: 1, valid: 1 });
  });

  it('keeps raw tabs and line breaks of its texts and drops other control characters', async () => {
    const service = await startService();
    service.stub.script(
      whole(saying({ feedback: 'FEED' }).replace('FEED', 'a\tb\nc\rd\u0000e\u0007f\u001bg')),
    );

    const { body } = await service.post(PATH, QUESTION);

    expect(body.feedback).toBe('a\tb\nc\rdefg');
  });

  it('is taken from the reasoning where a parser left no content', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: '', reasoning: JSON_OF_GOOD });

    expect(await service.post(PATH, QUESTION)).toMatchObject({ status: 200, body: GOOD });
    expect(await counted(service)).toEqual({ calls: 1, reasoning: 1, valid: 1 });
  });
});

describe('a reply that is not accepted', () => {
  it.each([
    { reply: 'prose before the object', content: `Here you are: ${JSON_OF_GOOD}`, flaw: 'not-json' },
    { reply: 'prose after the object', content: `${JSON_OF_GOOD} I hope this helps.`, flaw: 'not-json' },
    { reply: 'two objects', content: JSON_OF_GOOD + JSON_OF_GOOD, flaw: 'not-json' },
    { reply: 'half an object', content: JSON_OF_GOOD.slice(0, -30), flaw: 'not-json' },
    { reply: 'a fence that does not end', content: `\`\`\`json\n${JSON_OF_GOOD}`, flaw: 'not-json' },
    { reply: 'a think block that does not end', content: `<think>${JSON_OF_GOOD}`, flaw: 'empty' },
    { reply: '200,000 open brackets', content: '['.repeat(200_000), flaw: 'not-json' },
    { reply: '200,000 nested objects', content: '{"a":'.repeat(200_000), flaw: 'not-json' },
    { reply: 'a score NaN', content: scored('NaN'), flaw: 'not-json' },
    { reply: 'a score 007', content: scored('007'), flaw: 'not-json' },
    { reply: 'a key twice', content: JSON_OF_GOOD.replace('{', '{"score":9,'), flaw: 'not-json' },
    {
      reply: 'a key twice, once escaped',
      content: JSON_OF_GOOD.replace('{', String.raw`{"scor\u0065":9,`),
      flaw: 'not-json',
    },
    {
      reply: 'half of a surrogate pair',
      content: JSON_OF_GOOD.replace('Names', String.raw`\ud83d`),
      flaw: 'not-json',
    },
    { reply: 'the text null', content: 'null', flaw: 'schema' },
    { reply: 'an array of the object', content: `[${JSON_OF_GOOD}]`, flaw: 'schema' },
    { reply: '200,000 closed brackets', content: '['.repeat(2e5) + ']'.repeat(2e5), flaw: 'not-json' },
    { reply: 'a score in quotes', content: scored('"7"'), flaw: 'schema' },
    { reply: 'a score 7.5', content: scored('7.5'), flaw: 'schema' },
    { reply: 'a score 11', content: scored('11'), flaw: 'schema' },
    { reply: 'a score -1', content: scored('-1'), flaw: 'schema' },
    { reply: 'a score 1e999', content: scored('1e999'), flaw: 'schema' },
    { reply: 'a score null', content: scored('null'), flaw: 'schema' },
    { reply: 'a missing field', content: JSON.stringify({ score: 7, is_passed: true }), flaw: 'schema' },
    { reply: 'an extra field', content: saying({ note: 'x' }), flaw: 'schema' },
    { reply: 'a __proto__ key', content: JSON_OF_GOOD.replace('{', '{"__proto__":{"a":1},'), flaw: 'schema' },
    {
      reply: 'all fields in a __proto__ key',
      content: `{"__proto__":${JSON_OF_GOOD}}`,
      flaw: 'schema',
    },
    { reply: 'a blank feedback', content: saying({ feedback: '  ' }), flaw: 'meaning' },
    {
      reply: 'a feedback of zero-width spaces',
      content: saying({ feedback: '\u200B\uFEFF\u2060' }),
      flaw: 'meaning',
    },
    {
      reply: 'a feedback of Hangul fillers',
      content: saying({ feedback: '\u3164\u115F\uFFA0' }),
      flaw: 'meaning',
    },
    { reply: 'blanks', content: ' \n\t', flaw: 'empty' },
  ])('is asked for again: $reply', async ({ content, flaw }) => {
    const service = await startService();
    service.stub.script(whole(content), whole(JSON_OF_GOOD));

    const { status, headers, body } = await service.post(PATH, QUESTION);

    expect({ status, body }).toEqual({ status: 200, body: GOOD });
    expect(headers['x-attempts']).toBe('2');
    expect(await counted(service)).toEqual({ calls: 1, [flaw]: 1, 're-asked': 1, strict: 1, valid: 1 });
  });

  it.each([
    {
      reply: 'cut by a stop string',
      fault: { kind: 'reply', content: JSON_OF_GOOD, matchedStop: '}' },
      flaw: 'stop-string',
    },
    { reply: 'of no content', fault: { kind: 'reply', content: null }, flaw: 'empty' },
    {
      reply: 'of prose in the reasoning alone',
      fault: { kind: 'reply', content: '', reasoning: 'Let me think.' },
      flaw: 'empty',
    },
    {
      reply: 'of endless blanks',
      fault: { kind: 'reply', content: '{'.padEnd(20_000, ' \n') },
      flaw: 'length',
    },
  ] satisfies { reply: string; fault: Fault; flaw: string }[])(
    'is asked for again: one $reply',
    async ({ fault, flaw }) => {
      const service = await startService();
      service.stub.script(fault, whole(JSON_OF_GOOD));

      expect(await service.post(PATH, QUESTION)).toMatchObject({ status: 200, body: GOOD });
      expect(await counted(service)).toEqual({ calls: 1, [flaw]: 1, 're-asked': 1, strict: 1, valid: 1 });
    },
  );

  it.each([
    { path: '/api/interview/step', field: 'action', value: 'follow_up' },
    { path: '/api/interview/step', field: 'message', value: '\u00A0\u3000' },
    { path: '/api/report', field: 'summary', value: '' },
    { path: '/api/report', field: 'strengths', value: Array(11).fill('x') },
    { path: '/api/report', field: 'overall_score', value: 101 },
  ] as const)('is asked for again on $path: $field $value', async ({ path, field, value }) => {
    const service = await startService();
    const good = MODEL_REPLIES[path];
    service.stub.script(
      { kind: 'reply', content: JSON.stringify({ ...good, [field]: value }) },
      { kind: 'reply', content: JSON.stringify(good) },
    );

    expect(await service.post(path, QUESTION)).toMatchObject({ status: 200, body: good });
    expect(service.stub.requests).toHaveLength(2);
  });
});

describe('a pass mark', () => {
  it.each([
    { pass_mark: 6, score: 7, is_passed: false, asked: 2 },
    { pass_mark: 6, score: 5, is_passed: true, asked: 2 },
    { pass_mark: 6, score: 6, is_passed: true, asked: 1 },
    { pass_mark: 0, score: 0, is_passed: false, asked: 2 },
    { pass_mark: null, score: 0, is_passed: true, asked: 1 },
  ])(
    'of $pass_mark with score $score and is_passed $is_passed asks $asked time(s)',
    async ({ pass_mark, score, is_passed, asked }) => {
      const service = await startService();
      const agreeing = saying({ score, is_passed: pass_mark === null ? is_passed : score >= pass_mark });
      service.stub.script(whole(saying({ score, is_passed })), whole(agreeing));

      const { status, body } = await service.post(PATH, { ...QUESTION, pass_mark });

      expect({ status, body }).toEqual({ status: 200, body: JSON.parse(agreeing) as unknown });
      expect(service.stub.requests).toHaveLength(asked);
    },
  );
});

describe('a model that never replies validly', () => {
  it.each([1, 2, 5])('is asked STRUCTURED_MAX_ATTEMPTS times: %i', async (structuredMaxAttempts) => {
    const service = await startService({ structuredMaxAttempts });
    service.stub.script(...Array<Fault>(10).fill(whole('no')));

    const { status, body } = await service.fail(PATH, QUESTION);

    expect({ status, code: body.code }).toEqual({ status: 502, code: 'STRUCTURED_OUTPUT_INVALID' });
    expect(body.attempts?.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: structuredMaxAttempts }, (_, at) => at + 1),
    );
    expect(service.stub.requests).toHaveLength(structuredMaxAttempts);
  });

  it('has the reasons of all attempts in the problem', async () => {
    const service = await startService();
    service.stub.script(whole('no'), whole(scored('11')), {
      kind: 'reply',
      content: JSON_OF_GOOD,
      finishReason: 'length',
    });

    const { body } = await service.fail(PATH, QUESTION);

    expect(body.attempts).toEqual([
      { attempt: 1, reason: 'The reply is not one JSON value.' },
      {
        attempt: 2,
        reason: 'The reply does not match its schema.',
        errors: [{ path: '/score', message: 'must be <= 10' }],
      },
      { attempt: 3, reason: 'The reply did not fit into 1000 tokens.' },
    ]);
    expect(await counted(service)).toEqual({
      calls: 1,
      'not-json': 1,
      schema: 1,
      length: 1,
      're-asked': 1,
      failed: 1,
    });
  });

  it.each([
    { where: 'a text', content: 'SECRET' },
    { where: 'a field', content: saying({ score: 'SECRET' }) },
    { where: 'an extra key', content: saying({ SECRET: 1 }) },
    { where: 'a key that stands twice', content: '{"SECRET":1,"SECRET":2}' },
  ])('finds no word of its reply in the problem: $where', async ({ content }) => {
    const service = await startService();
    service.stub.script(...Array<Fault>(3).fill(whole(content)));

    const { body } = await service.fail(PATH, QUESTION);

    expect(body.attempts).toHaveLength(3);
    expect(JSON.stringify(body)).not.toContain('SECRET');
  });

  it('is said to be silent where its last reply was empty', async () => {
    const service = await startService();
    service.stub.script(...Array<Fault>(3).fill({ kind: 'reply', content: null }));

    expect((await service.fail(PATH, QUESTION)).body.code).toBe('ENGINE_REPLY_EMPTY');
  });
});

describe('a refusal', () => {
  const refusing = (message: object): Fault => ({
    kind: 'raw',
    body: [JSON.stringify({ choices: [{ message: { content: null, ...message }, finish_reason: 'stop' }] })],
  });

  it.each<[string, Fault]>([
    ['the model', refusing({ refusal: 'SECRET: I cannot help.' })],
    ['the model, in a part', refusing({ content: [{ type: 'refusal', refusal: 'SECRET: I cannot help.' }] })],
    ['a filter of the engine', { kind: 'reply', content: JSON_OF_GOOD, finishReason: 'content_filter' }],
  ])('of %s is asked for once, and said as such', async (_, fault) => {
    const service = await startService();
    service.stub.script(fault);

    const problem = expectProblem(await service.fail(PATH, QUESTION), 'MODEL_REFUSED');

    expect(JSON.stringify(problem)).not.toContain('SECRET');
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('asking again', () => {
  it('repeats the messages so far and names what was wrong', async () => {
    const service = await startService();
    service.stub.script(whole(scored('11')), whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    const [first, second] = wire(service.stub);
    expect({ ...second, rid: first?.rid }).toEqual({
      ...first,
      messages: [
        ...(first?.messages ?? []),
        { role: 'assistant', content: scored('11') },
        {
          role: 'user',
          content:
            'That reply cannot be used:\n- /score must be <= 10\n' +
            'Reply again to the material above, with the whole JSON object and nothing else.',
        },
      ],
    });
  });

  it('begins at the first wrong value of a reply that the engine streams, for a caller of the whole too', async () => {
    const service = await startService();
    // The engine would never come to the end of this reply.
    const begun = '{"question_feedbacks":[],"strengths":["Calm."],"overall_score":101,';
    const good = JSON.stringify(MODEL_REPLIES['/api/report']);
    service.stub.script({ kind: 'stall', after: 'tokens', content: begun }, { kind: 'reply', content: good });

    await service.post('/api/report', QUESTION);

    const [said, correction] = wire(service.stub)[1]?.messages.slice(-2) ?? [];
    expect(begun.startsWith(said?.content ?? '')).toBe(true);
    expect(correction?.content).toContain('- /overall_score must be <= 100\n');
    await service.stub.waitFor(() => service.stub.running === 0);
  });

  it('shows only the last reply', async () => {
    const service = await startService();
    service.stub.script(whole('one'), whole('two'), whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    const third = wire(service.stub)[2];
    expect(third?.messages.slice(2).map(({ role }) => role)).toEqual(['assistant', 'user']);
    expect(third?.messages[2]?.content).toBe('two');
  });

  it('does not show a reply that is very long', async () => {
    const service = await startService();
    service.stub.script(whole('x'.repeat(8001)), whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    expect(wire(service.stub)[1]?.messages).toHaveLength(3);
  });

  it('sends the same messages where there is nothing to correct', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: null }, whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    const [first, second] = wire(service.stub);
    expect({ ...second, rid: first?.rid }).toEqual(first);
  });

  it('shows quoted marks as the model had got them', async () => {
    const service = await startService();
    service.stub.script(whole('no JSON, but <¦|im_end|> and <|im_end|>'), whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    const shown = wire(service.stub)[1]?.messages.at(-2);
    expect(shown?.content).toBe('no JSON, but <¦|im_end|> and <¦|im_end|>');
  });

  it('sends no control mark that the reply had in a key', async () => {
    const service = await startService();
    service.stub.script(whole('{"<|im_end|>":1,"<|im_end|>":2}'), whole(JSON_OF_GOOD));

    await service.post(PATH, QUESTION);

    expect(service.stub.requests[1]?.rawBody).not.toContain('<|im_end|>');
  });
});

describe('room for the reply', () => {
  const tooLong: Fault = { kind: 'reply', content: JSON_OF_GOOD, finishReason: 'length' };

  it('doubles with every reply that did not fit', async () => {
    const service = await startService({ structuredMaxAttempts: 5 });
    service.stub.script(...Array<Fault>(4).fill(tooLong));

    await service.post(PATH, QUESTION);

    expect(wire(service.stub).map(({ max_tokens }) => max_tokens)).toEqual([1000, 2000, 4000, 4000, 4000]);
  });

  it.each([
    { max_tokens: 300, asked: [300, 300, 300] },
    { max_tokens: 1500, asked: [1000, 1500, 1500] },
  ])('never exceeds the caller’s max_tokens of $max_tokens', async ({ max_tokens, asked }) => {
    const service = await startService();
    service.stub.script(tooLong, tooLong, tooLong);

    await service.post(PATH, { ...QUESTION, max_tokens });

    expect(wire(service.stub).map((request) => request.max_tokens)).toEqual(asked);
  });

  it('that cannot grow is told to the model', async () => {
    const service = await startService();
    service.stub.script(tooLong);

    await service.post(PATH, { ...QUESTION, max_tokens: 300 });

    const [first, second] = wire(service.stub);
    expect(second?.messages.slice(0, -1)).toEqual(first?.messages);
    expect(second?.messages.at(-1)?.content).toContain('it was longer than 300 tokens: be briefer');
  });

  it.each([PATH, '/api/report'] as const)('is what the context has left: %s', async (path) => {
    const service = await startService({}, { contextLength: 1000 });
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[path]) });

    const { status, body } = await service.post(path, QUESTION);

    const [refused, fitting] = wire(service.stub);
    expect({ status, body }).toEqual({ status: 200, body: MODEL_REPLIES[path] });
    expect(fitting?.max_tokens).toBeLessThan(refused?.max_tokens ?? 0);
    expect(fitting?.messages).toEqual(refused?.messages);
  });

  it('is not asked for again where the context ended the reply', async () => {
    const service = await startService({}, { contextLength: 1000 });
    service.stub.script(tooLong);

    await service.post(PATH, QUESTION);

    expect(wire(service.stub).at(-1)?.messages.at(-1)?.content).toContain('be briefer');
  });

  it('is missing where the prompt alone is longer than the context', async () => {
    const service = await startService({}, { contextLength: 300 });

    const { status, body } = await service.fail(PATH, QUESTION);

    expect({ status, code: body.code }).toEqual({ status: 413, code: 'CONTEXT_TOO_LONG' });
    expect(body.detail).toMatch(/counts \d+ tokens in the prompt and 300 in the context\.$/);
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('a prompt that just fits the context', () => {
  it('is too long, since it leaves no room for an answer', async () => {
    const chat = { messages: [{ role: 'user', content: 'Hello' }] };
    const roomy = await startService();
    const { body } = await roomy.post<{ usage: Usage }>('/api/chat/completions', chat);
    const service = await startService({}, { contextLength: body.usage.prompt_tokens + 10 });

    const problem = (await service.fail('/api/chat/completions', chat)).body;

    expect(problem.code).toBe('CONTEXT_TOO_LONG');
    expect(problem.detail).toMatch(/^The prompt leaves no room in the model’s context for an answer\./);
    expect(service.stub.requests).toHaveLength(1);
  });
});

describe('whatever the engine says', () => {
  const feedback = fc.record({
    feedback: fc.string({ unit: 'grapheme' }).map((text) => `.${text}`),
    score: fc.integer({ min: 0, max: 10 }),
    is_passed: fc.boolean(),
    improvement_suggestion: fc.string({ unit: 'grapheme' }),
  });
  const damaged = fc
    .tuple(feedback, fc.nat(), fc.nat({ max: 3 }), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([value, at, gone, put]) => {
      const text = JSON.stringify(value);
      const start = at % text.length;
      return text.slice(0, start) + put + text.slice(start + gone);
    });
  const wrapped = fc
    .tuple(
      feedback,
      fc.constantFrom('\uFEFF', '```json\n', '<think>x</think>', 'Sure: '),
      fc.constantFrom('', '\n```'),
    )
    .map(([value, before, after]) => before + JSON.stringify(value) + after);

  it('is never a 200 that the schema or the engine’s text would not have', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), damaged, wrapped);

    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        service.stub.script(whole(content));
        const { status, body } = await service.post(PATH, QUESTION);
        if (status === 502) return;
        expect(status).toBe(200);
        expect(feedbackSchema.check(body)).toEqual([]);
        const answer = content.toWellFormed().replace(/^\s*<think>.*?<\/think>/s, '');
        expect(body).toEqual(restoreMarksIn(JSON.parse(stripWrapping(answer)), { thinking: false }));
      }),
      { numRuns: 300 },
    );
  });

  it('is a 200 where it is valid', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });

    await fc.assert(
      fc.asyncProperty(feedback, fc.nat({ max: 4 }), async (value, indent) => {
        service.stub.script(whole(JSON.stringify(value, null, indent)));
        expect(await service.post(PATH, QUESTION)).toMatchObject({ status: 200, body: value });
      }),
      { numRuns: 50 },
    );
  });
});
