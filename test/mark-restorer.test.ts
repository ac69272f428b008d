import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { neutraliseMarks, restoreMarks } from '../src/text/chat-marks.js';
import { MarkRestorer } from '../src/text/mark-restorer.js';

type Options = ConstructorParameters<typeof MarkRestorer>[0];

/** What comes out behind each piece, and at the end. */
function restore(pieces: readonly string[], options: Options): string[] {
  const restorer = new MarkRestorer(options);
  return [...pieces.map((piece) => restorer.write(piece)), restorer.end()];
}

/** Cuts a text into pieces of these sizes, over and over. */
function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const size = sizes[pieces.length % sizes.length] ?? 1;
    pieces.push(text.slice(from, from + size));
    from += size;
  }
  return pieces;
}

const WORDS = [
  'think',
  'no_think',
  'tool_call',
  'tool_response',
  'tools',
  'im_end',
  'x'.repeat(64),
  'x'.repeat(65),
];
const PIECES = [
  '<',
  '¦',
  '¦¦',
  '|',
  '>',
  '/',
  ' ',
  '\n',
  '_',
  't',
  'k',
  'no_',
  'thin',
  '.',
  '한국어',
  '👍',
  ...WORDS,
];
const WHOLE = [
  '<¦|im_end|>',
  '<¦think>',
  '<¦¦/tool_response>',
  '/¦think',
  ' /¦no_think',
  '<|im_end|>',
  '</think>',
];

/** Texts in which marks, near misses and marks within marks abound. */
const TRICKY = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...PIECES) }, fc.constantFrom(...WHOLE)), {
    maxLength: 16,
  })
  .map((pieces) => pieces.join(''));
const SIZES = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });

describe.each([{ thinking: false }, { thinking: true }])(
  'marks in a text that comes in pieces ($thinking)',
  (options) => {
    it('come back as in the whole text, however it is cut', () => {
      fc.assert(
        fc.property(TRICKY, SIZES, (text, sizes) => {
          expect(restore(cut(text, sizes), options).join('')).toBe(restoreMarks(text, options));
        }),
        { numRuns: 5000 },
      );
    });

    it('come back as they were before they were made harmless', () => {
      fc.assert(
        fc.property(TRICKY, SIZES, (text, sizes) => {
          expect(restore(cut(neutraliseMarks(text, options), sizes), options).join('')).toBe(text);
        }),
        { numRuns: 2000 },
      );
    });

    it('come back at every cut of a text that has them all', () => {
      const text = `a<¦|im_end|>b /¦think <¦¦¦/tool_call> /¦¦no_think. <¦|${'x'.repeat(65)}|> <¦<¦think>/¦think x/¦think`;
      for (let at = 0; at <= text.length; at++) {
        const pieces = [text.slice(0, at), text.slice(at)];
        expect(restore(pieces, options).join('')).toBe(restoreMarks(text, options));
      }
    });

    it('hold back nothing that is certain', () => {
      const ends = ['', '|', '>', '|>', 'x|>', ' ', 'x', ...WORDS.flatMap(endsOf)];
      fc.assert(
        fc.property(TRICKY, (text) => {
          const restorer = new MarkRestorer(options);
          const returned = restorer.write(text);
          const possible = ends.map((end) => restoreMarks(text + end, options));
          expect(returned).toBe(possible.reduce(commonStart));
        }),
        { numRuns: 2000 },
      );
    });

    it('hold back 67 characters at the most', () => {
      fc.assert(
        fc.property(TRICKY, SIZES, (text, sizes) => {
          expect(restore(cut(text, sizes), options).at(-1)?.length).toBeLessThanOrEqual(67);
        }),
        { numRuns: 2000 },
      );
      expect(restore([`<¦|${'x'.repeat(64)}|`], options)).toEqual(['<', `¦|${'x'.repeat(64)}|`]);
      expect(restore([`<¦|${'x'.repeat(65)}`], options)).toEqual([`<¦|${'x'.repeat(65)}`, '']);
    });

    it('hold back nothing of a text without them', () => {
      const pieces = [
        '음, a < b ',
        '<',
        'b>',
        ' and/',
        'or ',
        '/think',
        '<',
        '/',
        'think>',
        '<|im',
        '_end|>',
        '',
        ' |x|>',
      ];

      expect(restore(pieces, options)).toEqual([...pieces, '']);
    });

    it('hold back one character of however many bars', () => {
      const restorer = new MarkRestorer(options);

      expect(restorer.write('<')).toBe('<');
      expect(restorer.write('¦')).toBe('');
      for (let bar = 0; bar < 500; bar++) expect(restorer.write('¦¦')).toBe('¦¦');
      expect(restorer.write('think')).toBe('');
      expect(restorer.write('> and')).toBe('think> and');
      expect(restorer.end()).toBe('');
    });

    /** Every end of a word, alone and closed as each kind of mark is. */
    function endsOf(word: string): string[] {
      return Array.from({ length: word.length }, (_, from) => word.slice(from)).flatMap((end) => [
        end,
        `${end}>`,
        `${end}|>`,
      ]);
    }

    function commonStart(one: string, other: string): string {
      let length = 0;
      while (length < one.length && one[length] === other[length]) length++;
      return one.slice(0, length);
    }
  },
);

describe('a sentence in pieces', () => {
  it.each<[string[], string[]]>([
    [
      ['Write <¦|im', '_end|> to', ' end.'],
      ['Write <', '|im_end|> to', ' end.', ''],
    ],
    [
      ['Write <¦', '|im end|>.'],
      ['Write <', '¦|im end|>.', ''],
    ],
    [
      ['<¦¦', 'think', '>'],
      ['<¦', '', 'think>', ''],
    ],
    [
      ['<¦|abc<', '¦think>'],
      ['<¦|abc<', 'think>', ''],
    ],
    [['<¦thi'], ['<', '¦thi']],
    [
      ['Say /¦think', ' or /¦no', '_think'],
      ['Say /¦think', ' or /¦no', '_think', ''],
    ],
  ])('%j', (pieces, returned) => {
    expect(restore(pieces, { thinking: false })).toEqual(returned);
  });

  it.each<[string[], string[]]>([
    [
      ['Say /¦think', ' or /¦no', '_think'],
      ['Say /', 'think or /', '', 'no_think'],
    ],
    [
      ['Say /¦think', 'ing'],
      ['Say /', '¦thinking', ''],
    ],
    [
      ['Say', '/', '¦think.'],
      ['Say', '/', '¦think.', ''],
    ],
    [
      ['Say ', '/', '¦¦', 'think.'],
      ['Say ', '/', '¦', 'think.', ''],
    ],
    [
      ['/', '¦think'],
      ['/', '', 'think'],
    ],
    [
      ['/', '/¦think'],
      ['/', '/¦think', ''],
    ],
    [
      ['<¦', '/think> ', '/¦think<', '¦think>'],
      ['<', '/think> ', '/think<', 'think>', ''],
    ],
  ])('where thinking is on: %j', (pieces, returned) => {
    expect(restore(pieces, { thinking: true })).toEqual(returned);
  });
});
