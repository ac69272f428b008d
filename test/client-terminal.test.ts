import { describe, expect, it } from '@jest/globals';
import { EditBuffer } from '../src/client/terminal/edit-buffer.js';
import { graphemesOf } from '../src/client/terminal/graphemes.js';
import { layOut } from '../src/client/terminal/layout.js';
import { isOpenBlock, withoutBlock } from '../src/client/terminal/message-lines.js';
import { TextFlow, wrap } from '../src/client/terminal/text-flow.js';

const FAMILY = '👨‍👩‍👧';

describe('the text that is being written', () => {
  it('takes jamo as the syllables that they make', () => {
    const buffer = new EditBuffer();
    for (const jamo of '한글'.normalize('NFD')) buffer.insert(jamo);
    expect(buffer.text).toBe('한글');
    expect(buffer.cursor).toBe(2);
  });

  it.each([
    ['a syllable', '가'],
    ['a family of emoji', FAMILY],
    ['a flag', '🇰🇷'],
    ['an accent that stands alone', 'q\u0323'],
  ])('deletes %s as one character', (_name, character) => {
    const buffer = new EditBuffer();
    buffer.insert(`a${character}b`);
    buffer.moveBy(-1);
    buffer.deleteTo(buffer.cursor - 1);
    expect(buffer.text).toBe('ab');
  });

  it('goes over Korean word by word', () => {
    const buffer = new EditBuffer();
    buffer.insert('느린 쿼리를, 찾습니다');
    const starts = [10, 7, 3].map((place) => {
      buffer.moveTo(buffer.wordStart);
      return [buffer.cursor, place];
    });
    expect(starts).toEqual([
      [8, 10],
      [3, 7],
      [0, 3],
    ]);
  });

  it('takes no control character but the line feed and the tab', () => {
    const buffer = new EditBuffer();
    buffer.insert('a\u001b[31mb\u0007\r\n\tc\u009b');
    expect(buffer.text).toBe('a[31mb\n\tc');
  });

  it('ends at both ends', () => {
    const buffer = new EditBuffer();
    buffer.insert('ab');
    buffer.moveBy(-9);
    buffer.deleteTo(buffer.cursor - 1);
    buffer.moveBy(9);
    buffer.deleteTo(buffer.cursor + 1);
    expect(buffer.text).toBe('ab');
  });
});

describe('rows of a text', () => {
  it('puts a wide character that has one column left on the next row', () => {
    const { rows, places } = layOut(graphemesOf('abc가d'), 4);
    expect(rows).toEqual(['abc', '가d']);
    expect(places[3]).toEqual({ row: 1, column: 0 });
  });

  it('has the cursor behind a full row at the start of the next', () => {
    const { rows, places } = layOut(graphemesOf('가나'), 4);
    expect(rows).toEqual(['가나', '']);
    expect(places.at(-1)).toEqual({ row: 1, column: 0 });
  });

  it('shows what would turn the writing round', () => {
    expect(layOut(graphemesOf('a\u202eb'), 20).rows).toEqual([String.raw`a\u202eb`]);
  });
});

describe('a text that flows', () => {
  it.each([
    ['between words', '느린 쿼리를 찾습니다', 11, ['느린 쿼리를', '찾습니다']],
    ['within a word that is longer than a line', '가나다라마', 6, ['가나다', '라마']],
    ['between characters of a script without blanks', '日本語を話す', 6, ['日本語', 'を話す']],
    ['and keeps its own lines', 'a\n\n  b', 80, ['a', '', '  b']],
  ])('breaks %s', (_name, text, columns, lines) => {
    expect(wrap(text, columns)).toEqual(lines);
  });

  it('looks the same however it comes', () => {
    const text = `한 줄에 다 들어가지 않는 문장과 ${FAMILY} 그리고 English words\n- 목록`;
    let written = '';
    const flow = new TextFlow({
      columns: 20,
      write: (piece) => {
        written += piece;
      },
    });
    for (const character of text) flow.write(character);
    flow.end();
    expect(written).toBe(`${wrap(text, 20).join('\n')}\n`);
  });

  it('leaves lines of code whole', () => {
    const code = '```\nconst aLongName = anotherLongName;\n```';
    expect(wrap(code, 20).join('\n')).toBe(code);
  });

  it('lets nothing through that steers a terminal', () => {
    expect(wrap('a\u001b]0;title\u0007 b\u202e\u009b', 80).join('')).toBe(
      String.raw`a\u001b]0;title\u0007 b\u202e\u009b`,
    );
  });
});

describe('a block', () => {
  it.each(['"""', '"""a', '"""a\n"b"', ' """\na'])('is open: %j', (text) => {
    expect(isOpenBlock(text)).toBe(true);
  });

  it.each([
    ['"""a"""', 'a'],
    ['"""\na\n b\n"""', 'a\n b'],
    ['"""\n"""', ''],
    ['say """a"""', 'say """a"""'],
  ])('of %j is %j', (text, content) => {
    expect(isOpenBlock(text)).toBe(false);
    expect(withoutBlock(text)).toBe(content);
  });
});
