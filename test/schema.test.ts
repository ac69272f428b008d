import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import Type, { type TObject } from 'typebox';
import type { EngineRequest } from '../src/engine/engine-request.js';
import { openai } from '../src/engine/dialects/openai.js';
import { feedbackSchema } from '../src/feedback/feedback.task.js';
import { interviewStepSchema } from '../src/interview/interview-step.task.js';
import { reportSchema } from '../src/report/report.task.js';
import { defineSchema } from '../src/schema/define-schema.js';
import { lintSchema } from '../src/schema/dialect.js';
import { JsonReader } from '../src/schema/json-reader.js';
import { NotStrictJson, parseStrictJson } from '../src/schema/strict-json.js';
import { stripWrapping } from '../src/schema/tolerant-json.js';
import { post, startStub } from './stub-support.js';

const verdict = defineSchema(
  'verdict',
  Type.Object({
    reason: Type.String({ description: 'Why.' }),
    marks: Type.Array(
      Type.Object({ score: Type.Integer({ minimum: 0, maximum: 10, description: 'How good.' }) }),
      { minItems: 1, maxItems: 3, description: 'One for each answer.' },
    ),
    kind: Type.Enum(['good', 'bad'], { type: 'string' }),
  }),
);

describe('a grammar', () => {
  it('is closed, complete and without descriptions', () => {
    expect(verdict.grammar).toEqual({
      type: 'object',
      additionalProperties: false,
      required: ['reason', 'marks', 'kind'],
      properties: {
        reason: { type: 'string' },
        marks: {
          type: 'array',
          minItems: 1,
          maxItems: 3,
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['score'],
            properties: { score: { type: 'integer', minimum: 0, maximum: 10 } },
          },
        },
        kind: { type: 'string', enum: ['good', 'bad'] },
      },
    });
  });

  it('has the same bytes and the same hash when it is defined again', () => {
    const define = () =>
      defineSchema('again', Type.Object({ a: Type.String({ description: 'A.' }), b: Type.Boolean() }));

    expect(JSON.stringify(define().grammar)).toBe(JSON.stringify(define().grammar));
    expect(define().hash).toBe(define().hash);
    expect(define().hash).toMatch(/^[0-9a-f]{12}$/);
  });

  it('has another hash when it allows something else', () => {
    const { hash } = defineSchema('other', Type.Object({ reason: Type.String() }));

    expect(hash).not.toBe(verdict.hash);
  });

  it.each(['grammar', 'documented'] as const)('is frozen to its depth: %s', (face) => {
    const parts: unknown[] = [verdict[face]];
    for (const part of parts) {
      expect(Object.isFrozen(part)).toBe(true);
      if (typeof part === 'object' && part !== null) parts.push(...(Object.values(part) as unknown[]));
    }
  });

  it('keeps its descriptions for the documentation', () => {
    expect(verdict.documented.properties?.reason).toEqual({ type: 'string', description: 'Why.' });
  });
});

describe('the check of a reply', () => {
  const valid = { reason: 'x', marks: [{ score: 1 }], kind: 'good' };

  it('finds nothing in a valid one', () => {
    expect(verdict.check(valid)).toEqual([]);
  });

  it.each([
    { value: null, errors: [['', 'must be object']] },
    { value: { reason: 'x', marks: [{ score: 1 }] }, errors: [['/kind', 'is missing']] },
    { value: { ...valid, secret: 1 }, errors: [['', 'has a key that is not in the schema']] },
    { value: { ...valid, kind: 'GOOD' }, errors: [['/kind', 'must be one of good, bad']] },
    { value: { ...valid, marks: [] }, errors: [['/marks', 'must NOT have fewer than 1 items']] },
    {
      value: { ...valid, reason: 1, marks: [{ score: 11 }, { score: '1' }] },
      errors: [
        ['/reason', 'must be string'],
        ['/marks/0/score', 'must be <= 10'],
        ['/marks/1/score', 'must be integer'],
      ],
    },
  ])('names the paths of $errors', ({ value, errors }) => {
    expect(verdict.check(value)).toEqual(errors.map(([path, message]) => ({ path, message })));
  });
});

describe('the check of a leaf', () => {
  it.each([
    { path: '/kind', value: 'good', errors: [] },
    { path: '/kind', value: 'GOOD', errors: [{ path: '/kind', message: 'must be one of good, bad' }] },
    { path: '/reason', value: null, errors: [{ path: '/reason', message: 'must be string' }] },
    { path: '/marks/2/score', value: 10, errors: [] },
    { path: '/marks/2/score', value: 11, errors: [{ path: '/marks/2/score', message: 'must be <= 10' }] },
    { path: '/marks/0/score', value: 0.5, errors: [{ path: '/marks/0/score', message: 'must be integer' }] },
    { path: '/marks', value: [], errors: [{ path: '/marks', message: 'must NOT have fewer than 1 items' }] },
    { path: '/marks/0', value: {}, errors: [{ path: '/marks/0/score', message: 'is missing' }] },
    // What holds other values in the place of a leaf, or an object in the place of a list.
    { path: '/reason/text', value: 'x', errors: [{ path: '/reason', message: 'must be string' }] },
    { path: '/marks/first', value: 1, errors: [{ path: '/marks', message: 'must be array' }] },
    { path: '', value: 7, errors: [{ path: '', message: 'must be object' }] },
    // Keys that only the whole value shows to be too many.
    { path: '/mood', value: 1, errors: [] },
    { path: '/constructor', value: 1, errors: [] },
    { path: '/0', value: 1, errors: [] },
  ])('at $path finds in $value: $errors', ({ path, value, errors }) => {
    expect(verdict.checkLeaf(path, value)).toEqual(errors);
  });

  it('finds nothing that the check of the whole would not refuse', () => {
    const leaf = fc.oneof(
      fc.constantFrom('good', 'GOOD', '', 0, -0, 10, 10.5, 11, Infinity, true, null),
      fc.constantFrom([], {}),
    );
    const key = fc.constantFrom('reason', 'marks', 'kind', 'score', 'mood', '0', '1', 'a/b', '__proto__');
    const { value: anyJson } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((all) => Object.fromEntries(all)),
      ),
    }));
    const nearly = fc.record({
      reason: fc.oneof({ weight: 4, arbitrary: fc.constant('x') }, anyJson),
      marks: fc.oneof(
        { weight: 4, arbitrary: fc.array(fc.record({ score: leaf }), { maxLength: 4 }) },
        anyJson,
      ),
      kind: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('good', 'bad') }, leaf),
    });
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(nearly, anyJson), (value) => {
        let errors = 0;
        const reader = new JsonReader({
          text: () => undefined,
          leaf: (path, own) => (errors += verdict.checkLeaf(path, own).length),
        });
        reader.write(JSON.stringify(value));
        reader.end();
        if (errors === 0) return;
        refused++;
        expect(verdict.check(JSON.parse(JSON.stringify(value)))).not.toEqual([]);
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

describe('a schema outside the dialect', () => {
  const integer = { type: 'integer', minimum: 0, maximum: 9 };
  const string = { type: 'string' };

  it.each([
    { what: 'minLength', part: { type: 'string', minLength: 1 }, says: '/part has minLength' },
    { what: 'maxLength', part: { type: 'string', maxLength: 9 }, says: '/part has maxLength' },
    { what: 'pattern', part: { type: 'string', pattern: '^a' }, says: '/part has pattern' },
    { what: 'format', part: { type: 'string', format: 'date' }, says: '/part has format' },
    { what: 'const', part: { type: 'string', const: 'a' }, says: '/part has const' },
    { what: 'default', part: { type: 'string', default: 'a' }, says: '/part has default' },
    { what: 'allOf', part: { allOf: [string, string] }, says: '/part needs one type' },
    { what: 'oneOf', part: { oneOf: [string, integer] }, says: '/part needs one type' },
    { what: 'anyOf', part: { anyOf: [string, integer] }, says: '/part needs one type' },
    { what: 'anyOf beside a type', part: { ...string, anyOf: [string] }, says: '/part has anyOf' },
    { what: '$ref', part: { $ref: '#' }, says: '/part needs one type' },
    { what: 'two types', part: { type: ['string', 'null'] }, says: '/part needs one type' },
    { what: 'an unknown type', part: { type: 'text' }, says: '/part needs one type' },
    { what: 'anything', part: {}, says: '/part needs one type' },
    { what: 'true', part: true, says: '/part is not a schema object' },
    { what: 'an empty enum', part: { type: 'string', enum: [] }, says: '/part needs an enum' },
    { what: 'a word twice', part: { type: 'string', enum: ['a', 'a'] }, says: '/part needs an enum' },
    { what: 'a number as a word', part: { type: 'string', enum: [1] }, says: '/part needs an enum' },
    { what: 'an enum of numbers', part: { ...integer, enum: [1, 2] }, says: '/part has enum' },
    { what: 'an unbounded integer', part: { type: 'integer' }, says: '/part needs minimum and maximum' },
    { what: 'no maximum', part: { type: 'number', minimum: 0 }, says: '/part needs minimum and maximum' },
    { what: 'a wrong range', part: { ...integer, minimum: 10 }, says: '/part has minimum above maximum' },
    { what: 'multipleOf', part: { ...integer, multipleOf: 2 }, says: '/part has multipleOf' },
    {
      what: 'an exclusive bound',
      part: { ...integer, exclusiveMinimum: 0 },
      says: '/part has exclusiveMinimum',
    },
    { what: 'no items', part: { type: 'array', maxItems: 3 }, says: '/part/items is not a schema object' },
    { what: 'no maxItems', part: { type: 'array', items: string }, says: '/part needs maxItems' },
    {
      what: 'a wrong count of items',
      part: { type: 'array', items: string, minItems: 4, maxItems: 3 },
      says: '/part has minItems above maxItems',
    },
    {
      what: 'uniqueItems',
      part: { type: 'array', items: string, maxItems: 3, uniqueItems: true },
      says: '/part has uniqueItems',
    },
    {
      what: 'an item outside the dialect',
      part: { type: 'array', items: { type: 'integer' }, maxItems: 3 },
      says: '/part/items needs minimum and maximum',
    },
    { what: 'an empty object', part: object({}), says: '/part needs properties' },
    {
      what: 'an open object',
      part: { ...object({ a: string }), additionalProperties: true },
      says: '/part needs additionalProperties: false',
    },
    {
      what: 'an optional property',
      part: { ...object({ a: string, b: string }), required: ['a'] },
      says: '/part must require all of its properties',
    },
    {
      what: 'required in another order',
      part: { ...object({ a: string, b: string }), required: ['b', 'a'] },
      says: '/part must require all of its properties, in their order',
    },
    {
      what: 'patternProperties',
      part: { ...object({ a: string }), patternProperties: { b: string } },
      says: '/part has patternProperties',
    },
    { what: 'a name like 1', part: object({ 1: string }), says: '/part/1 is no plain snake_case name' },
    { what: 'a name like aB', part: object({ aB: string }), says: '/part/aB is no plain snake_case name' },
    { what: 'a name with quotes', part: object({ 'a"b': string }), says: '/part/a"b is no plain' },
  ])('is refused with its path: $what', ({ part, says }) => {
    const findings = lintSchema(object({ part }));

    expect(findings).toHaveLength(1);
    expect(findings[0]?.startsWith(says)).toBe(true);
  });

  it.each([Type.Array(Type.String(), { maxItems: 3 }), Type.String()])('is refused as a root: %j', (root) => {
    expect(lintSchema(root)).toEqual(['the root must be an object']);
  });

  it.each([
    {
      what: 'a property left out',
      type: Type.Object({ a: Type.Optional(Type.String()) }),
      says: 'must require',
    },
    {
      what: 'a union',
      type: Type.Object({ a: Type.Union([Type.String(), Type.Null()]) }),
      says: '/a needs one type',
    },
    {
      what: 'an object that was opened',
      type: Type.Object({ a: Type.String() }, { additionalProperties: true }),
      says: 'additionalProperties',
    },
  ] satisfies { what: string; type: TObject; says: string }[])(
    'stops the definition: $what',
    ({ type, says }) => {
      expect(() => defineSchema('wrong', type)).toThrow(says);
    },
  );

  it('stops the definition of a name that an engine would refuse', () => {
    expect(() => defineSchema('two words', Type.Object({ a: Type.String() }))).toThrow('word characters');
  });

  function object(properties: object): object {
    return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties };
  }
});

describe.each([feedbackSchema, interviewStepSchema, reportSchema])('the schema of $name', (schema) => {
  it('is inside the dialect', () => {
    expect(lintSchema(schema.grammar)).toEqual([]);
  });

  it('is inside the strict rules of OpenAI', async () => {
    const stub = await startStub({ dialect: 'openai' });
    const asked: EngineRequest = {
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'Hello' }],
      format: schema,
      sampling: {},
      samplingDefaults: {
        temperature: 1,
        topP: 1,
        topK: 20,
        minP: 0,
        presencePenalty: 0,
        frequencyPenalty: 0,
        repetitionPenalty: 1,
      },
      maxTokens: 1000,
      thinking: false,
      delivery: 'whole',
    };

    const { statusCode } = await post(stub, openai.body(asked, 'id'));

    expect(statusCode).toBe(200);
  });
});

describe('strict JSON', () => {
  it('is what JSON.parse makes of any JSON value’s text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat({ max: 4 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('is nothing that JSON.parse does not take', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(isNoJson(text));
        expect(() => parseStrictJson(text)).toThrow(NotStrictJson);
      }),
    );
  });

  it.each([
    { text: '{"a":1,"a":1}' },
    { text: String.raw`{"a":1,"\u0061":2}` },
    { text: '[{"x":{"a":[1,{}],"b":{},"a":2}}]' },
    { text: '{"":1,"":2}' },
    { text: '{"__proto__":1,"__proto__":2}' },
  ])('has no key twice: $text', ({ text }) => {
    expect(() => parseStrictJson(text)).toThrow('has a key twice in one object');
  });

  it.each([
    { text: '[{"a":1},{"a":2}]' },
    { text: '{"a":{"a":{"a":1}}}' },
    { text: '{"a":"b","b":"a"}' },
    { text: '{"a":["a","a",{"a":"a"}],"b":"a"}' },
    { text: String.raw`{"a":"\",\"a\":","b":"{\"a\":1,\"a\":1}"}` },
    { text: String.raw`{"a\\":1,"a":2}` },
  ])('may have the same word in other places: $text', ({ text }) => {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  it.each([String.raw`"\ud800"`, String.raw`["\udc00x"]`, String.raw`{"\ud83d":1}`])(
    'has no half of a surrogate pair: %s',
    (text) => {
      expect(() => parseStrictJson(text)).toThrow('half of a surrogate pair');
    },
  );

  it('may have a surrogate pair in two escapes', () => {
    expect(parseStrictJson(String.raw`"\ud83d\ude00"`)).toBe('😀');
  });
});

describe('stripping', () => {
  it('leaves the meaning of any JSON text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat({ max: 4 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(JSON.parse(stripWrapping(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('takes the same wrapping off any JSON text', () => {
    const wrappings = fc.constantFrom(
      ['\uFEFF', ''],
      ['```json\n', '\n```'],
      ['```\n', '\n```\n'],
      ['\uFEFF```JSON\r\n', '```  '],
      ['```json5\n', '\n```'],
      ['~~~Json\n', '\n~~~'],
      ['````javascript \n', '\n````'],
    );
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), wrappings, (value, [before, after]) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(stripWrapping(before + text + after))).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['right behind the word', '```json{"a":[1]}```'],
    ['right behind the fence', '```[{"a":1}]```'],
    ['behind a blank', '~~~ jsonc {"a":1} ~~~'],
  ])('takes off a fence without a line of its own, %s', (_, text) => {
    expect(JSON.parse(stripWrapping(text))).toEqual(JSON.parse(/[[{].*[\]}]/.exec(text)?.[0] ?? ''));
  });

  it.each([
    { what: 'prose before it', text: 'Here: {}' },
    { what: 'prose after it', text: '{} Done.' },
    { what: 'a think block in the middle', text: '{}<think>x</think>' },
    { what: 'an open think block', text: '<think>{}' },
    { what: 'an open fence', text: '```json\n{}' },
    { what: 'a fence alone', text: '```json\n```' },
    { what: 'a fence closed by another', text: '```json\n{}\n~~~' },
    { what: 'half an object in a fence', text: '```json\n{"a":1\n```' },
    { what: 'prose behind a fence', text: '```json\n{}\n``` Done.' },
    { what: 'two objects in a fence', text: '```json\n{}{}\n```' },
    { what: 'a fence of another language', text: '```python\n{}\n```' },
    { what: 'a missing bracket', text: '{"a":1' },
    { what: 'a comma too many', text: '{"a":1,}' },
    { what: 'a comment', text: '{} // done' },
    { what: 'single quotes', text: "{'a':1}" },
  ])('mends nothing: $what', ({ text }) => {
    expect(isNoJson(stripWrapping(text))).toBe(true);
  });

  it.each([
    { raw: '"a\tb"', means: 'a\tb' },
    { raw: '"a\r\nb"', means: 'a\r\nb' },
    { raw: '"a\u0000\u0008\u001fb"', means: 'ab' },
    { raw: '"a\u007f\u0085b"', means: 'a\u007f\u0085b' },
    { raw: '"\\\\\n"', means: '\\\n' },
    { raw: '"\\"\n"', means: '"\n' },
  ])('reads raw control characters as $means', ({ raw, means }) => {
    expect(JSON.parse(stripWrapping(raw))).toBe(means);
  });
});

describe('a megabyte of hostile text', () => {
  const MEGABYTE = 1_000_000;

  it.each([
    { what: 'open brackets', text: '['.repeat(MEGABYTE) },
    { what: 'open objects', text: '{"a":'.repeat(MEGABYTE / 5) },
    { what: 'quotes', text: '"'.repeat(MEGABYTE) },
    { what: 'backslashes', text: `"${'\\'.repeat(MEGABYTE)}` },
    { what: 'escaped quotes', text: `"${'\\"'.repeat(MEGABYTE / 2)}` },
    { what: 'blanks', text: `{${' '.repeat(MEGABYTE)}` },
    { what: 'think marks', text: '<think>'.repeat(MEGABYTE / 7) },
    { what: 'fences', text: '```\n'.repeat(MEGABYTE / 4) },
    { what: 'closed brackets', text: '['.repeat(MEGABYTE / 2) + ']'.repeat(MEGABYTE / 2) },
  ])('is refused: $what', ({ text }) => {
    expect(() => parseStrictJson(stripWrapping(text))).toThrow(NotStrictJson);
  });

  it.each([
    { what: 'escapes', text: JSON.stringify('\n'.repeat(4 * MEGABYTE)) },
    { what: 'raw line breaks', text: `"${'\n'.repeat(MEGABYTE)}"` },
    {
      what: 'different keys',
      text: `{${Array.from({ length: MEGABYTE / 10 }, (_, at) => `"k${at}":1`).join()}}`,
    },
    { what: 'quoted brackets', text: JSON.stringify('{"a":[],'.repeat(MEGABYTE / 10)) },
  ])('is read to its end: $what', ({ text }) => {
    expect(() => parseStrictJson(stripWrapping(text))).not.toThrow();
  });
});

function isNoJson(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}
