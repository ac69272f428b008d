import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonReader, MAX_JSON_DEPTH, type JsonLeaf } from '../src/schema/json-reader.js';
import { isStrictJson } from './support/reference-json.js';

type Event = readonly ['text', path: string, text: string] | readonly ['leaf', path: string, value: JsonLeaf];

/** A reader that writes down what it tells; what no listener should ever hear is thrown. */
function recorded(): { reader: JsonReader; events: Event[] } {
  const events: Event[] = [];
  const reader = new JsonReader({
    text: (path, text) => {
      if (text === '' || !text.isWellFormed()) throw new Error(`Told ${JSON.stringify(text)}`);
      events.push(['text', path, text]);
    },
    leaf: (path, value) => events.push(['leaf', path, value]),
  });
  return { reader, events };
}

/** Reads pieces to their end; the events are as if each string had come at once. */
function read(pieces: readonly string[]): {
  accepted: boolean;
  problem: string | undefined;
  events: Event[];
} {
  const { reader, events } = recorded();
  for (const piece of pieces) reader.write(piece);
  const accepted = reader.end();
  return { accepted, problem: reader.problem, events: joined(events) };
}

function joined(events: readonly Event[]): Event[] {
  const all: Event[] = [];
  for (const event of events) {
    const last = all.at(-1);
    if (event[0] === 'text' && last?.[0] === 'text' && last[1] === event[1]) {
      all[all.length - 1] = ['text', event[1], last[2] + event[2]];
    } else all.push(event);
  }
  return all;
}

/** The events that these pieces cause, before the end of the text is known. */
function told(...pieces: readonly string[]): Event[] {
  const { reader, events } = recorded();
  for (const piece of pieces) reader.write(piece);
  return events;
}

/** Why a text is wrong although it may still go on. */
function problemOf(text: string): string | undefined {
  const { reader } = recorded();
  reader.write(text);
  return reader.problem;
}

/** The leaves of a value by their JSON pointers. */
function leavesOf(value: unknown, path = ''): [string, unknown][] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) return [[path, value]];
  return entries.flatMap(([key, own]) =>
    leavesOf(own, `${path}/${key.replace(/[~/]/g, (mark) => (mark === '~' ? '~0' : '~1'))}`),
  );
}

/** A text as a test's title can show it. */
function shown(text: unknown): string {
  return JSON.stringify(text).slice(0, 60);
}

/** Cuts a text behind each of these places. */
function cutAt(text: string, places: readonly number[]): string[] {
  const borders = [0, ...places.map((place) => place % (text.length + 1)), text.length].sort((a, b) => a - b);
  return borders.slice(1).map((border, index) => text.slice(borders[index], border));
}

/** What one way to write a code unit of a string makes of it; raw where that way does not know it. */
function written(unit: string, way: 'raw' | 'short' | 'code' | 'CODE'): string {
  const code = unit.charCodeAt(0).toString(16).padStart(4, '0');
  if (way === 'code') return `\\u${code}`;
  if (way === 'CODE') return `\\u${code.toUpperCase()}`;
  if (unit === '/' && way === 'short') return '\\/';
  const quoted = JSON.stringify(unit).slice(1, -1);
  return unit < ' ' || unit === '"' || unit === '\\' ? quoted : unit;
}

const ways = fc.constantFrom('raw', 'raw', 'short', 'code', 'CODE');
const characterText = fc
  .tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), ways, ways)
  .map(([character, first, second]) =>
    character
      .split('')
      .map((unit, index) => written(unit, index === 0 ? first : second))
      .join(''),
  );
const stringText = fc.array(characterText, { maxLength: 8 }).map((characters) => `"${characters.join('')}"`);
const keyText = fc.oneof(
  stringText,
  fc.constantFrom('"a"', '""', '"0"', '"__proto__"', '"a/b~c%25"', '"\\u0061b"'),
);
const numberText = fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,5})?([eE][+-]?\d{1,3})?$/);
const blank = fc.constantFrom('', '', ' ', '\n  ', '\r\n\t');

/** Texts of JSON values in every style of writing them. */
const { jsonText } = fc.letrec<{ jsonText: string; value: string; array: string; object: string }>((tie) => ({
  jsonText: fc.tuple(blank, tie('value'), blank).map((parts) => parts.join('')),
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null', '[]', '{}')),
    tie('array'),
    tie('object'),
  ),
  array: fc
    .tuple(blank, fc.array(tie('jsonText'), { maxLength: 4 }))
    .map(([space, items]) => `[${items.length === 0 ? space : items.join(',')}]`),
  object: fc
    .tuple(
      blank,
      fc.uniqueArray(fc.tuple(blank, keyText, blank, tie('jsonText')), {
        maxLength: 4,
        selector: ([, key]) => JSON.parse(key) as unknown,
      }),
    )
    .map(([space, members]) => {
      const texts = members.map(([before, key, behind, value]) => `${before}${key}${behind}:${value}`);
      return `{${texts.length === 0 ? space : texts.join(',')}}`;
    }),
}));

/** What is found in JSON texts, and what must not be. */
const fragment = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', ' ', '\n', '"', '""', '"a"', '"\\u0061"', '"b":', '{"a":1,', '\\'],
  ...['0', '1', '-', '+', '.', 'e', 'E', '.5', 'e1', '1e+', 'true', 'tru', 'e', 'false', 'null', 'nul', 'l'],
  ...['\\"', '\\n', '\\x', '\\u', '\\u00', '\\ud83d', '\\ude00', '\\uD8', '\\udc', '\\uD', 'd', 'c'],
  ...['\ud83d', '\ude00', '\ud83d\ude00', '한', 'x', '/', "'", '\t', '\u0000', '\u007f', '\u2028', '\uFEFF'],
);
const soup = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''));
const mutated = fc
  .tuple(jsonText, fc.nat(), fc.nat({ max: 2 }), fc.oneof(fragment, fc.constant('')))
  .map(([text, place, removed, inserted]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + inserted + text.slice(at + removed);
  });
const anyText = fc.oneof(soup, mutated, mutated);

const places = fc.array(fc.nat(), { maxLength: 20 });

/** What an unfinished escape or surrogate pair may lack. */
const CHARACTER_ENDS = [
  ...['', 'n', 'u0000', '0000', '000', '00', '0'],
  ...['\\uDC00', 'uDC00', 'DC00', 'C00', '0\\uDC00', '00\\uDC00'],
];

/** What the token at the end of an unfinished text may lack. */
const ENDS = [
  ...CHARACTER_ENDS.flatMap((end) => [`${end}"`, `${end}fresh":0`]),
  ...['', '0', ':0', '"fresh":0'],
  ...['rue', 'ue', 'e', 'alse', 'lse', 'se', 'ull', 'll', 'l'],
];

/** Whether the strict parser accepts a text that begins so: one of ENDS fits whatever is unfinished. */
function mayBecomeRight(beginning: string): boolean {
  const open: string[] = [];
  for (const [token] of beginning.matchAll(/"(?:[^"\\]|\\[^])*"?|[{}[\]]/g)) {
    if (token === '{' || token === '[') open.unshift(token === '{' ? '}' : ']');
    else if (token === '}' || token === ']') open.shift();
  }
  return ENDS.some((end) => isStrictJson(beginning + end + open.join('')));
}

describe('the reader of a text that is JSON', () => {
  it('tells every leaf of the value and every character of its strings', () => {
    fc.assert(
      fc.property(jsonText, places, (text, cuts) => {
        const { accepted, events } = read(cutAt(text, cuts));

        const leaves = events.filter(([kind]) => kind === 'leaf').map(([, path, value]) => [path, value]);
        const texts = events.filter(([kind]) => kind === 'text').map(([, path, said]) => [path, said]);
        const strings = leaves.filter(([, value]) => typeof value === 'string' && value !== '');
        expect(accepted).toBe(true);
        const found = leavesOf(JSON.parse(text));
        expect(leaves).toHaveLength(found.length);
        expect(new Map(leaves as [string, unknown][])).toEqual(new Map(found));
        expect(texts).toEqual(strings);
      }),
      { numRuns: 1000 },
    );
  });

  it('sees nothing wrong in any beginning of it', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const { reader } = recorded();
        for (const unit of text.split('')) {
          reader.write(unit);
          if (reader.problem !== undefined) throw new Error(reader.problem);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the reader of any text', () => {
  it('accepts it exactly when the strict parser does', () => {
    fc.assert(
      fc.property(anyText, places, (text, cuts) => {
        expect(read(cutAt(text, cuts)).accepted).toBe(isStrictJson(text));
      }),
      { numRuns: 5000 },
    );
  });

  it('tells and finds the same wherever the text is cut', () => {
    fc.assert(
      fc.property(fc.oneof(jsonText, anyText), places, (text, cuts) => {
        const whole = read([text]);
        const cuttings = [text.split(''), cutAt(text, cuts)];
        for (let at = 1; at < text.length; at++) cuttings.push([text.slice(0, at), text.slice(at)]);
        for (const pieces of cuttings) {
          if (!isDeepStrictEqual(read(pieces), whole)) expect(read(pieces)).toEqual(whole);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('finds it wrong with the first character behind which nothing could make it right', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { reader } = recorded();
        let length = 0;
        while (length < text.length && reader.problem === undefined) reader.write(text.charAt(length++));

        const isWrong = reader.problem !== undefined;
        expect(mayBecomeRight(text.slice(0, length))).toBe(!isWrong);
        if (isWrong) expect(mayBecomeRight(text.slice(0, length - 1))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a text is taken or refused, whole and one code unit at a time', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  const rows = [
    // Numbers
    { takes: true, text: '0' },
    { takes: true, text: '-0' },
    { takes: true, text: '[-0]' },
    { takes: true, text: '0e+1' },
    { takes: true, text: '0E-0' },
    { takes: true, text: '-0.0e00' },
    { takes: true, text: '123.456e78' },
    { takes: true, text: '1e400' },
    { takes: true, text: '[-1e400]' },
    { takes: true, text: '1e-400' },
    { takes: true, text: '9'.repeat(400) },
    { takes: true, text: '9007199254740993' },
    { takes: true, text: `0.${'1'.repeat(400)}` },
    { takes: false, text: '-' },
    { takes: false, text: '[-]' },
    { takes: false, text: '+1' },
    { takes: false, text: '01' },
    { takes: false, text: '-01' },
    { takes: false, text: '00' },
    { takes: false, text: '1.' },
    { takes: false, text: '[1.]' },
    { takes: false, text: '.1' },
    { takes: false, text: '-.1' },
    { takes: false, text: '1.e1' },
    { takes: false, text: '1e' },
    { takes: false, text: '1e+' },
    { takes: false, text: '1eE2' },
    { takes: false, text: '1e1.5' },
    { takes: false, text: '1.2.3' },
    { takes: false, text: '--1' },
    { takes: false, text: '- 1' },
    { takes: false, text: '1 2' },
    { takes: false, text: '1-2' },
    { takes: false, text: '0x1f' },
    { takes: false, text: '1_000' },
    { takes: false, text: '1n' },
    { takes: false, text: 'NaN' },
    { takes: false, text: 'Infinity' },
    { takes: false, text: '-Infinity' },
    { takes: false, text: '１' },
    // Words
    { takes: true, text: 'true' },
    { takes: true, text: '[true,false,null]' },
    { takes: false, text: 'True' },
    { takes: false, text: 'tru' },
    { takes: false, text: 'truee' },
    { takes: false, text: 'nul]' },
    { takes: false, text: '[falsetrue]' },
    { takes: false, text: 'undefined' },
    // Strings
    { takes: true, text: '""' },
    { takes: true, text: '"\u007f\u0080\ufffe\uffff"' },
    { takes: true, text: '"\u2028\u2029"' },
    { takes: true, text: '"\uFEFF"' },
    { takes: true, text: '"a/b\\/c"' },
    { takes: true, text: String.raw`"\"\\\/\b\f\n\r\t"` },
    { takes: true, text: String.raw`"\u0000\u001F\uFFFF\uffff\uAbCd"` },
    { takes: true, text: String.raw`"\\u12"` },
    { takes: true, text: '"\ud83d\ude00"' },
    { takes: true, text: String.raw`"\ud83d\ude00"` },
    { takes: true, text: '"\ud83d\\ude00"' },
    { takes: true, text: '"\\ud83d\ude00"' },
    { takes: true, text: String.raw`"\uDBFF\uDFFF\uD800\uDC00"` },
    { takes: false, text: '"' },
    { takes: false, text: '"a' },
    { takes: false, text: '"\\"' },
    { takes: false, text: '"a\tb"' },
    { takes: false, text: '"a\nb"' },
    { takes: false, text: '"\u0000"' },
    { takes: false, text: '"\u001f"' },
    { takes: false, text: String.raw`"\x41"` },
    { takes: false, text: String.raw`"\U0041"` },
    { takes: false, text: String.raw`"\'"` },
    { takes: false, text: String.raw`"\u"` },
    { takes: false, text: String.raw`"\u00"` },
    { takes: false, text: String.raw`"\u00g0"` },
    { takes: false, text: String.raw`"\u 041"` },
    { takes: false, text: String.raw`"\u+041"` },
    { takes: false, text: String.raw`"\uD800"` },
    { takes: false, text: String.raw`"\uDC00"` },
    { takes: false, text: String.raw`"\uD800\uD800"` },
    { takes: false, text: String.raw`"\uD800\uD800\uDC00"` },
    { takes: false, text: String.raw`"\uDC00\uD800"` },
    { takes: false, text: String.raw`"\uD800x\uDC00"` },
    { takes: false, text: String.raw`"\uD800\n"` },
    { takes: false, text: String.raw`"\uD800\u0041"` },
    { takes: false, text: '"\ud800"' },
    { takes: false, text: '"\udc00"' },
    { takes: false, text: '"\ud83dx"' },
    { takes: false, text: "'a'" },
    { takes: false, text: 'a' },
    // Arrays and objects
    { takes: true, text: '[]' },
    { takes: true, text: '{ \t\r\n}' },
    { takes: true, text: ' [ 1 , { "a" : [ ] } ] ' },
    { takes: true, text: nested(MAX_JSON_DEPTH) },
    { takes: true, text: `[${nested(MAX_JSON_DEPTH - 1)},${nested(MAX_JSON_DEPTH - 1)}]` },
    { takes: false, text: '[1,]' },
    { takes: false, text: '[,1]' },
    { takes: false, text: '[,]' },
    { takes: false, text: '[1,,2]' },
    { takes: false, text: '[1 2]' },
    { takes: false, text: '[1:2]' },
    { takes: false, text: '{"a":1,}' },
    { takes: false, text: '{"a":1,,"b":2}' },
    { takes: false, text: '{,}' },
    { takes: false, text: '{"a"}' },
    { takes: false, text: '{"a" 1}' },
    { takes: false, text: '{"a":}' },
    { takes: false, text: '{"a"::1}' },
    { takes: false, text: '{"a","b"}' },
    { takes: false, text: '{"a":1 "b":2}' },
    { takes: false, text: '{1:2}' },
    { takes: false, text: '{a:1}' },
    { takes: false, text: '{[]:1}' },
    { takes: false, text: "{'a':1}" },
    { takes: false, text: '[' },
    { takes: false, text: '{"a":[1}' },
    { takes: false, text: '[1}' },
    { takes: false, text: '{]' },
    { takes: false, text: '[1]]' },
    { takes: false, text: '{}}' },
    { takes: false, text: ']' },
    { takes: false, text: ':' },
    // Around the value
    { takes: true, text: '\r\n\t {"a":1}\r\n\t ' },
    { takes: false, text: '' },
    { takes: false, text: ' \n' },
    { takes: false, text: '[] []' },
    { takes: false, text: '"a""b"' },
    { takes: false, text: '{},' },
    { takes: false, text: '\uFEFF{}' },
    { takes: false, text: '{}\uFEFF' },
    { takes: false, text: '\u00a0{}' },
    { takes: false, text: '\f{}' },
    { takes: false, text: '\v{}' },
    { takes: false, text: '{}\u0000' },
    { takes: false, text: '[]//' },
    { takes: false, text: '[/* */]' },
    { takes: false, text: '```json\n{}\n```' },
    // Keys
    { takes: true, text: '{"":1}' },
    { takes: true, text: '{"__proto__":{"__proto__":1},"constructor":2}' },
    { takes: true, text: '{"a/b":1,"a~1b":2,"a~b":3,"%2F":4}' },
    { takes: true, text: '{"a":1,"A":2,"a ":3}' },
    { takes: true, text: '[{"a":1},{"a":{"a":1}}]' },
    { takes: true, text: '{"é":1,"e\u0301":2}' },
    { takes: true, text: '{"😀":1,"\\ud83d\\ude01":2}' },
    { takes: false, text: '{"a":1,"a":1}' },
    { takes: false, text: String.raw`{"a":1,"\u0061":2}` },
    { takes: false, text: '{"":1,"":2}' },
    { takes: false, text: '{"__proto__":1,"__proto__":2}' },
    { takes: false, text: '{"a":{"b":[]},"a":2}' },
    { takes: false, text: String.raw`{"/":1,"\/":2}` },
    { takes: false, text: String.raw`{"😀":1,"\ud83d\ude00":2}` },
    { takes: false, text: String.raw`{"\ud800":1}` },
    { takes: false, text: '{"\udc00":1}' },
    { takes: false, text: '{"a\nb":1}' },
  ].map((row) => ({ ...row, shown: shown(row.text) }));

  it.each(rows)('takes $shown: $takes', ({ takes, text }) => {
    expect(isStrictJson(text)).toBe(takes);
    for (const pieces of [[text], text.split('')]) {
      const { accepted, problem, events } = read(pieces);
      expect(accepted).toBe(takes);
      expect(problem === undefined).toBe(takes);
      if (!takes) continue;
      const leaves = events.filter(([kind]) => kind === 'leaf').map(([, path, value]) => [path, value]);
      expect(leaves).toEqual(leavesOf(JSON.parse(text)));
    }
  });

  it.each([nested(MAX_JSON_DEPTH + 1), '{"a":'.repeat(MAX_JSON_DEPTH + 1), '['.repeat(1_000_000)])(
    'refuses what is nested too deep',
    (text) => {
      expect(read([text]).accepted).toBe(false);
      expect(problemOf(text)).toBe('is nested deeper than 64 levels');
    },
  );
});

describe('the reader tells', () => {
  it('a string while it grows, one text a piece, and the whole of it at its end', () => {
    expect(told('{"message":"Could', ' you ', 'say', ' more?"')).toEqual([
      ['text', '/message', 'Could'],
      ['text', '/message', ' you '],
      ['text', '/message', 'say'],
      ['text', '/message', ' more?'],
      ['leaf', '/message', 'Could you say more?'],
    ]);
  });

  it('the escapes of a piece together with the characters around them', () => {
    expect(told(String.raw`"1\n\"2\" 3\u00b14 😀 \ud83d\ude00`)).toEqual([['text', '', '1\n"2" 3±4 😀 😀']]);
  });

  it('leaves in the order of the text', () => {
    expect(told('{"b":[1,"x",{"2":null,"1":true}],"a":{"c":[],"d":{}}}')).toEqual([
      ['leaf', '/b/0', 1],
      ['text', '/b/1', 'x'],
      ['leaf', '/b/1', 'x'],
      ['leaf', '/b/2/2', null],
      ['leaf', '/b/2/1', true],
      ['leaf', '/a/c', []],
      ['leaf', '/a/d', {}],
    ]);
  });

  it('no text of an empty string', () => {
    expect(told('{"a":"', '', '"')).toEqual([['leaf', '/a', '']]);
  });

  it('nothing of a key', () => {
    expect(told('{"ke', 'y', '\\', 'n"', ' :')).toEqual([]);
  });

  it.each([
    { pieces: ['"\\', '/'], text: '/' },
    { pieces: ['"\\u', '0', '0e', '9'], text: 'é' },
    { pieces: ['"\\ud8', '3d', '\\', 'ude', '00'], text: '😀' },
    { pieces: ['"\ud83d', '\ude00'], text: '😀' },
    { pieces: ['"\ud83d', '', '\\ude0', '0'], text: '😀' },
  ])('a character once it is whole: $text in $pieces.length pieces', ({ pieces, text }) => {
    expect(told(...pieces.slice(0, -1))).toEqual([]);
    expect(told(...pieces)).toEqual([['text', '', text]]);
  });

  it('what stands before a character that is not whole', () => {
    expect(told('"ab\ud83d')).toEqual([['text', '', 'ab']]);
    expect(told('"ab\\u12')).toEqual([['text', '', 'ab']]);
  });

  it('a number once something else comes, a word with its last letter', () => {
    expect(told('[1', '2')).toEqual([]);
    expect(told('[1', '2', ' ')).toEqual([['leaf', '/0', 12]]);
    expect(told('[tr', 'ue')).toEqual([['leaf', '/0', true]]);
  });

  it('no number that the end of the text may have cut', () => {
    expect(read(['{"score":1']).events).toEqual([]);
  });

  it('paths as JSON pointers', () => {
    const text = String.raw`{"a/b":{"m~n":[0]},"~1":1,"":{"":2},"%":3,"\u002f":4,"한":5}`;

    expect(told(text).map(([, path]) => path)).toEqual(['/a~1b/m~0n/0', '/~01', '//', '/%', '/~1', '/한']);
  });

  it('what came before the wrong character, and nothing after it', () => {
    expect(told('{"a":"bc\td', 'e","f":1}')).toEqual([['text', '/a', 'bc']]);
  });
});

describe('the reader says', () => {
  it.each([
    { text: '{"a" 1', problem: 'is not one JSON value' },
    { text: '{} {', problem: 'is not one JSON value' },
    { text: '{"a":1,"a"', problem: 'has a key twice in one object' },
    { text: '["\\ud83dx', problem: 'has half of a surrogate pair in a text' },
    { text: '"\\uDC', problem: 'has half of a surrogate pair in a text' },
    { text: '"\\ud83d\\n', problem: 'has half of a surrogate pair in a text' },
    { text: '"\\ud83d\\u0', problem: 'has half of a surrogate pair in a text' },
  ])('why $text is wrong', ({ text, problem }) => {
    expect(problemOf(text.slice(0, -1))).toBeUndefined();
    expect(problemOf(text)).toBe(problem);
  });

  it.each(['', '{"a":[1', '"a', '[12', '{'])('that the text ends too early: %s', (text) => {
    expect(problemOf(text)).toBeUndefined();
    expect(read([text]).problem).toBe('ends before its JSON value does');
  });

  it('the first problem alone', () => {
    const { reader } = recorded();
    reader.write('{"a":1,"a"');
    reader.write(']');

    expect(reader.end()).toBe(false);
    expect(reader.problem).toBe('has a key twice in one object');
  });

  it.each([
    { pieces: ['{"a":1'], complete: false },
    { pieces: ['{"a":1', '}'], complete: true },
    { pieces: ['{}', ' '], complete: true },
    { pieces: ['{}', ' x'], complete: false },
    { pieces: ['"a'], complete: false },
    { pieces: ['"a"'], complete: true },
    { pieces: ['null'], complete: true },
    { pieces: ['12'], complete: false },
    { pieces: ['12', ' '], complete: true },
    { pieces: [' '], complete: false },
  ])('whether the value is complete: $complete after $pieces', ({ pieces, complete }) => {
    const { reader } = recorded();
    for (const piece of pieces) reader.write(piece);

    expect(reader.complete).toBe(complete);
  });

  it('a number alone at the end of the text', () => {
    const { reader, events } = recorded();
    reader.write('12');

    expect(reader.end()).toBe(true);
    expect(reader.complete).toBe(true);
    expect(events).toEqual([['leaf', '', 12]]);
  });
});
