import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ThinkMarks } from '../src/text/think-marks.js';

/** What comes of a text in pieces: its answer and its thinking. */
function read(pieces: readonly string[]): { answer: string; thoughts: string } {
  let answer = '';
  let thoughts = '';
  const marks = new ThinkMarks({
    thought: (text) => (thoughts += text),
    answerIsThought: () => {
      thoughts += answer;
      answer = '';
    },
  });
  const add = (text: string): unknown => (answer += text);
  for (const piece of pieces) add(marks.write(piece));
  add(marks.end());
  return { answer, thoughts };
}

describe('the thinking in a text', () => {
  it.each([
    { what: 'a closed block', text: '<think>Hm.</think>Yes.', answer: 'Yes.', thoughts: 'Hm.' },
    { what: 'an empty block', text: '<think>\n\n</think>\n\nYes.', answer: 'Yes.', thoughts: '\n\n' },
    { what: 'a block behind blanks', text: '\n <think>Hm.</think>\nYes.', answer: 'Yes.', thoughts: 'Hm.' },
    { what: 'two blocks', text: '<think>A</think>\n<think>B</think>\nYes.', answer: 'Yes.', thoughts: 'AB' },
    { what: 'a block that is never closed', text: '<think>Hm. Yes.', answer: '', thoughts: 'Hm. Yes.' },
    { what: 'half a closing mark', text: '<think>Hm.</thi', answer: '', thoughts: 'Hm.</thi' },
    { what: 'a closing mark at the start', text: '</think>\n\nYes.', answer: 'Yes.', thoughts: '' },
    {
      what: 'a block that the template opened',
      text: 'Hm.\n</think>\n\nYes.',
      answer: 'Yes.',
      thoughts: 'Hm.\n',
    },
    {
      what: 'a closing mark among blanks',
      text: 'Hm.\n \t</think> \r\nYes.',
      answer: 'Yes.',
      thoughts: 'Hm.\n \t',
    },
    { what: 'a closing mark at the end', text: 'Hm.\n</think>\n', answer: '', thoughts: 'Hm.\n' },
  ])('is taken out: $what', ({ text, answer, thoughts }) => {
    const whole = read([text]);
    expect({ ...whole, answer: whole.answer.trim() }).toEqual({ answer, thoughts });
  });

  it.each([
    'Write <think> before you think.',
    'The mark </think> closes it.',
    'It is </think>\nand nothing else.',
    '`</think>` is closed by\n</think> and more.',
    'Like this:\n<think>\nHm.\n</think>\nYes.',
    '{"message":"<think>\\n</think>\\n"}',
    '<thinking>Hm.</thinking>',
    '<think',
    '</thin',
    '< think>',
    'a < b',
    '  \n',
    '',
  ])('is none where the text only mentions it: %j', (text) => {
    expect(read([text])).toEqual({ answer: text, thoughts: '' });
  });

  it('is the same wherever the text is cut', () => {
    const parts = fc.constantFrom(
      '<think>',
      '</think>',
      '<',
      '</',
      'think>',
      '\n',
      ' ',
      'a',
      '안녕',
      '{"',
      '\r',
    );
    const text = fc.array(parts, { maxLength: 12 }).map((all) => all.join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }), (whole, sizes) => {
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < whole.length; turn++) {
          const size = (sizes[turn % sizes.length] ?? 0) + 1;
          pieces.push(whole.slice(at, at + size));
          at += size;
        }
        const inPieces = read(pieces);
        const atOnce = read([whole]);
        expect(inPieces).toEqual(atOnce);
        // Nothing is lost but marks, and the blanks around them.
        const words = (said: string): string => said.replaceAll(/<\/?think>|\s/g, '');
        expect(words(atOnce.thoughts) + words(atOnce.answer)).toBe(words(whole));
      }),
      { numRuns: 3000 },
    );
  });

  it('holds back no more than what may be a mark', () => {
    const marks = new ThinkMarks({ thought: () => undefined, answerIsThought: () => undefined });
    expect(['Hi', '.\n', '<', '/thi', 's>', ' <thi', 'nk> ', '<'].map((piece) => marks.write(piece))).toEqual(
      ['Hi', '.\n', '', '', '</this>', ' ', '<think> ', '<'],
    );
  });
});

describe('a megabyte of hostile text', () => {
  it.each(['<', '</think>', '\n</think>x', ' ', '<think></think>', '</think> \n<'])(
    'is read in one go: %j over and over',
    (part) => {
      const text = part.repeat(1_000_000 / part.length);
      const { answer, thoughts } = read([text]);
      expect(answer.length + thoughts.length).toBeLessThanOrEqual(text.length);
    },
  );
});
