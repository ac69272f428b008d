import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import type { RequestResult } from '../src/client/api/generation.js';
import { varietyOf } from '../src/client/results/answer-variety.js';
import { EarlierResults } from '../src/client/results/earlier-results.js';
import { Uint32List } from '../src/client/results/uint32-list.js';
import { readResults } from '../src/client/results/read-results.js';
import { ResultFile } from '../src/client/results/result-file.js';
import { RESULT_FORMATS, type ResultFormat } from '../src/client/results/result-format.js';
import { resultTarget } from '../src/client/results/result-target.js';
import { Summary } from '../src/client/results/summary.js';
import { barLine, showProgress } from '../src/client/terminal/progress-bar.js';
import { inOneLine } from '../src/client/terminal/columns.js';
import { Terminal } from '../src/client/terminal/terminal.js';

const root = mkdtempSync(join(tmpdir(), 'client-results-'));
let folder = root;

beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

function result(index: number, more: Partial<RequestResult> = {}): RequestResult {
  return {
    index,
    repeat: 1,
    id: null,
    prompt: `질문 ${index}`,
    success: true,
    response: `답 "${index}",\n=1+1`,
    error: null,
    error_code: null,
    model: 'm',
    latency_ms: 100 * index,
    prompt_tokens: 1,
    completion_tokens: 10,
    total_tokens: 11,
    finish_reason: 'stop',
    call_id: null,
    attempts: 1,
    timestamp: '2026-11-21T00:00:00.000Z',
    ...more,
  };
}

const failure = (index: number): RequestResult =>
  result(index, { success: false, response: null, error: 'It failed.', error_code: 'timeout' });

/** Writes results in this order, each in a turn of its own, as a run does that ends well. */
async function write(
  path: string,
  results: readonly RequestResult[],
  { resumes = false, repeats = 1 } = {},
): Promise<string | undefined> {
  const file = await ResultFile.open(await resultTarget(path, resumes), repeats);
  for (const one of results) {
    file.add(one);
    await nextTurn();
  }
  return file.finish();
}

/** Numbers of the prompts whose results are in a file, in its order. */
async function indexesIn(path: string, format: ResultFormat): Promise<number[]> {
  const indexes: number[] = [];
  for await (const results of readResults(path, format)) indexes.push(...results.map(({ index }) => index));
  return indexes;
}

it.each(['json', 'jsonl'] as const)(
  'a result in %s is on one line for every reader of lines',
  async (format) => {
    const path = join(folder, `a.${format}`);
    const response = 'one\u2028two\u2029three\u0085four';
    await write(path, [result(1, { response })]);

    expect(readFileSync(path, 'utf8')).not.toMatch(/[\u0085\u2028\u2029]/);
    const read = await readResults(path, format).next();
    expect(read.value).toMatchObject([{ response }]);
  },
);

describe.each(RESULT_FORMATS)('a file of results in %s', (format) => {
  const at = (name: string): string => join(folder, `${name}.${format}`);

  it('is in the order of the prompts at the end, however the results came', async () => {
    expect(
      await write(
        at('a'),
        [3, 1, 2, 5, 4].map((index) => result(index)),
      ),
    ).toBeUndefined();

    expect(await indexesIn(at('a'), format)).toEqual([1, 2, 3, 4, 5]);
    expect(readdirSync(folder)).toEqual([`a.${format}`]);
  });

  it('has a result when the turn in which it came is over', async () => {
    const file = await ResultFile.open(await resultTarget(at('a'), false), 1);
    file.add(result(2));
    await nextTurn();

    expect(await indexesIn(at('a'), format)).toEqual([2]);
    await file.finish();
  });

  it('is not written anew at the end where only those of one turn were out of order', async () => {
    const file = await ResultFile.open(await resultTarget(at('a'), false), 1);
    const before = statSync(at('a')).ino;
    for (const indexes of [
      [3, 1, 2],
      [5, 4],
    ]) {
      for (const index of indexes) file.add(result(index));
      await nextTurn();
    }
    await file.finish();

    expect(await indexesIn(at('a'), format)).toEqual([1, 2, 3, 4, 5]);
    expect(statSync(at('a')).ino).toBe(before);
  });

  it('has both of a prompt that is asked twice, one after the other', async () => {
    const [first, second] = [result(1), result(1, { repeat: 2, response: 'another' })];
    await write(at('a'), [result(2), second, first], { repeats: 2 });
    await write(at('b'), [first, second, result(2)], { repeats: 2 });

    expect(readFileSync(at('a'))).toEqual(readFileSync(at('b')));
  });

  it('is left alone where it is there already, with results or without', async () => {
    writeFileSync(at('empty'), '');
    await expect(resultTarget(at('empty'), false)).rejects.toThrow(/is there already and is not overwritten/);
    await write(at('a'), [result(1)]);
    await expect(resultTarget(at('a'), false)).rejects.toThrow(
      /is there already and is not overwritten.*--resume/,
    );
  });

  it('goes on where it stopped, and a failure gives way to an answer', async () => {
    await write(at('a'), [result(1), failure(2), result(3)]);
    await write(at('a'), [result(4), result(2)], { resumes: true });
    await write(
      at('b'),
      [1, 2, 3, 4].map((index) => result(index)),
    );

    expect(readFileSync(at('a'), 'utf8')).toBe(readFileSync(at('b'), 'utf8'));
  });

  it('knows which prompts were answered', async () => {
    await write(at('a'), [result(1), failure(2), result(3)]);
    const earlier = await EarlierResults.read(at('a'), format, 1);

    expect([0, 1, 2, 3].map((place) => earlier.isAnswered(place))).toEqual([true, false, true, false]);
    expect(earlier.answered).toBe(2);
  });

  it('loses only what a crash cut off, wherever it was cut', async () => {
    await write(at('whole'), [result(1), result(2)]);
    await write(at('start'), [result(1)]);
    const bytes = readFileSync(at('whole'));
    // The end of the first result, without what follows it.
    const second = statSync(at('start')).size;
    for (let length = second; length < bytes.length - 4; length += 7) {
      writeFileSync(at('cut'), bytes);
      truncateSync(at('cut'), length);
      await write(at('cut'), [result(2)], { resumes: true });
      expect({ length, whole: readFileSync(at('cut')).equals(bytes) }).toEqual({ length, whole: true });
    }
  });

  it('is refused where it belongs to other prompts', async () => {
    await write(at('a'), [result(1), result(2)]);
    const earlier = await EarlierResults.read(at('a'), format, 1);

    expect(() => {
      earlier.compare({ prompt: '질문 1' }, 1);
    }).not.toThrow();
    expect(() => {
      earlier.compare({ prompt: 'another' }, 2);
    }).toThrow(/belongs to other prompts: number 2 is another one there/);
    expect(() => {
      earlier.compareCount(1);
    }).toThrow(/has 2 of them, and here are 1/);
  });

  it('is refused where it is of a run that repeated more', async () => {
    await write(at('a'), [result(1, { repeat: 3 })], { repeats: 3 });
    await expect(EarlierResults.read(at('a'), format, 2)).rejects.toThrow(/--repeat 3/);
  });

  it('is refused where something else stands in it', async () => {
    writeFileSync(at('a'), '{"some": 1}\n{"other": 2}\n{"thing": 3}\n');
    await expect(EarlierResults.read(at('a'), format, 1)).rejects.toThrow(/line 1: this is no result of/);
  });

  it('is refused where it has the result of a prompt that no run has', async () => {
    await write(at('a'), [result(1), result(2)]);
    writeFileSync(at('a'), readFileSync(at('a'), 'utf8').replace(/(\n|"index":)2,/, '$14503599627370496,'));
    await expect(EarlierResults.read(at('a'), format, 1)).rejects.toThrow(/which no run has/);
  });

  it('is not there after a run without any result', async () => {
    await write(at('a'), []);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('begins where --resume names a file that is not there', async () => {
    await write(at('a'), [result(1)], { resumes: true });
    expect(await indexesIn(at('a'), format)).toEqual([1]);
  });
});

describe('a file of results', () => {
  it('is whole JSON after every turn', async () => {
    const path = join(folder, 'a.json');
    const file = await ResultFile.open(await resultTarget(path, false), 1);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([]);
    for (const index of [1, 2, 3]) {
      file.add(result(index));
      await nextTurn();
      expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveLength(index);
    }
    await file.finish();
  });

  it('is a spreadsheet in which no answer is a formula', async () => {
    const path = join(folder, 'a.csv');
    await write(path, [result(1, { response: '=1+1' })]);
    expect(readFileSync(path, 'utf8')).toContain(`,true,'=1+1,`);
  });

  it('is its owner’s alone', async () => {
    const path = join(folder, 'a.jsonl');
    await write(path, [result(2), result(1)]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('may have a line of any length', async () => {
    const path = join(folder, 'a.jsonl');
    const long = '가'.repeat(1_000_000);
    await write(path, [result(2, { response: long }), result(1), result(3)]);
    expect(await indexesIn(path, 'jsonl')).toEqual([1, 2, 3]);
  });

  it.each([
    ['a.txt', /does not say how results are to be written/],
    ['.json', /does not say how results are to be written/],
    ['none/a.json', /cannot be written: its folder is not there/],
  ])('is refused as %s before anything is asked', async (name, sentence) => {
    await expect(resultTarget(join(folder, name), false)).rejects.toThrow(sentence);
  });

  it('is refused where a folder has its name', async () => {
    const path = join(folder, 'a.json');
    mkdirSync(path);
    await expect(resultTarget(path, false)).rejects.toThrow(/is a folder; name a file in it/);
  });
});

describe('the summary', () => {
  const text = <T>(words: { readonly en: T }): T => words.en;
  const korean = <T>(words: { readonly ko: T }): T => words.ko;

  function summaryOf(results: readonly RequestResult[]): Summary {
    const summary = new Summary();
    for (const one of results) summary.add(one);
    return summary;
  }

  it('counts what came and says how fast the answers were', () => {
    const printed = summaryOf([1, 2, 3, 4].map((index) => result(index))).print(text);
    expect(printed.replaceAll(/(per second): .*/g, '$1: N')).toBe(
      [
        '📊 EXPERIMENT SUMMARY',
        '==================================================',
        'Total requests: 4',
        'Successful: 4',
        'Failed: 0',
        '',
        '⏱️  Latency:',
        '  Average: 0.25s',
        '  Min: 0.10s',
        '  Max: 0.40s',
        '  p50: 0.20s',
        '  p95: 0.40s',
        '  p99: 0.40s',
        '',
        '🚀 Performance:',
        '  Requests per second: N',
        '  Tokens per second: N',
        '',
      ].join('\n'),
    );
  });

  it('names at most five kinds of failures, the most frequent first', () => {
    const errors = ['a', 'b', 'b', 'c', 'd', 'e', 'f'];
    const printed = summaryOf(errors.map((error, at) => ({ ...failure(at + 1), error }))).print(text);
    expect(printed).toMatch(
      /Failed: 7\n {2}2 × b \(first: prompt 2\)\n( {2}1 × . \(first: prompt \d\)\n){4} {2}1 × other errors \(first: prompt 7\)\n/,
    );
    expect(printed).not.toContain('Latency');
  });

  it('names the lowest number of a prompt of each kind, however results come', () => {
    const printed = summaryOf([9, 4, 6].map((index) => ({ ...failure(index), error: 'a' }))).failures(korean);
    expect(printed).toBe('실패: 3\n  3 × a (처음: 프롬프트 4)');
  });

  it('speaks Korean', () => {
    expect(summaryOf([result(1)]).print(korean)).toMatch(/📊 실험 요약[^]*전체 요청: 1[^]*평균: 0\.10초/);
  });

  it('says how many different answers repeated prompts got', () => {
    const answers = new Uint32List();
    [1, 1, 1, 1, 2, 2, 3].forEach((hash, place) => {
      answers.set(place, hash);
    });
    expect(varietyOf(answers, 3)).toEqual({ prompts: 2, answers: 6, different: 3, steady: 1 });
    expect(summaryOf([result(1)]).print(text, varietyOf(answers, 3))).toContain(
      'Different answers: 3 of 6; 1 of 2 prompts were always answered alike',
    );
  });
});

/** A terminal of 80 columns without colours, and what was written on its standard error. */
function terminalOf(env: Readonly<Record<string, string>>): { terminal: Terminal; written: string[] } {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  const stderr = { isTTY: true, columns: 80, write };
  const host = { stdin: process.stdin, stdout: stderr, stderr, env: { NO_COLOR: '1', ...env } };
  return { terminal: new Terminal(host, 'en', 'normal'), written };
}

describe('on a terminal', () => {
  const text = <T>(words: { readonly ko: T }): T => words.ko;

  it('a bar says how far the run is and when it will end', () => {
    const line = barLine({ before: 0, done: 450, failed: 3 }, 1000, 45, {
      text: (words) => words.en,
      columns: 80,
    });
    expect(line).toBe('[=============>                ] 450/1000 45%  3 failed  0:55 left  10/s');
  });

  it('a bar counts what an earlier run did, and is no faster by it', () => {
    const line = barLine({ before: 50, done: 10, failed: 0 }, 50, 10, {
      text: (words) => words.en,
      columns: 40,
    });
    expect(line).toBe('[====>   ] 60/100 60%  0:40 left  1.0/s');
  });

  it('a bar makes room for a line and comes back below it', () => {
    const { terminal, written } = terminalOf({});
    const end = showProgress(terminal, 9, () => ({ before: 0, done: 0, failed: 0 }));
    terminal.bar?.draw();
    terminal.error('Busy.');
    end();
    expect(written.join('').replaceAll(/\[ *>? *\] 0\/9[^\r]*/g, 'BAR')).toBe(
      '\r\u001b[KBAR\r\u001b[KBusy.\n\r\u001b[KBAR\r\u001b[K',
    );
  });

  it('no bar is drawn on one that knows no cursor', () => {
    const { terminal, written } = terminalOf({ TERM: 'dumb' });
    const end = showProgress(terminal, 9, () => ({ before: 0, done: 0, failed: 0 }));
    expect(terminal.bar).toBeUndefined();
    end();
    expect(written).toEqual([]);
  });

  it.each([10, 20, 40, 80, 200])('a bar stays inside %i columns', (columns) => {
    const line = barLine({ before: 0, done: 123_456, failed: 78 }, 1_000_000, 45, { text, columns });
    // What is needed at the least is not cut: the numbers.
    expect(stringWidth(line)).toBeLessThan(Math.max(columns, 19));
  });

  it('a long text is cut at whole characters, wide ones too', () => {
    expect(inOneLine('가나다라마', 10)).toBe('가나다라마');
    expect(inOneLine('가나다라마바', 10)).toBe('가나다라…');
    expect(inOneLine('one\n two\u001b[2J', 40)).toBe('one two\\u001b[2J');
  });
});
