import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WellFormedText, wellFormedJson } from '../src/text/well-formed.js';

const units = fc.constantFrom('\ud83d', '\ude00', 'a', '안', '\\', '"', 'u', '\n');
const anyText = fc.array(units, { maxLength: 12 }).map((all) => all.join(''));

describe('half a surrogate pair', () => {
  it('in a text that comes in pieces becomes U+FFFD, and a pair that is divided stays one', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 6 }), (pieces) => {
        const text = new WellFormedText();
        const written = pieces.map((piece) => text.write(piece));
        const all = [...written, text.end()];
        expect(all.every((piece) => piece.isWellFormed())).toBe(true);
        expect(all.join('')).toBe(pieces.join('').toWellFormed());
      }),
      { numRuns: 2000 },
    );
  });

  it('in JSON becomes U+FFFD, and nothing else changes', () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 3 }), (texts) => {
        // Written as engines do that escape all but ASCII.
        const json = JSON.stringify(texts).replaceAll(
          /[\u0080-\uffff]/g,
          (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        const sound = wellFormedJson(json);
        expect(JSON.parse(sound)).toEqual(texts.map((text) => text.toWellFormed()));
        if (texts.every((text) => text.isWellFormed())) expect(sound).toBe(json);
      }),
      { numRuns: 2000 },
    );
  });
});
