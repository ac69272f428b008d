import { describe, expect, it } from '@jest/globals';
import { countTokens, repeatTokens, splitTokens } from '../src/engine/stub/tokens.js';

describe('the estimate of tokens', () => {
  it.each([
    ['', 0],
    ['abcdefgh', 2],
    ['abcde', 2],
    ['안녕하세요반', 4],
    ['🙂🙂', 2],
    ['<|im_end|>', 1],
    ['ab<|im_start|>user<think></think>', 5],
    ['<|nothing|>', 3],
  ])('of %j is %d', (text, tokens) => {
    expect(countTokens(text)).toBe(tokens);
  });

  it('cuts a text into as many pieces, which make it up again', () => {
    const text = 'The score is <|im_end|> 9점입니다 🙂 and more <think>';
    expect(splitTokens(text).join('')).toBe(text);
    expect(splitTokens(text)).toHaveLength(countTokens(text));
  });

  it.each(['on and ', 'a', '<think>', '가'])('tells when %j was repeated often enough', (text) => {
    const repeated = repeatTokens(text, 100);
    expect(countTokens(repeated)).toBeGreaterThanOrEqual(100);
    expect(repeated.replaceAll(text, '')).toBe('');
  });

  it('never cuts inside a character', () => {
    expect(splitTokens('abc🙂🙂가🙂나').every((piece) => piece.isWellFormed())).toBe(true);
  });
});
