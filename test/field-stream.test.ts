import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CallRecord } from '../src/calls/call-record.js';
import { ServiceError } from '../src/common/errors.js';
import { CallContext } from '../src/common/call-context.js';
import type { EngineReply, Finish } from '../src/engine/engine-request.js';
import { feedbackTask } from '../src/feedback/feedback.task.js';
import { interviewStepTask } from '../src/interview/interview-step.task.js';
import { neutraliseMarks, restoreMarksIn } from '../src/text/chat-marks.js';
import { TextFilters } from '../src/text/text-filters.js';
import { reportTask } from '../src/report/report.task.js';
import { askUntilValid } from '../src/pipeline/ask/ask-until-valid.js';
import { judge } from '../src/pipeline/ask/ladder.js';
import { EngineFault } from '../src/engine/engine-fault.js';
import type { ReplyListener } from '../src/engine/call-budget.js';
import type { StructuredTask } from '../src/pipeline/define-task.js';
import { FieldStream } from '../src/pipeline/out/field-stream.js';
import type { Asked } from '../src/pipeline/ask/re-ask.js';
import { Hearing } from './support/hearing.js';

/** What a chat template would take for a mark, near misses, and how marks look once they were made harmless. */
const MARKS = [
  '<|im_end|>',
  '<¦|im_end|>',
  '<¦¦think>',
  '</think>',
  '<¦',
  '¦',
  '<',
  '|',
  '>',
  'think',
  '<¦|x',
];

const phrase = fc
  .array(fc.oneof(fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom(...MARKS)), { maxLength: 6 })
  .map((parts) => parts.join(''));
/** What is not blank by any rule of a task. */
const sentence = phrase.map((text) => `${text}.`);
const score = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: most });
const sentences = fc.array(phrase, { maxLength: 3 });

const step = fc.record({
  action: fc.constantFrom('FOLLOW_UP', 'NEW_TOPIC', 'NEXT_PHASE'),
  message: sentence,
  thought: phrase,
  evaluation: phrase,
});
const feedback = fc.record({
  feedback: sentence,
  score: score(10),
  is_passed: fc.boolean(),
  improvement_suggestion: phrase,
});
const report = fc.record({
  question_feedbacks: fc.array(
    fc.record({ question: phrase, answer_summary: phrase, feedback: phrase, score: score(10) }),
    { maxLength: 3 },
  ),
  strengths: sentences,
  improvements: sentences,
  recommendations: sentences,
  summary: sentence,
  overall_score: score(100),
});

/** Styles of writing JSON, used over and over: how a character is escaped, what stands between two tokens. */
interface Style {
  readonly escapes: readonly ('none' | 'short' | 'code')[];
  readonly blanks: readonly string[];
}
const style: fc.Arbitrary<Style> = fc.record({
  escapes: fc.array(fc.constantFrom('none', 'none', 'short', 'code'), { minLength: 1, maxLength: 7 }),
  blanks: fc.array(fc.constantFrom('', ' ', '\n  ', '\r\n\t'), { minLength: 1, maxLength: 5 }),
});

/** Writes a value as JSON in a style. */
function written(value: unknown, { escapes, blanks }: Style): string {
  let characters = 0;
  let tokens = 0;
  const blank = (): string => blanks[tokens++ % blanks.length] ?? '';
  const unit = (character: string): string => {
    const escape = escapes[characters++ % escapes.length];
    if (escape === 'code') return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    if (escape === 'short' && character === '/') return '\\/';
    return character < ' ' || '"\\'.includes(character) ? JSON.stringify(character).slice(1, -1) : character;
  };
  const quoted = (text: string): string => `"${text.split('').map(unit).join('')}"`;
  const any = (item: unknown): string => {
    if (typeof item === 'string') return quoted(item);
    if (typeof item !== 'object' || item === null) return JSON.stringify(item);
    if (Array.isArray(item)) return `[${item.map((own) => blank() + any(own) + blank()).join(',')}]`;
    const members = Object.entries(item).map(
      ([key, own]) => `${blank()}${quoted(key)}${blank()}:${blank()}${any(own)}${blank()}`,
    );
    return `{${members.join(',')}}`;
  };
  return blank() + any(value) + blank();
}

/** Where a text is cut: sizes of its pieces, over and over. */
const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 });

function cut(text: string, [...lengths]: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const length = lengths[pieces.length % lengths.length] ?? 1;
    pieces.push(text.slice(from, from + length));
    from += length;
  }
  return pieces;
}

/** What the model says when it is asked once, and how that ends: as a reply of the engine, or as its fault. */
interface Attempt {
  readonly pieces: readonly string[];
  readonly end: Finish | 'fault';
}

/** What the model says next, after what the caller has heard. */
type Speech = (heard: Hearing, asked: Asked) => Attempt;

const GONE: Attempt = { pieces: [], end: 'fault' };
const LOST = 'The connection broke.';

const FACTS = {
  callId: '',
  model: '',
  provider: '',
  attempts: 0,
  timing: { queue: 0, engine: 0, total: 0 },
};

const REPLY = {
  reasoning: '',
  refusal: '',
  isMisplaced: false,
  usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  model: '',
  maxTokens: 100,
};

/** How a call went: what came of it, or the error that it ended with. */
interface Played {
  readonly heard: Hearing;
  readonly asked: readonly Asked[];
  readonly value: object | undefined;
  readonly error: ServiceError | undefined;
}

/** Lets a model that says these things, one after the other, answer a task, and a caller hear it. */
async function play(task: Task, speeches: readonly Speech[], only?: readonly string[]): Promise<Played> {
  const heard = new Hearing(task.spoken);
  const asked: Asked[] = [];
  const asker = {
    record: new CallRecord(task, true, new CallContext('r', undefined), FACTS, { modelAsked: FACTS.model }),
    ask: (request: Asked, listener?: ReplyListener): Promise<EngineReply> => {
      // After a fault the engine is asked once more, as EngineService does.
      for (const isLast of [false, true]) {
        const { pieces, end } = speeches[asked.push(request) - 1]?.(heard, request) ?? GONE;
        // What is of no use is broken off, and its end never comes.
        const at = pieces.findIndex((piece) => listener?.onText(piece) === false);
        if (at >= 0)
          return Promise.resolve({
            ...REPLY,
            content: pieces.slice(0, at + 1).join(''),
            finish: 'refused',
            json: '',
          });
        if (end !== 'fault')
          return Promise.resolve({ ...REPLY, content: pieces.join(''), finish: end, json: '' });
        if (isLast || listener?.takeBack(LOST) === false) break;
      }
      const cause = new EngineFault('connection-lost');
      return Promise.reject(new ServiceError('ENGINE_CONNECTION_LOST', LOST, { cause }));
    },
  };
  const { name, grammar } = task.schema;
  const first = { messages: [], maxTokens: 100, thinking: false, format: { name, grammar } };
  const bounds = { maxAttempts: speeches.length, ceiling: 400 };
  const filters = new TextFilters(task, []);
  const fields = new FieldStream(task, heard, filters, only);
  try {
    const value = await askUntilValid(asker, { ...task, filters }, first, {}, bounds, fields);
    return { value: task.toReply?.(value) ?? value, error: undefined, heard, asked };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { value: undefined, error, heard, asked };
  }
}

type Task = StructuredTask<object, object>;
type Step = Record<'action' | 'message' | 'thought' | 'evaluation', string>;

/** The end of a model that stops no more. */
const WHOLE = { at: 1, end: 'stop', startsAnew: false } as const;

const cases = [
  { name: 'step', task: interviewStepTask, reply: step },
  { name: 'feedback', task: feedbackTask, reply: feedback },
  { name: 'report', task: reportTask, reply: report },
] as { name: string; task: Task; reply: fc.Arbitrary<Record<string, unknown>> }[];

/** Replies with their fields in any order. */
const shuffled = <T extends object>(reply: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  reply.chain((value) => {
    const entries = Object.entries(value);
    return fc
      .shuffledSubarray(entries, { minLength: entries.length })
      .map((order) => Object.fromEntries(order) as T);
  });

describe.each(cases)('the stream of a $name', ({ task, reply }) => {
  it('brings every field exactly once, however the reply is written and cut', async () => {
    await fc.assert(
      fc.asyncProperty(shuffled(reply), style, sizes, async (said, how, lengths) => {
        const pieces = cut(written(said, how), lengths);

        const { value, heard } = await play(task, [() => ({ pieces, end: 'stop' })]);

        expect(value).toEqual(restoreMarksIn(said, task));
        heard.expectAll(value);
        expect(heard.resets).toBe(0);
      }),
      { numRuns: 700 },
    );
  });

  it('brings the same where the reply must be read again as a whole', async () => {
    const wrappings = fc.constantFrom(['```json\n', '\n```'], ['\uFEFF', ''], ['~~~', '~~~']);
    await fc.assert(
      fc.asyncProperty(reply, wrappings, sizes, async (said, [before = '', behind = ''], lengths) => {
        const pieces = cut(before + JSON.stringify(said) + behind, lengths);

        const { value, heard } = await play(task, [() => ({ pieces, end: 'stop' })]);

        expect(value).toEqual(restoreMarksIn(said, task));
        heard.expectAll(value);
      }),
      { numRuns: 200 },
    );
  });

  it('brings the fields that were asked for and no others', async () => {
    const fields = Object.keys(task.schema.grammar.properties ?? {});
    await fc.assert(
      fc.asyncProperty(reply, fc.subarray(fields, { minLength: 1 }), sizes, async (said, only, lengths) => {
        const pieces = cut(JSON.stringify(said), lengths);

        const { value, heard } = await play(task, [() => ({ pieces, end: 'stop' })], only);

        const wanted = Object.entries(value ?? {}).filter(([field]) => only.includes(field));
        heard.expectAll(Object.fromEntries(wanted));
      }),
      { numRuns: 200 },
    );
  });

  it('says nothing twice and takes nothing back that was spoken, whatever the model says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyAttempt(task, reply), { minLength: 1, maxLength: 4 }),
        async (attempts) => {
          const { value, heard } = await play(
            task,
            attempts.map((attempt) => () => attempt),
          );

          if (!value) return;
          expect(task.schema.check(value)).toEqual([]);
          heard.expectAll(value);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** Replies that may be valid, wrong in a field, in the whole, or broken off anywhere. */
function anyAttempt(task: Task, reply: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Attempt> {
  const fields = Object.keys(task.schema.grammar.properties ?? {});
  const anyValue = fc.oneof(phrase, fc.constantFrom('', ' ', 5, -0, true, null, [], {}, ['a'], { a: 'b' }));
  const anyObject = fc
    .array(fc.tuple(fc.constantFrom(...fields, 'other', 'constructor'), anyValue), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries));
  const mixed = fc.tuple(shuffled(reply), anyObject).map(([whole, part]) => ({ ...whole, ...part }));
  const json = fc
    .tuple(fc.oneof(shuffled(reply), anyObject, mixed), style)
    .map(([value, how]) => written(value, how));
  const end = fc.constantFrom('stop', 'stop', 'stop', 'length', 'runaway', 'other', 'fault');
  return fc
    .record({ text: json, breaksOff: fc.boolean(), at: fc.nat(), behind: phrase, lengths: sizes, end })
    .map(({ text, breaksOff, at, behind, lengths, end: how }) => {
      const whole = breaksOff ? text.slice(0, at % (text.length + 1)) : text;
      const noisy = behind.length > 12 ? whole + behind : whole;
      return { pieces: cut(noisy, lengths), end: how };
    });
}

describe('a reply that is refused while it is made', () => {
  it.each(cases)('could not have become valid: $name', ({ task, reply }) => {
    let refusals = 0;
    const wrapping = fc.constantFrom('', '', '', '\uFEFF', '```json\n', '<think>\n</think>\n');
    fc.assert(
      fc.property(anyAttempt(task, reply), wrapping, ({ pieces }, before) => {
        const heard = new Hearing(task.spoken);
        const filters = new TextFilters(task, []);
        const fields = new FieldStream(task, heard, filters, undefined);
        const wasOfUse = [before, ...pieces].every((piece) => fields.write(piece));
        if (wasOfUse) return;

        refusals++;
        const content = before + pieces.join('');
        const verdict = judge({ ...task, filters }, { ...REPLY, content, finish: 'stop', json: '' }, {});
        expect(verdict.valid).toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(refusals).toBeGreaterThan(100);
  });
});

describe('a step that breaks off again and again', () => {
  const end = fc.constantFrom('fault', 'stop', 'length', 'runaway', 'other');
  const breaks = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), end, startsAnew: fc.boolean() });
  const told = fc.record({ said: step, how: style, lengths: sizes });

  /** What is missing of a reply, as it was asked for: of a text that stopped what follows, or all of it anew. */
  function missing(whole: Step, heard: Hearing, { format }: Asked, startsAnew: boolean): object {
    const { properties } = format?.grammar as { properties: Step };
    const fields = Object.keys(properties) as (keyof Step)[];
    return Object.fromEntries(
      fields.map((field) => {
        const begun = heard.text(field);
        const rest = startsAnew ? whole[field] : whole[field].slice(begun.length);
        // It cannot be told from one that starts anew.
        fc.pre(startsAnew || begun === '' || !rest.startsWith(begun));
        return [field, neutraliseMarks(rest, interviewStepTask)];
      }),
    );
  }

  it('ends as if it had never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(told, fc.array(breaks, { maxLength: 4 }), async ({ said, how, lengths }, stops) => {
        const whole = restoreMarksIn(said, interviewStepTask) as Step;
        const speeches = [...stops, WHOLE].map(({ at, end, startsAnew }): Speech => (heard, asked) => {
          const text = written(missing(whole, heard, asked, startsAnew), how);
          return { pieces: cut(text.slice(0, Math.ceil(text.length * at)), lengths), end };
        });

        const { value, heard } = await play(interviewStepTask as unknown as Task, speeches);

        // Before anything was spoken, an engine that fails twice in a row ends the call.
        fc.pre(value !== undefined || heard.text('message') !== '');
        expect(value).toEqual(whole);
        heard.expectAll(value);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what a stream sends while the engine writes', () => {
  /** The events that each of these pieces causes. */
  function eventsOf(task: Task, pieces: readonly string[], only?: readonly string[]): string[][] {
    let events: string[] = [];
    const note = (...parts: unknown[]): unknown => events.push(parts.map(String).join(' '));
    const sink = {
      delta: (path: string, text: string) => note('delta', path, text),
      done: (path: string, value: unknown) => note('done', path, value),
      reset: (reason: string) => note('reset', reason),
    };
    const fields = new FieldStream(task, sink, new TextFilters(task, []), only);
    return pieces.map((piece) => {
      events = [];
      fields.write(piece);
      return events;
    });
  }

  const stepEvents = (...pieces: string[]): string[][] => eventsOf(interviewStepTask as Task, pieces);
  const reportEvents = (...pieces: string[]): string[][] => eventsOf(reportTask as Task, pieces);

  it('is each character of a text as it comes', () => {
    expect(stepEvents('{"message": "', 'W', 'h', 'y?', '"')).toEqual([
      [],
      ['delta /message W'],
      ['delta /message h'],
      ['delta /message y?'],
      ['done /message Why?'],
    ]);
  });

  it('is an escape or a surrogate pair once it is whole', () => {
    expect(stepEvents('{"message":"a\\', 'n\\u00', 'e9', '\\ud83d', '\\ude0', '0')).toEqual([
      ['delta /message a'],
      ['delta /message \n'],
      ['delta /message é'],
      [],
      [],
      ['delta /message 😀'],
    ]);
  });

  it('is a chat mark as it was before it was made harmless, and what only began like one', () => {
    expect(stepEvents('{"message":"a <¦|im', '_end|> b <¦|', ' c"')).toEqual([
      ['delta /message a <'],
      ['delta /message |im_end|> b <'],
      ['delta /message ¦| c', 'done /message a <|im_end|> b <¦| c'],
    ]);
  });

  it('is a value of another kind once it has ended', () => {
    expect(reportEvents('{"overall_score":7', '0', ',', '"strengths":[', ']')).toEqual([
      [],
      [],
      ['done /overall_score 70'],
      [],
      ['done /strengths '],
    ]);
  });

  it('names what stands in a list by its number', () => {
    expect(reportEvents('{"strengths":["A","B"],"question_feedbacks":[{"score":3}')).toEqual([
      [
        'delta /strengths/0 A',
        'done /strengths/0 A',
        'delta /strengths/1 B',
        'done /strengths/1 B',
        'done /question_feedbacks/0/score 3',
      ],
    ]);
  });

  it('is nothing of a field that the reply cannot have', () => {
    expect(stepEvents('{"other":"x","constructor":"x","message":{"text":"x"}}')).toEqual([[]]);
  });

  it('is nothing behind a value that the schema refuses', () => {
    expect(stepEvents('{"action":"SHOUT","message":"Why?"')).toEqual([['delta /action SHOUT']]);
    expect(reportEvents('{"overall_score":101,"summary":"Good."')).toEqual([[]]);
  });

  it('is nothing behind a place where the text is no JSON', () => {
    expect(stepEvents('{"message":"Why\n', 'not?"')).toEqual([['delta /message Why'], []]);
  });
});
