import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PromptRequest } from '../src/client/api/generation.js';
import { decodeText } from '../src/client/prompts/decode.js';
import { jsonElements } from '../src/client/prompts/json-elements.js';
import { PromptSource, type PromptSourceOptions } from '../src/client/prompts/prompt-source.js';

const folder = mkdtempSync(join(tmpdir(), 'client-prompts-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Options = Omit<PromptSourceOptions, 'stdin'>;

/** A file of prompts with this content. */
async function source(name: string, content: string | Buffer, options: Options = {}): Promise<PromptSource> {
  const path = join(folder, name);
  writeFileSync(path, content);
  return PromptSource.open(path, { ...options, stdin: new PassThrough() });
}

async function promptsOf(
  name: string,
  content: string | Buffer,
  options?: Options,
): Promise<PromptRequest[]> {
  return (await all((await source(name, content, options)).read())).flat();
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** The sentence with which a file is refused before anything is asked, without its folder. */
async function refusalOf(name: string, content: string | Buffer, options?: Options): Promise<string> {
  const file = await source(name, content, options);
  const error = await file.check().then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(error).toMatchObject({ name: 'ClientFault', exitCode: 2 });
  return (error?.message ?? '').replace(`${folder}/`, '');
}

describe('text files', () => {
  it('hold a prompt a line; comments and empty lines are left out', async () => {
    const file = '# topics\n\n  인공지능이 뭐야?  \r\n\t# another comment\nWhat is RAG?';
    expect(await promptsOf('a.txt', file)).toEqual([
      { prompt: '인공지능이 뭐야?' },
      { prompt: 'What is RAG?' },
    ]);
  });

  it('write a prompt that begins with # behind a backslash', async () => {
    expect(await promptsOf('a.txt', '\\# is what?')).toEqual([{ prompt: '# is what?' }]);
  });

  it('are what a name without a known ending means', async () => {
    expect(await promptsOf('prompts', 'one')).toEqual([{ prompt: 'one' }]);
  });

  it.each(['', '\n\n', '# only a comment\n'])('are refused without a prompt: %j', async (content) => {
    expect(await refusalOf('a.txt', content)).toBe(
      'a.txt holds no prompt; write one into it, or name another file.',
    );
  });
});

describe('encodings', () => {
  const TEXT = '인공지능\n똠방각하 펲시콜라';
  const PROMPTS = [{ prompt: '인공지능' }, { prompt: '똠방각하 펲시콜라' }];
  // `iconv -t CP949`; the first syllables of the second line are in Microsoft's extension alone.
  const CP949 = Buffer.from('c0ceb0f8c1f6b4c90a8c63b9e6b0a2c7cf20bc84bdc3c4ddb6f3', 'hex');

  it('are UTF-8 with a byte order mark too', async () => {
    expect(await promptsOf('a.txt', `\ufeff${TEXT}`)).toEqual(PROMPTS);
  });

  it.each(['euc-kr', 'cp949'] as const)('are %s, Microsoft’s syllables included', async (encoding) => {
    expect(await promptsOf('a.txt', CP949, { encoding })).toEqual([
      { prompt: '인공지능' },
      { prompt: '똠방각하 펲시콜라' },
    ]);
  });

  it('are UTF-16 where a byte order mark says so', async () => {
    expect(await promptsOf('a.txt', Buffer.from(`\ufeff${TEXT}`, 'utf16le'))).toEqual(PROMPTS);
    expect(await promptsOf('a.txt', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16())).toEqual(PROMPTS);
  });

  it('name --encoding euc-kr and the line where a file is not UTF-8', async () => {
    expect(await refusalOf('a.txt', Buffer.concat([Buffer.from('fine\n'), CP949]))).toBe(
      'a.txt, line 2: this is not UTF-8. If it is an old Korean file, say --encoding euc-kr.',
    );
  });

  it('name the line where a file is not EUC-KR', async () => {
    expect(await refusalOf('a.txt', Buffer.from('fine\n\xff\n', 'latin1'), { encoding: 'euc-kr' })).toBe(
      'a.txt, line 2: this is not euc-kr; leave --encoding out if the file is UTF-8.',
    );
  });

  it('name UTF-16 where a file is full of NUL', async () => {
    expect(await refusalOf('a.txt', Buffer.from('one\ntwo', 'utf16le'))).toMatch(
      /^a\.txt, line 1: this holds a NUL.*--encoding utf-16le/,
    );
  });

  it('do not depend on where the bytes are cut', async () => {
    const bytes = Readable.from([...CP949].map((byte) => Uint8Array.of(byte)));
    let text = '';
    for await (const piece of decodeText(bytes, 'euc-kr')) text += piece;
    expect(text).toBe(TEXT);
  });
});

describe('JSON', () => {
  it('is an array of texts and objects with settings of their own', async () => {
    const file = JSON.stringify([
      'one',
      { id: 7, prompt: 'two', temperature: 0.1, top_p: 0.9, max_tokens: 5, seed: 1, stop: ['.'], model: 'm' },
      { messages: [{ role: 'user', content: 'three' }], system: null },
    ]);
    expect(await promptsOf('a.json', file)).toEqual([
      { prompt: 'one' },
      {
        id: '7',
        prompt: 'two',
        temperature: 0.1,
        top_p: 0.9,
        max_tokens: 5,
        seed: 1,
        stop: ['.'],
        model: 'm',
      },
      { messages: [{ role: 'user', content: 'three' }] },
    ]);
  });

  it('is an object with an array under prompts, wherever that stands', async () => {
    expect(await promptsOf('a.json', '{"title": "t", "prompts": ["one"], "more": 1}')).toEqual([
      { prompt: 'one' },
    ]);
  });

  it.each([
    ['[\n  "one",\n  {"prompt": "two" "x"}\n]', "line 3, column 20: this is not JSON: expected ',' or '}'"],
    ['["one", tru]', 'line 1, column 12: this is not JSON: unexpected'],
    ['["one",\n {"prompt": ]}]', "line 2, column 13: this is not JSON: unexpected token ']'"],
    ['["one",]', 'line 1, column 8: a prompt is missing before this "]"'],
    ['["one",, "two"]', 'line 1, column 8: a prompt is missing before this ","'],
    ['["one", {"prompt": "two"', 'line 1, column 9: the file ends before the array'],
    ['["one"', 'line 1, column 7: the file ends before the array'],
    ['["one"] x', 'line 1, column 9: the array of prompts ended before this'],
    ['"one"', 'line 1, column 1: a JSON file of prompts begins with "["'],
    ['{"questions": []}', 'a JSON file of prompts is an array, or an object'],
    ['{"prompts": ["one", 2]}', 'prompt 2: a prompt is a text or an object, not 2'],
    [
      '[{"prompt": "one", "temperature": "hot"}]',
      'line 1: "temperature" must be a number from 0 to 2, not "hot"',
    ],
    ['[{"prompt": "one", "max_tokens": 1.5}]', 'line 1: "max_tokens" must be a whole number of at least 1'],
    ['[{"prompt": "one", "messages": []}]', 'line 1: "messages" must be a list of messages, not []'],
    ['[{"messages": [{"role": "me", "content": "x"}]}]', '"messages", message 1: "role" must be system'],
    ['[{"id": "a"}]', 'line 1: an object has either "prompt" or "messages"'],
    ['[{"promt": "a"}]', 'an object has either "prompt" or "messages"; this one has ["promt"].'],
    ['[\n""]', 'line 2: the prompt is empty'],
  ])('is refused with its place: %s', async (file, sentence) => {
    expect(await refusalOf('a.json', file)).toContain(sentence);
  });

  it('is cut into the same elements wherever the text is cut', async () => {
    const json = fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(json, fc.integer({ min: 1, max: 7 }), async (values, size) => {
        const text = JSON.stringify(values, null, 1);
        const pieces = text.match(new RegExp(`.{1,${size}}`, 'gsu')) ?? [];
        const batches = await all(jsonElements(asyncOf(pieces)));
        expect(batches.flat().map((element) => JSON.parse(element.text) as unknown)).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });
});

async function* asyncOf(texts: readonly string[]): AsyncGenerator<string> {
  await Promise.resolve();
  yield* texts;
}

describe('JSON lines', () => {
  it('hold a prompt a line', async () => {
    expect(await promptsOf('a.jsonl', '"one"\n\n{"prompt": "two"}\r\n')).toEqual([
      { prompt: 'one' },
      { prompt: 'two' },
    ]);
  });

  it('are refused with line and column', async () => {
    expect(await refusalOf('a.jsonl', '"one"\n{"prompt": two}\n')).toContain('a.jsonl, line 2, column 13:');
  });
});

describe('CSV', () => {
  it('has a column named prompt and others with settings', async () => {
    const file = 'id,prompt,temperature,note\n1,"two\nlines",0.2,x\n2,three,,y\n';
    expect(await promptsOf('a.csv', file)).toEqual([
      { id: '1', prompt: 'two\nlines', temperature: 0.2 },
      { id: '2', prompt: 'three' },
    ]);
  });

  it('tells of columns that mean nothing', async () => {
    const file = await source('a.csv', 'prompt,note\none,x\n');
    expect(await file.check()).toEqual({ count: 1, unused: new Map([['note', 1]]) });
  });

  it.each([
    ['question\none\n', 'a.csv, line 1: the header has no prompt. Name the column with the prompts so'],
    ['prompt\nHello, I am Kim\n', 'a.csv, line 2: the number of cells is 2, that of columns 1. A comma'],
    ['id,prompt\n1,one\n2\n', 'a.csv, line 3: the number of cells is 1, that of columns 2.'],
    ['prompt,id, prompt\na,1,b\n', 'a.csv, line 1: the header has prompt twice'],
    ['prompt;id\none;1\n', 'a.csv, line 1: the cells are separated by semicolons; save the file with commas'],
    ['id\tprompt\n1\tone\n', 'a.csv, line 1: the cells are separated by tabs'],
    ['sep=,\nprompt\none\n', 'a.csv, line 1: this line (sep=) tells Excel alone'],
    ['sep=;\nprompt;id\none;1\n', 'a.csv, line 1: this line (sep=) tells Excel alone'],
    ['prompt,id\rone,1\r', 'a.csv, line 1: its lines end with CR alone; save the file with LF or CRLF'],
    ['"prompt";"id"\n"one";1\n', 'a.csv, line 1: a quote stands inside a cell;'],
    ['prompt,temperature\none,hot\n', 'a.csv, line 2: "temperature" must be a number'],
    ['id,prompt\n1,\n', 'a.csv, line 2: the cell of the column "prompt" is empty'],
    ['prompt\n"one\n', 'a.csv, line 2: a quote is opened in this row and never closed'],
  ])('is refused with its line: %j', async (file, sentence) => {
    expect(await refusalOf('a.csv', file)).toContain(sentence);
  });
});

describe('a file of another form', () => {
  it('is refused by the name of a table with tabs, whose header would be asked as a prompt', async () => {
    expect(await refusalOf('a.tsv', 'prompt\tid\none\t1\n')).toMatch(
      /^By its name .*a\.tsv has tabs between its cells: save it as CSV with commas/,
    );
  });

  it('is refused where its lines end with CR alone, which would make one prompt of all', async () => {
    expect(await refusalOf('a.txt', 'one\rtwo\r')).toContain('a.txt, line 1: its lines end with CR alone');
  });
});

describe('a source of prompts', () => {
  it('is refused where it is a folder or not there', async () => {
    const stdin = new PassThrough();
    await expect(PromptSource.open(folder, { stdin })).rejects.toThrow(/is a folder; name a file of prompts/);
    await expect(PromptSource.open(join(folder, 'none.txt'), { stdin })).rejects.toThrow(/^There is no file/);
  });

  it('is standard input for -, which cannot be checked first', async () => {
    const stdin = new PassThrough().end('one\ntwo');
    const input = await PromptSource.open('-', { stdin });
    expect(input.canCheck).toBe(false);
    expect((await all(input.read())).flat()).toEqual([{ prompt: 'one' }, { prompt: 'two' }]);
  });

  it('may be a pipe, whose other end comes later', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const prompts = all((await PromptSource.open(pipe, { stdin: new PassThrough() })).read());
    await writeFile(pipe, 'one\ntwo\n');
    expect((await prompts).flat()).toEqual([{ prompt: 'one' }, { prompt: 'two' }]);
  });

  it('counts its prompts and shows each with its number', async () => {
    const seen: string[] = [];
    const file = await source('a.txt', 'one\ntwo\n');
    const { count } = await file.check(({ prompt }, index) => seen.push(`${index} ${prompt ?? ''}`));
    expect({ count, seen }).toEqual({ count: 2, seen: ['1 one', '2 two'] });
  });
});

describe('the examples', () => {
  it.each(['examples/prompts.ko.txt', 'examples/prompts.ko.json'])('%s holds ten prompts', async (path) => {
    const example = await PromptSource.open(path, { stdin: new PassThrough() });
    expect(await example.check()).toEqual({ count: 10, unused: new Map() });
  });
});
