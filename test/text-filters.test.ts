import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { restoreMarks } from '../src/text/chat-marks.js';
import { SentenceGate } from '../src/text/sentence-gate.js';
import type { OpenFilter, TextFilter, TextPlace } from '../src/text/text-filter.js';
import { TextFilters } from '../src/text/text-filters.js';
import { type Replacement, WindowFilter } from '../src/text/window-filter.js';

const SAID: TextPlace = { path: '/message', kind: 'answer', isSpoken: true };
const HELD: TextPlace = { ...SAID, isSpoken: false };

/** Runs of digits, three to eight of them, become a mark. */
function maskDigits(): TextFilter {
  return new WindowFilter(9, (text, from) => {
    const found: Replacement[] = [];
    const digits = /(?<!\d)\d{3,8}(?!\d)/g;
    digits.lastIndex = from;
    for (let match = digits.exec(text); match; match = digits.exec(text)) {
      found.push({ start: match.index, end: digits.lastIndex, text: '[N]' });
    }
    return found;
  });
}

const refuse = (word: string) => (sentence: string) =>
  sentence.includes(word) ? { reason: `No ${word}.` } : undefined;

/** What comes out of a filter, piece by piece, and at the end. */
function through(filter: TextFilter, pieces: readonly string[]): string[] {
  return [...pieces.map((piece) => filter.write(piece)), filter.end()];
}

/** A text, cut anywhere, characters included. */
const cutText = (text: fc.Arbitrary<string>): fc.Arbitrary<string[]> =>
  text.chain((whole) =>
    fc
      .uniqueArray(fc.integer({ min: 0, max: whole.length }), { maxLength: 8 })
      .map((cuts) =>
        [0, ...cuts.sort((a, b) => a - b)].map((from, index, all) => whole.slice(from, all[index + 1])),
      ),
  );

const digitsAndWords = fc
  .array(fc.constantFrom('1', '23', '4567', '123456789', 'a', ' ', '가', '👍', '.'), { maxLength: 30 })
  .map((parts) => parts.join(''));

const sentences = fc
  .array(
    fc.constantFrom(
      'Yes',
      ' ',
      '. ',
      '.',
      '3.14',
      '! ',
      '?',
      '"',
      '네',
      '。',
      '」',
      '\n',
      'bad',
      '😀',
      'x'.repeat(400),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

describe('a filter that replaces within a window', () => {
  it('gives the same text however it is cut', () => {
    fc.assert(
      fc.property(cutText(digitsAndWords), (pieces) => {
        const whole = through(maskDigits(), [pieces.join('')]).join('');
        expect(through(maskDigits(), pieces).join('')).toBe(whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('replaces what its rule finds in the whole text', () => {
    expect(through(maskDigits(), ['call 01', '0 or 12345', '67 now']).join('')).toBe('call [N] or [N] now');
  });

  it('holds back no more than its window', () => {
    expect(through(maskDigits(), ['0123456789abcdefghij'])[0]).toHaveLength(11);
  });

  it('never cuts a character in two', () => {
    fc.assert(
      fc.property(cutText(digitsAndWords), (pieces) => {
        // Only the caller's own cuts may leave halves; a piece that is sound stays so.
        fc.pre(pieces.every((piece) => piece.isWellFormed()));
        expect(through(maskDigits(), pieces).every((out) => out.isWellFormed())).toBe(true);
      }),
    );
  });
});

describe('a gate for sentences', () => {
  it('gives the same text however it is cut, and stops at the same sentence', () => {
    fc.assert(
      fc.property(cutText(sentences), fc.constantFrom(SAID, HELD), (pieces, place) => {
        const once = new SentenceGate(place, refuse('bad'));
        const inPieces = new SentenceGate(place, refuse('bad'));
        const whole = through(once, [pieces.join('')]).join('');
        expect(through(inPieces, pieces).join('')).toBe(whole);
        expect(inPieces.block).toEqual(once.block);
        expect(whole).not.toContain('bad');
      }),
      { numRuns: 2000 },
    );
  });

  it('lets everything out where nothing is refused', () => {
    fc.assert(
      fc.property(cutText(sentences), fc.constantFrom(SAID, HELD), (pieces, place) => {
        const gate = new SentenceGate(place, () => undefined);
        expect(through(gate, pieces).join('')).toBe(pieces.join(''));
      }),
    );
  });

  it('lets a spoken sentence out once it is over', () => {
    const gate = new SentenceGate(SAID, refuse('bad'));
    expect(through(gate, ['Hel', 'lo. How', ' are you? Fi', 'ne'])).toEqual([
      '',
      'Hello.',
      ' How are you?',
      '',
      ' Fine',
    ]);
  });

  it('holds a text that is not spoken until it is complete', () => {
    const gate = new SentenceGate(HELD, refuse('bad'));
    expect(through(gate, ['One. ', 'Two.'])).toEqual(['', '', 'One. Two.']);
  });

  it('lets nothing of a text out that is not spoken and has one refused sentence', () => {
    const gate = new SentenceGate(HELD, refuse('bad'));
    expect(through(gate, ['Good. ', 'This is bad. ', 'Good.']).join('')).toBe('');
  });

  it('ends a spoken text before the refused sentence', () => {
    const gate = new SentenceGate(SAID, refuse('bad'));
    expect(through(gate, ['Good. This is bad. Good.']).join('')).toBe('Good.');
    expect(gate.block).toEqual({ reason: 'No bad.' });
  });

  it.each([
    { text: 'It costs 3.14 now. ', sentences: ['It costs 3.14 now.', ' '] },
    { text: '"Stop!" he said. Go.', sentences: ['"Stop!"', ' he said.', ' Go.'] },
    { text: '네, 좋습니다. 다음은요?', sentences: ['네, 좋습니다.', ' 다음은요?'] },
    { text: '「はい。」次。', sentences: ['「はい。」', '次。'] },
    { text: 'A line\nAnother', sentences: ['A line\n', 'Another'] },
  ])('cuts $text into sentences', ({ text, sentences: expected }) => {
    const seen: string[] = [];
    const gate = new SentenceGate(HELD, (sentence) => {
      seen.push(sentence);
      return undefined;
    });
    through(gate, [text]);
    expect(seen).toEqual(expected.filter((one) => one.trim() !== ''));
  });

  it('looks at a text without an end of a sentence by the thousand characters', () => {
    const gate = new SentenceGate(SAID, refuse('bad'));
    expect(through(gate, ['x'.repeat(1500)])[0]).toHaveLength(1000);
  });
});

describe('the filters of a call', () => {
  const mask: OpenFilter = () => maskDigits();
  const gate: OpenFilter = (place) => new SentenceGate(place, refuse('bad'));

  it('put chat marks back where no stage has a filter', () => {
    const filters = new TextFilters({ thinking: false }, []);
    const text = 'a <¦|im_end|> b';
    expect(filters.text(text, HELD).value).toBe(restoreMarks(text, { thinking: false }));
    expect(filters.isGuarded).toBe(false);
  });

  it('put chat marks back first, so that no stage sees them harmless', () => {
    const seen: string[] = [];
    const filters = new TextFilters({ thinking: false }, [
      () => ({ write: (piece) => (seen.push(piece), piece), end: () => '' }),
    ]);
    expect(filters.text('x <¦|im_end|>', HELD).value).toBe('x <|im_end|>');
    expect(seen.join('')).toBe('x <|im_end|>');
  });

  it('follow each other in the order of the stages', () => {
    const filters = new TextFilters(undefined, [mask, gate]);
    expect(filters.text('Call 0123. Then bad. End.', SAID)).toEqual({
      value: 'Call [N].',
      block: { reason: 'No bad.' },
    });
  });

  it('give the same for a text in pieces as for the whole', () => {
    const filters = new TextFilters({ thinking: true }, [mask, gate]);
    fc.assert(
      fc.property(cutText(fc.oneof(sentences, digitsAndWords)), (pieces) => {
        const filter = filters.open(SAID);
        const value = through(filter, pieces).join('');
        expect({ value, block: filter.block }).toEqual(filters.text(pieces.join(''), SAID));
      }),
    );
  });

  it('reach every text of a value, each with its place, and leave its keys', () => {
    const places: string[] = [];
    const filters = new TextFilters(undefined, [mask]);
    const value = { 1234: ['a 1234', { b: '567' }], n: 1234 };
    const filtered = filters.guarded(value, (path) => {
      places.push(path);
      return HELD;
    });
    expect(filtered.value).toEqual({ 1234: ['a [N]', { b: '[N]' }], n: 1234 });
    expect(places).toEqual(['/1234/0', '/1234/1/b']);
  });

  it('may leave single texts alone', () => {
    const filters = new TextFilters(undefined, [(place) => (place.path === '/a' ? maskDigits() : undefined)]);
    const filtered = filters.guarded({ a: '1234', b: '1234' }, (path) => ({ ...HELD, path }));
    expect(filtered.value).toEqual({ a: '[N]', b: '1234' });
  });
});
