import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { type FieldError, ServiceError } from '../src/common/errors.js';
import { type AdmittedSchema, admitSchema } from '../src/schema/admission.js';
import { RecentlyUsed } from '../src/schema/recently-used.js';

const string = { type: 'string' };
const integer = { type: 'integer' };

describe('an admitted schema', () => {
  it('is sent as it came where the grammars enforce all of it', () => {
    const schema = {
      title: 'Verdict',
      description: 'A judgement.',
      type: 'object',
      properties: {
        kind: { type: 'string', enum: ['good', 'bad'], default: 'good' },
        score: { type: 'integer', minimum: 0, maximum: 10, examples: [7] },
        ratio: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
        code: { type: 'string', pattern: '^[A-Z]{3}-\\d{4}$' },
        day: { type: ['string', 'null'], format: 'date' },
        pair: { type: 'array', prefixItems: [string, integer], items: false, minItems: 2, maxItems: 2 },
        next: { anyOf: [{ $ref: '#/$defs/Next' }, { type: 'null' }] },
        counts: { type: 'object', additionalProperties: integer },
        byKey: { type: 'object', patternProperties: { '^k\\d+$': integer }, additionalProperties: false },
        any: true,
      },
      required: ['kind', 'score'],
      additionalProperties: false,
      $defs: { Next: { allOf: [{ $ref: '#' }] } },
    };

    expect(JSON.stringify(admit(schema).schema)).toBe(JSON.stringify(schema));
  });

  it.each([
    { what: 'lengths', came: { type: 'string', minLength: 1, maxLength: 100_000 }, sent: string },
    { what: 'multipleOf', came: { type: 'integer', multipleOf: 5 }, sent: integer },
    {
      what: 'uniqueItems',
      came: { type: 'array', items: string, uniqueItems: true },
      sent: { type: 'array', items: string },
    },
    {
      what: 'the number and the names of properties',
      came: {
        type: 'object',
        propertyNames: { pattern: '^a', type: 'string' },
        minProperties: 1,
        maxProperties: 2,
      },
      sent: { type: 'object' },
    },
    {
      what: 'a format that is unknown to grammars',
      came: { type: 'string', format: 'binary' },
      sent: string,
    },
    { what: 'a format without its type', came: { format: 'date' }, sent: {} },
    { what: 'a format that takes the grammars long', came: { type: 'string', format: 'uri' }, sent: string },
    {
      what: 'a pattern beside a format',
      came: { type: 'string', format: 'date', pattern: '^2026-\\d{2}-\\d{2}$' },
      sent: { type: 'string', format: 'date' },
    },
    {
      what: 'the keys that an object may have besides',
      came: { type: 'object', properties: { a: string }, additionalProperties: true },
      sent: { type: 'object', properties: { a: string } },
    },
    {
      what: 'bounds that are not whole doubles',
      came: { type: 'number', minimum: -3.4028234663852886e38, maximum: 1 },
      sent: { type: 'number', maximum: 1 },
    },
    { what: 'nullable: false', came: { ...string, nullable: false }, sent: string },
    {
      what: 'keywords that nobody knows',
      came: { type: 'string', maxlength: 3, 'x-guidance': {} },
      sent: string,
    },
    {
      what: 'what names the document',
      came: { $schema: 'http://json-schema.org/draft-07/schema#', $id: 'https://example.com/a', ...string },
      sent: string,
    },
    {
      what: 'the discriminator of OpenAPI',
      came: { oneOf: [string, integer], discriminator: { propertyName: 'kind' } },
      sent: { oneOf: [string, integer] },
    },
  ])('is sent without what engines refuse or break over: $what', ({ came, sent }) => {
    expect(admit(came).schema).toEqual(sent);
  });

  it.each([
    ['is not anchored', '^[A-Z]'],
    ['has an anchor inside', '^a$|^b$'],
    ['has a word boundary', '^a\\b.*$'],
    ['has a Unicode class', '^\\p{L}+$'],
    ['has flags', '^(?i:a)$'],
    ['names a quote', '^"a"$'],
    ['names a backslash', '^a\\\\b$'],
    ['names a line break', '^a\\nb$'],
    ['names a control character by its number', '^\\u000a$'],
    ['has a brace that counts nothing', '^a{$'],
    ['repeats a group', '^(?:a?){1,9}$'],
    ['repeats a group without end', '^([a-z]+-)*[a-z]+$'],
    ['is long when its counts are written out', '^[a-z]{1,50}$'],
  ])('is sent without a pattern that %s, and checked against it', (_, pattern) => {
    const admitted = admit({ type: 'string', pattern });

    expect(admitted.schema).toEqual(string);
    expect(admitted.check('#')).toEqual([{ path: '', message: 'must match the pattern' }]);
  });

  it.each([
    '^[a-z]{1,28}$',
    '^[가-힣]+$',
    '^[\\uAC00-\\uD7A3]+$',
    '^\\d+(?:\\.\\d{1,2})?$',
    '^\\+[1-9]\\d{6,14}$',
    '^(a|b)[^c]*?\\$$',
  ])('is sent with a plain pattern that is anchored: %s', (pattern) => {
    expect(admit({ type: 'string', pattern }).schema).toEqual({ type: 'string', pattern });
  });

  it('is sent with patterns as long as they are short together', () => {
    const part = { type: 'string', pattern: '^[a-z]{1,20}$' };
    const { schema } = admit({ properties: { a: part, b: part } });

    expect(schema).toEqual({ properties: { a: part, b: string } });
  });

  it.each(['date', 'date-time', 'time', 'duration', 'ipv4', 'ipv6', 'uuid'])(
    'is sent with a format that grammars enforce at once: %s',
    (format) => {
      expect(admit({ type: ['string', 'null'], format }).schema).toEqual({
        type: ['string', 'null'],
        format,
      });
    },
  );

  it('is the same frozen object whenever the same JSON comes', () => {
    const first = admit({ type: 'object', properties: { same: string } });
    const second = admit({ type: 'object', properties: { same: { ...string } } });

    expect(second).toBe(first);
    expect(Object.isFrozen((first.schema as { properties: { same: object } }).properties.same)).toBe(true);
    expect(first.hash).toMatch(/^[0-9a-f]{12}$/);
  });

  it('has another hash when its keys stand in another order, because the reply’s do', () => {
    const [one, other] = [
      { a: string, b: string },
      { b: string, a: string },
    ].map((properties) => admit({ properties }));

    expect(one?.hash).not.toBe(other?.hash);
  });

  it('is forgotten when two hundred others came after it', () => {
    const first = admit({ type: 'string', title: 'first' });
    for (let at = 0; at < 200; at++) admit({ type: 'string', title: `other ${at}` });

    expect(admit({ type: 'string', title: 'first' })).not.toBe(first);
  });

  it('may be of any size within the bounds', () => {
    const names = Array.from({ length: 998 }, (_, at) => `p${at}`);
    const wide = {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, integer])),
      required: names,
    };
    const long = { type: 'string', description: 'x'.repeat(65_000) };

    expect(admit(wide).check(Object.fromEntries(names.map((name) => [name, 1])))).toEqual([]);
    expect(admit(long).schema).toEqual(long);
    expect(admit(nested(16)).check({ a: {} })).toEqual([]);
  });
});

describe('what libraries write', () => {
  const pydantic = {
    $defs: {
      Address: {
        properties: {
          street: { title: 'Street', type: 'string' },
          zip: { anyOf: [{ type: 'string' }, { type: 'null' }], default: null, title: 'Zip' },
        },
        required: ['street'],
        title: 'Address',
        type: 'object',
      },
      Cat: {
        properties: {
          kind: { const: 'cat', title: 'Kind', type: 'string' },
          lives: { maximum: 9, minimum: 0, title: 'Lives', type: 'integer' },
        },
        required: ['kind', 'lives'],
        title: 'Cat',
        type: 'object',
      },
      Dog: {
        properties: {
          kind: { const: 'dog', title: 'Kind', type: 'string' },
          barks: { title: 'Barks', type: 'boolean' },
        },
        required: ['kind', 'barks'],
        title: 'Dog',
        type: 'object',
      },
      Kind: { enum: ['FOLLOW_UP', 'NEW_TOPIC'], title: 'Kind', type: 'string' },
      Node: {
        properties: {
          name: { title: 'Name', type: 'string' },
          children: { default: [], items: { $ref: '#/$defs/Node' }, title: 'Children', type: 'array' },
        },
        required: ['name'],
        title: 'Node',
        type: 'object',
      },
    },
    additionalProperties: false,
    description: 'A doc.',
    properties: {
      id: { format: 'uuid', title: 'Id', type: 'string' },
      kind: { $ref: '#/$defs/Kind' },
      score: { description: 'how good', maximum: 10, minimum: 0, title: 'Score', type: 'integer' },
      ratio: { exclusiveMaximum: 1, exclusiveMinimum: 0, title: 'Ratio', type: 'number' },
      name: { maxLength: 50, minLength: 1, title: 'Name', type: 'string' },
      code: { examples: ['ABC-1234'], pattern: '^[A-Z]{3}-\\d{4}$', title: 'Code', type: 'string' },
      tags: { items: { type: 'string' }, maxItems: 5, minItems: 1, title: 'Tags', type: 'array' },
      uniq: { items: { type: 'string' }, title: 'Uniq', type: 'array', uniqueItems: true },
      pair: {
        maxItems: 2,
        minItems: 2,
        prefixItems: [{ type: 'integer' }, { type: 'string' }],
        title: 'Pair',
        type: 'array',
      },
      extra: { additionalProperties: { type: 'integer' }, title: 'Extra', type: 'object' },
      anyv: { title: 'Anyv' },
      home: { $ref: '#/$defs/Address', description: 'home address' },
      work: { anyOf: [{ $ref: '#/$defs/Address' }, { type: 'null' }], default: null, description: 'w' },
      pet: {
        discriminator: { mapping: { cat: '#/$defs/Cat', dog: '#/$defs/Dog' }, propertyName: 'kind' },
        oneOf: [{ $ref: '#/$defs/Cat' }, { $ref: '#/$defs/Dog' }],
        title: 'Pet',
      },
      tree: { $ref: '#/$defs/Node' },
      many: { enum: ['x', 1, null], title: 'Many' },
      m: { multipleOf: 5, title: 'M', type: 'integer' },
      b: { default: '', format: 'binary', title: 'B', type: 'string' },
    },
    required: ['id', 'kind', 'score', 'name', 'code', 'tags', 'home', 'pet', 'tree'],
    title: 'All',
    type: 'object',
  };

  const valid = {
    id: '00000000-0000-0000-0000-000000000000',
    kind: 'NEW_TOPIC',
    score: 7,
    name: '김',
    code: 'ABC-1234',
    tags: ['a'],
    home: { street: 's', zip: null },
    pet: { kind: 'cat', lives: 9 },
    tree: { name: 'root', children: [{ name: 'leaf' }] },
  };

  it('is admitted: a model of pydantic, with definitions, recursion and a tagged union', () => {
    const admitted = admit(pydantic);

    expect(admitted.check(valid)).toEqual([]);
    expect(
      admitted.check({
        ...valid,
        kind: 'new_topic',
        name: '',
        uniq: ['a', 'a'],
        pet: { kind: 'cat', barks: true },
        tree: { name: 'root', children: [{}] },
        m: 7,
        other: 1,
      }),
    ).toEqual([
      { path: '/kind', message: 'must be one of FOLLOW_UP, NEW_TOPIC' },
      { path: '/name', message: 'must have at least 1 characters' },
      { path: '/pet', message: 'must fit one of the alternatives' },
      { path: '/tree/children/0/name', message: 'is missing' },
      { path: '/uniq', message: 'must not have an item twice' },
      { path: '/m', message: 'must be a multiple of 5' },
      { path: '/other', message: 'is not in the schema' },
    ]);
  });

  it('is admitted: a recursive model of pydantic, which begins with a $ref', () => {
    const { check } = admit({ $defs: { Node: pydantic.$defs.Node }, $ref: '#/$defs/Node' });

    expect(check({ name: 'a', children: [{ name: 'b', children: [] }] })).toEqual([]);
    expect(check({ name: 'a', children: [{ name: 1 }] })).toEqual([
      { path: '/children/0/name', message: 'must be string' },
    ]);
  });

  it('is admitted: zodResponseFormat of the OpenAI SDK, in draft 7', () => {
    const { schema, check } = admit({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: {
        steps: {
          minItems: 1,
          maxItems: 8,
          type: 'array',
          items: {
            type: 'object',
            properties: { explanation: { type: 'string' }, output: { type: ['string', 'null'] } },
            required: ['explanation', 'output'],
            additionalProperties: false,
          },
        },
        u: { type: ['string', 'number'] },
        e: {
          type: 'string',
          format: 'email',
          // zod 4.0's, with lookaheads.
          pattern:
            "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
        },
        d: {
          anyOf: [
            {
              type: 'object',
              properties: { t: { type: 'string', const: 'x' }, a: { type: 'number' } },
              required: ['t', 'a'],
              additionalProperties: false,
            },
            {
              type: 'object',
              properties: { t: { type: 'string', const: 'y' }, b: { type: 'boolean' } },
              required: ['t', 'b'],
              additionalProperties: false,
            },
          ],
        },
      },
      required: ['steps', 'u', 'e', 'd'],
      additionalProperties: false,
    });

    expect(schema).toMatchObject({ properties: { e: { type: 'string' } } });
    expect(
      check({ steps: [{ explanation: 'x', output: null }], u: 1, e: 'a@b.kr', d: { t: 'y', b: true } }),
    ).toEqual([]);
    expect(check({ steps: [], u: null, e: 'a@b.kr', d: { t: 'z', b: true } })).toEqual([
      { path: '/steps', message: 'must have at least 1 items' },
      { path: '/u', message: 'must be string or number' },
      { path: '/d', message: 'must fit one of the alternatives' },
    ]);
  });

  it('is admitted: records, tuples, dates and multiples of zod, in draft 2020-12', () => {
    const { schema } = admit({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        rec: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'number' } },
        tup: {
          type: 'array',
          prefixItems: [{ type: 'string' }, { type: 'number' }],
          items: false,
          minItems: 2,
          maxItems: 2,
        },
        time: { type: 'string', pattern: '^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?$' },
        int: { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 },
        tree: { type: 'array', items: { $ref: '#' } },
        any: {},
      },
      required: ['rec', 'tup', 'time', 'int', 'any'],
      additionalProperties: false,
    });

    expect(schema).toMatchObject({
      properties: { rec: { type: 'object', additionalProperties: { type: 'number' } } },
    });
  });
});

describe('a refused schema', () => {
  const big = Number.parseFloat('1e999');

  it.each<[string, unknown, string, string]>([
    ['a text', 'string', '', 'must be a JSON schema, which is an object'],
    ['true', true, '', 'must be a JSON schema, which is an object'],
    ['an array', [], '', 'must be a JSON schema, which is an object'],
    [
      'no type that exists',
      { type: 'text' },
      '/type',
      'type must be one or several of object, array, string, integer, number, boolean, null',
    ],
    ['a type in capitals', { type: 'String' }, '/type', 'type must be one or several of'],
    ['no type at all', { type: [] }, '/type', 'type must be one or several of'],
    ['a type twice', { type: ['string', 'string'] }, '/type', 'type must be one or several of'],
    ['an empty enum', { enum: [] }, '/enum', 'enum must be an array that is not empty'],
    [
      '501 words',
      { enum: Array.from({ length: 501 }, (_, at) => `w${at}`) },
      '/enum',
      'enum must have at most 500 values',
    ],
    [
      'a text without its type',
      { maxLength: 3 },
      '/maxLength',
      'maxLength needs type string beside it: engines ignore it without',
    ],
    [
      'a pattern without its type',
      { type: 'integer', pattern: 'a' },
      '/pattern',
      'pattern needs type string beside it',
    ],
    [
      'a bound without its type',
      { minimum: 3 },
      '/minimum',
      'minimum needs type number or integer beside it',
    ],
    [
      'a length that is no number',
      { ...string, maxLength: '3' },
      '/maxLength',
      'maxLength must be a whole number of at least 0',
    ],
    [
      'a negative length',
      { ...string, minLength: -1 },
      '/minLength',
      'minLength must be a whole number of at least 0',
    ],
    [
      'lengths the wrong way round',
      { ...string, minLength: 3, maxLength: 2 },
      '/minLength',
      'minLength must not be greater than maxLength',
    ],
    [
      'a draft-4 bound',
      { ...integer, minimum: 1, exclusiveMinimum: true },
      '/exclusiveMinimum',
      'exclusiveMinimum must be a number',
    ],
    [
      'half an integer',
      { ...integer, minimum: 0.5 },
      '/minimum',
      'minimum must be a whole number beside type integer: engines refuse any other',
    ],
    [
      'bounds the wrong way round',
      { type: 'number', minimum: 2, maximum: 1 },
      '/minimum',
      'minimum leaves no number with the other bounds',
    ],
    [
      'bounds that leave no integer',
      { ...integer, exclusiveMinimum: 3, exclusiveMaximum: 4 },
      '/exclusiveMinimum',
      'leaves no number',
    ],
    [
      'bounds that leave no number',
      { type: 'number', exclusiveMinimum: 3, maximum: 3 },
      '/maximum',
      'leaves no number',
    ],
    [
      'multiples of nothing',
      { type: 'number', multipleOf: 0 },
      '/multipleOf',
      'multipleOf must be greater than 0',
    ],
    [
      'a number that no double holds',
      { type: 'number', maximum: big },
      '/maximum',
      'must be a number within the range of a double',
    ],
    [
      'a tuple of draft 7',
      { type: 'array', items: [string] },
      '/items',
      'items must be one schema: write a list of them as prefixItems',
    ],
    ['a count without items', { type: 'array', maxItems: 3 }, '/maxItems', 'maxItems needs items beside it'],
    [
      '1,001 items',
      { type: 'array', items: string, maxItems: 1001 },
      '/maxItems',
      'maxItems must be at most 1000',
    ],
    [
      'counts the wrong way round',
      { type: 'array', items: string, minItems: 2, maxItems: 1 },
      '/minItems',
      'minItems must not be greater than maxItems',
    ],
    [
      'more items than there are schemas',
      { type: 'array', prefixItems: [string], minItems: 2 },
      '/minItems',
      'minItems must not be greater than the number of prefixItems',
    ],
    [
      'fewer items than there are schemas',
      { type: 'array', prefixItems: [string, string], maxItems: 1 },
      '/maxItems',
      'maxItems must not be less than the number of prefixItems: engines refuse it',
    ],
    [
      'an item that is false',
      { type: 'array', prefixItems: [false] },
      '/prefixItems/0',
      'must not be false: engines refuse it',
    ],
    [
      'a property that is false',
      { properties: { a: false } },
      '/properties/a',
      'must not be false: engines refuse it',
    ],
    [
      'a property that is no schema',
      { properties: { 'a/b': 'string' } },
      '/properties/a~1b',
      'must be a schema',
    ],
    ['properties that are a list', { properties: [string] }, '/properties', 'properties must be an object'],
    [
      'a required key that is not declared',
      { properties: { a: string }, required: ['a', 'b'] },
      '/required',
      'required must name none but properties: the grammars can write no other',
    ],
    [
      'required that is no list',
      { properties: { a: string }, required: true },
      '/required',
      'required must be an array of texts',
    ],
    [
      'patterns beside properties',
      { properties: { a: string }, patternProperties: { '^b$': string } },
      '/patternProperties',
      'patternProperties must not stand beside properties',
    ],
    [
      'two patterns',
      { patternProperties: { '^a$': string, '^b$': string } },
      '/patternProperties',
      'patternProperties must have one pattern',
    ],
    [
      'a key pattern with lookahead',
      { patternProperties: { '(?=a)': string } },
      '/patternProperties',
      'patternProperties must do without lookaround',
    ],
    [
      'a key pattern that is not anchored',
      { patternProperties: { '^x': string } },
      '/patternProperties',
      'patternProperties must have a short pattern from ^ to $ without repeated groups',
    ],
    [
      'a $ref to further keys, which are not sent',
      { properties: { a: { $ref: '#/additionalProperties' } }, additionalProperties: string },
      '/properties/a/$ref',
      '$ref must name a schema',
    ],
    [
      'numbers of keys the wrong way round',
      { type: 'object', minProperties: 2, maxProperties: 1 },
      '/minProperties',
      'minProperties must not be greater than maxProperties',
    ],
    [
      'two allOf',
      { allOf: [string, { enum: ['a'] }] },
      '/allOf',
      'allOf must have one member: with several the engines take any value; merge them into one schema',
    ],
    ['no anyOf', { anyOf: [] }, '/anyOf', 'anyOf must be an array that is not empty'],
    [
      'anyOf beside oneOf',
      { anyOf: [string], oneOf: [string] },
      '/oneOf',
      'oneOf stands beside anyOf, where engines ignore it',
    ],
    [
      'properties beside anyOf',
      { properties: { a: string }, anyOf: [{ required: [] }] },
      '/properties',
      'properties stands beside anyOf, where engines ignore it',
    ],
    [
      'a bound beside $ref',
      { $defs: { A: integer }, $ref: '#/$defs/A', minimum: 3 },
      '/minimum',
      'minimum stands beside $ref',
    ],
    [
      'a $ref to another document',
      { $ref: 'https://example.com/schema.json' },
      '/$ref',
      '$ref must begin with #: nothing is fetched',
    ],
    [
      'a $ref to nothing',
      { $ref: '#/$defs/A' },
      '/$ref',
      '$ref must name a schema of this document that engines find: not in a list, and by names without /, ~ and %',
    ],
    ['a $ref to an anchor', { $ref: '#a' }, '/$ref', '$ref must name a schema'],
    [
      'an anchor',
      { $anchor: 'a', ...string },
      '/$anchor',
      '$anchor is not followed by the engines: name a definition by $ref',
    ],
    [
      'a $ref to an escaped name',
      { $defs: { 'a/b': string }, $ref: '#/$defs/a~1b' },
      '/$ref',
      '$ref must name a schema',
    ],
    [
      'a $ref into a list',
      { anyOf: [string, { $ref: '#/anyOf/0' }] },
      '/anyOf/1/$ref',
      '$ref must name a schema',
    ],
    [
      'a $ref to what is not sent',
      { propertyNames: { $defs: { A: string } }, properties: { a: { $ref: '#/propertyNames/$defs/A' } } },
      '/properties/a/$ref',
      '$ref must name a schema',
    ],
    [
      'a $ref to itself',
      { $ref: '#' },
      '/$ref',
      '$ref must not lead back to itself with no object or array between',
    ],
    [
      'a $ref around a corner',
      { $defs: { A: { $ref: '#/$defs/B' }, B: { allOf: [{ $ref: '#/$defs/A' }] } } },
      '/$defs/A/$ref',
      '$ref must not lead back to itself',
    ],
    [
      'an alternative that is itself',
      {
        $defs: { A: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/A' }] } },
        properties: { a: { $ref: '#/$defs/A' } },
      },
      '/$defs/A/anyOf/1/$ref',
      '$ref must not lead back to itself',
    ],
    ['a $ref that is no text', { $ref: 3 }, '/$ref', '$ref must be a text'],
    [
      'an $id inside',
      { properties: { a: { $id: 'a', ...string } } },
      '/properties/a/$id',
      '$id must stand at the root or nowhere',
    ],
    [
      'not',
      { not: string },
      '/not',
      'not is ignored or refused by the engines: the reply would not follow it',
    ],
    ['if', { if: string }, '/if', 'if is ignored or refused by the engines'],
    [
      'dependentRequired',
      { dependentRequired: {} },
      '/dependentRequired',
      'dependentRequired is ignored or refused',
    ],
    [
      'contains',
      { type: 'array', items: string, contains: string },
      '/contains',
      'contains is ignored or refused',
    ],
    [
      'unevaluatedProperties',
      { unevaluatedProperties: false },
      '/unevaluatedProperties',
      'the reply would not follow it; write additionalProperties',
    ],
    [
      '$dynamicRef',
      { $dynamicRef: '#a' },
      '/$dynamicRef',
      '$dynamicRef is not followed by the engines: name a definition by $ref',
    ],
    [
      'nullable',
      { ...string, nullable: true },
      '/nullable',
      'nullable is ignored by the engines: write "null" into type',
    ],
    [
      'half a character',
      { ...string, description: '\ud83d' },
      '/description',
      'must be well-formed Unicode without NUL characters',
    ],
    ['NUL', { enum: ['a', 'b\0'] }, '/enum/1', 'must be well-formed Unicode without NUL characters'],
    [
      'NUL in a name',
      { properties: { 'a\0': string } },
      '/properties',
      'has a key that must be well-formed Unicode without NUL characters',
    ],
  ])('has %s', (_, schema, path, message) => {
    expect(refusalOf(schema)).toEqual([
      { path: `/response_format${path}`, message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    ['lookahead', '^(?=a)', 'must do without lookaround, back references and the like'],
    ['lookahead that forbids', '^(?!a).*$', 'must do without lookaround'],
    ['lookbehind', '(?<=a)b', 'must do without lookaround'],
    ['a back reference', '(a)\\1', 'must do without lookaround'],
    ['a named back reference', '(?<n>a)\\k<n>', 'must be a regular expression'],
    ['257 characters', 'a'.repeat(257), 'must have at most 256 characters'],
    ['a count of 101', 'a{1,101}', 'must not repeat a part more than 100 times'],
    ['an open count of 101', 'a{101,}', 'must not repeat a part more than 100 times'],
    ['counts inside counts', '((a{50}){50}){50}', 'must do without'],
    ['counts that are too many together', '([a-z]{1,50}){1,20}', 'must be simpler'],
    ['an open bracket', '(a', 'must be a regular expression'],
    ['an escape of RE2 alone', '\\Qa\\E', 'must be a regular expression'],
    ['flags of RE2 alone', '(?i)a', 'must be a regular expression'],
    ['a class that RE2 alone knows', '[[:alpha:]]', 'must be a regular expression'],
  ])('has a pattern with %s', (_, pattern, message) => {
    expect(refusalOf({ type: 'string', pattern })).toEqual([
      { path: '/response_format/pattern', message: expect.stringMatching(`^pattern ${message}`) },
    ]);
  });

  it('has patterns that are too much together', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`p${at}`, { type: 'string', pattern: `^[a-z]{1,${at + 50}}$` }]),
    );

    expect(refusalOf({ properties })[0]?.message).toContain(
      'pattern must be simpler: all patterns together are too costly',
    );
  });

  it.each([
    ['17 levels', nested(17), '/properties/a'.repeat(16), 'must not be nested more than 16 levels deep'],
    ['65 KiB', { description: 'x'.repeat(65 * 1024) }, '', 'must have at most 65536 bytes of JSON'],
    [
      '65 KiB of Korean',
      { description: '가'.repeat(22 * 1024) },
      '',
      'must have at most 65536 bytes of JSON',
    ],
    [
      '1,001 properties',
      { properties: Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`p${at}`, {}])) },
      '',
      'must hold at most 1000 schemas',
    ],
  ])('has %s', (_, schema, path, message) => {
    expect(refusalOf(schema)).toEqual([{ path: `/response_format${path}`, message }]);
  });

  it('is told of all that is wrong, twenty things at the most', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`p${at}`, { type: 'text' }]),
    );

    expect(refusalOf({ properties })).toHaveLength(20);
  });

  it('stays refused when it comes again', () => {
    expect(refusalOf({ type: 'text' })).toEqual(refusalOf({ type: 'text' }));
  });
});

describe('the check of a value', () => {
  it.each([
    { schema: { ...string, maxLength: 2 }, value: '😀😀', errors: [] },
    { schema: { ...string, maxLength: 1 }, value: '😀😀', errors: [['', 'must have at most 1 characters']] },
    { schema: { type: 'number', multipleOf: 0.1 }, value: 0.3, errors: [] },
    { schema: { const: { a: [1, 2], b: 1 } }, value: { b: 1, a: [1, 2] }, errors: [] },
    { schema: { const: { a: [1, 2] } }, value: { a: [2, 1] }, errors: [['', 'must be one of {"a":[1,2]}']] },
    { schema: integer, value: 1.5, errors: [['', 'must be integer']] },
    { schema: { type: ['integer', 'null'] }, value: '1', errors: [['', 'must be integer or null']] },
    {
      schema: { properties: { 'a/b': string }, required: ['a/b'] },
      value: {},
      errors: [['/a~1b', 'is missing']],
    },
    {
      schema: { type: 'object', additionalProperties: false },
      value: { a: 1 },
      errors: [['/a', 'is not in the schema']],
    },
    {
      schema: { anyOf: [{ properties: { a: integer }, type: 'object' }, { type: 'null' }] },
      value: { a: 'x' },
      errors: [['/a', 'must be integer']],
    },
    {
      schema: { oneOf: [{ type: 'number' }, integer] },
      value: 1,
      errors: [['', 'must fit one of the alternatives, not several']],
    },
    {
      schema: { enum: Array.from({ length: 12 }, (_, at) => at) },
      value: 12,
      errors: [['', 'must be one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …']],
    },
  ])('names the paths of $errors', ({ schema, value, errors }) => {
    expect(admit(schema).check(value)).toEqual(errors.map(([path, message]) => ({ path, message })));
  });

  it('is the same as Ajv’s for any schema and value', () => {
    const ajv = () => new Ajv2020({ strict: false, validateFormats: false, logger: false });
    fc.assert(
      fc.property(schemas, values, (schema, value) => {
        let admitted: AdmittedSchema;
        try {
          admitted = admit(schema);
        } catch {
          fc.pre(false);
          return;
        }
        expect(admitted.check(value).length === 0).toBe(ajv().validate(schema, value));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [
      'a pattern that is exponential elsewhere',
      { type: 'string', pattern: '(a+)+$' },
      `${'a'.repeat(50_000)}!`,
    ],
    ['alternatives that repeat', { type: 'string', pattern: '^(a|a)*$' }, `${'a'.repeat(50_000)}!`],
    ['counts inside counts', { type: 'string', pattern: '^(([a-z]{1,6}){1,6}){1,6}$' }, 'a'.repeat(700)],
  ])('ends at once for %s', (_, schema, value) => {
    expect(admit(schema).check(value)).toEqual([{ path: '', message: 'must match the pattern' }]);
  });

  it('gives up a pattern that would take seconds over a very long text', () => {
    const { check } = admit({ type: 'string', pattern: '(a|b)*a(a|b){50}c' });

    expect(check('ab'.repeat(50_000))).toEqual([
      { path: '', message: 'takes too long to be checked against this schema' },
    ]);
  });

  it('gives up a union within itself instead of trying every way through it', () => {
    const branch = { type: 'object', properties: { a: { $ref: '#' } } };
    const { check } = admit({ anyOf: [branch, branch, { type: 'null' }] });
    let value: unknown = 'neither';
    for (let level = 0; level < 60; level++) value = { a: value };

    expect(check(value)).toEqual([{ path: '', message: 'takes too long to be checked against this schema' }]);
  });

  it.each([129, 100_000])('does not go %i levels deep', (levels) => {
    const { check } = admit({ type: 'array', items: { $ref: '#' } });
    const deep = JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;

    expect(check(deep)).toEqual([{ path: '', message: 'is nested more than 128 levels deep' }]);
  });

  it('goes 128 levels deep', () => {
    const { check } = admit({ type: 'array', items: { $ref: '#' } });

    expect(check(JSON.parse('['.repeat(128) + ']'.repeat(128)) as unknown)).toEqual([]);
  });

  it('does not exhaust the stack over a long chain of definitions', () => {
    const $defs: Record<string, object> = { d899: { type: 'array', items: { $ref: '#/$defs/d0' } } };
    for (let at = 0; at < 899; at++) $defs[`d${at}`] = { $ref: `#/$defs/d${at + 1}` };
    const { check } = admit({ $defs, $ref: '#/$defs/d0' });

    expect(check([])).toEqual([]);
    expect(check([[]])).toEqual([{ path: '', message: 'takes too long to be checked against this schema' }]);
  });

  it('tells of twenty things at the most', () => {
    const { check } = admit({ type: 'array', items: integer });

    expect(check(Array(50).fill('x'))).toHaveLength(20);
  });
});

describe('the memory of what was used', () => {
  it('keeps the last ones used within its number of entries', () => {
    const memory = new RecentlyUsed<number>({ maxEntries: 2, maxWeight: 100 });
    memory.add('a', 1, 1);
    memory.add('b', 2, 1);
    memory.get('a');
    memory.add('c', 3, 1);

    expect([memory.get('a'), memory.get('b'), memory.get('c'), memory.size]).toEqual([1, undefined, 3, 2]);
  });

  it('keeps the last ones used within the sum of their weights', () => {
    const memory = new RecentlyUsed<number>({ maxEntries: 10, maxWeight: 100 });
    memory.add('a', 1, 60);
    memory.add('b', 2, 30);
    memory.add('c', 3, 60);

    expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual([undefined, 2, 3]);
  });
});

function admit(schema: unknown): AdmittedSchema {
  return admitSchema(schema, '/response_format');
}

function refusalOf(schema: unknown): readonly FieldError[] {
  try {
    admit(schema);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'VALIDATION_FAILED' });
    return (error as ServiceError).extras.errors ?? [];
  }
  throw new Error('The schema was admitted');
}

/** So many schemas inside one another. */
function nested(levels: number): object {
  return levels === 1 ? { type: 'object' } : { type: 'object', properties: { a: nested(levels - 1) } };
}

const few = { maxLength: 3 };
const scalars = fc.constantFrom<unknown>(null, true, false, 0, 1, 2, 2.5, 3, '', 'a', 'ab', '가', 'bbb');

/** Values of a small world, so that many of them fit many of the schemas. */
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalars,
    fc.array(tie('value'), few),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** Schemas over the same world; those that are not admitted are passed over. */
const schemas = fc.letrec<{ schema: object }>((tie) => {
  const own = tie('schema');
  const small = fc.integer({ min: 0, max: 3 });
  const optional = { requiredKeys: ['type' as const] };
  return {
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.constant({}),
      fc.record({ type: fc.subarray(['string', 'null', 'integer', 'array', 'object'], { minLength: 1 }) }),
      fc.record({ enum: fc.array(values, { minLength: 1, maxLength: 3 }) }),
      fc.record({ const: values }),
      fc.record(
        {
          type: fc.constant('string'),
          minLength: small,
          maxLength: small,
          pattern: fc.constantFrom('a', '^b+$', '^[가-힣]$'),
        },
        optional,
      ),
      fc.record(
        {
          type: fc.constantFrom('number', 'integer'),
          minimum: small,
          maximum: small,
          exclusiveMinimum: small,
          exclusiveMaximum: small,
          multipleOf: fc.constantFrom(1, 2, 0.5),
        },
        optional,
      ),
      fc.record(
        {
          type: fc.constant('array'),
          items: own,
          prefixItems: fc.array(own, { minLength: 1, maxLength: 2 }),
          minItems: small,
          maxItems: small,
          uniqueItems: fc.boolean(),
        },
        optional,
      ),
      fc.record(
        {
          type: fc.constant('object'),
          properties: fc.dictionary(fc.constantFrom('a', 'b'), own, { noNullPrototype: true }),
          required: fc.subarray(['a', 'b']),
          additionalProperties: fc.oneof(own, fc.boolean()),
          propertyNames: fc.constant({ type: 'string', maxLength: 1 }),
          minProperties: small,
          maxProperties: small,
        },
        optional,
      ),
      fc.record({
        patternProperties: fc.dictionary(fc.constantFrom('^a$', '^[bc]$'), own, { noNullPrototype: true }),
        additionalProperties: own,
      }),
      fc.record({ anyOf: fc.array(own, { minLength: 1, maxLength: 3 }) }),
      fc.record({ oneOf: fc.array(own, { minLength: 1, maxLength: 3 }) }),
      fc.record({ allOf: fc.array(own, { minLength: 1, maxLength: 1 }) }),
      fc.constantFrom(
        { type: 'array', items: { $ref: '#' } },
        { properties: { a: { $ref: '#' } }, type: 'object' },
      ),
    ),
  };
}).schema;
