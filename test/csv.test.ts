import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CALL_COLUMNS, type CsvRow } from '../src/csv/call-row.js';
import { CsvInputError } from '../src/csv/csv-input-error.js';
import { type CsvRecord, readCsv } from '../src/csv/read-csv.js';
import { type CsvCell, type CsvColumn, csvHeader, csvLine, csvStream } from '../src/csv/write-csv.js';

const ROW: CsvRow = {
  timestamp: new Date('2024-11-25T12:00:07.120Z'),
  message: 'LLMOps가 뭐야?',
  promptVersion: 'v1',
  model: 'gpt-4o-mini-stub',
  latencyMs: 120,
  totalTokens: 118,
  provider: 'stub',
};

/** The line of a row that has this message, without what is around it. */
function messageCell(message: string): string {
  const line = csvLine(CALL_COLUMNS, { ...ROW, message });
  return line.slice('2024-11-25T12:00:07.120Z,'.length, -',v1,gpt-4o-mini-stub,120,118,stub\n'.length);
}

/** Bytes in chunks of these sizes, over and over. */
async function* cut(bytes: Buffer, sizes: readonly number[] = [65_536]): AsyncGenerator<Buffer> {
  await Promise.resolve();
  let index = 0;
  for (let at = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** What a file reads as, and how its reading ends. */
async function read(
  file: string | Buffer,
  sizes?: readonly number[],
): Promise<{ records: CsvRecord[]; error: string | undefined }> {
  const records: CsvRecord[] = [];
  try {
    for await (const batch of readCsv(cut(Buffer.from(file), sizes))) records.push(...batch);
    return { records, error: undefined };
  } catch (error) {
    if (error instanceof CsvInputError) return { records, error: error.message };
    throw error;
  }
}

const cellsOf = async (file: string | Buffer): Promise<(readonly string[])[]> =>
  (await read(file)).records.map(({ cells }) => cells);

/** Columns of rows that are plain lists. */
const listColumns = (count: number): CsvColumn<readonly CsvCell[]>[] =>
  Array.from({ length: count }, (_, index) => ({ name: `c${index}`, cell: (row) => row[index] }));

describe('writing', () => {
  it('has seven columns', () => {
    expect(csvHeader(CALL_COLUMNS)).toBe(
      'timestamp,message,prompt_version,model,latency_ms,total_tokens,provider\n',
    );
  });

  it('makes one line of a call', () => {
    expect(csvLine(CALL_COLUMNS, ROW)).toBe(
      '2024-11-25T12:00:07.120Z,LLMOps가 뭐야?,v1,gpt-4o-mini-stub,120,118,stub\n',
    );
  });

  it('leaves the cell of a version that nobody named empty', () => {
    expect(csvLine(CALL_COLUMNS, { ...ROW, promptVersion: undefined })).toContain('?,,gpt-4o');
  });

  it.each([
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['old\rMac', '"old\rMac"'],
  ])('quotes %j as RFC 4180 says', (message, cell) => {
    expect(messageCell(message)).toBe(cell);
  });

  it.each([
    ['=1+1', "'=1+1"],
    ['+82 10', "'+82 10"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['\n=1', `"'\n=1"`],
    ['＝1', "'＝1"],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ["'=1", "''=1"],
  ])('puts an apostrophe before %j, which a spreadsheet would run', (message, cell) => {
    expect(messageCell(message)).toBe(cell);
  });

  it.each(['1-1', "'quoted'", 'a=b', "'"])('leaves %j as it is', (message) => {
    expect(messageCell(message)).toBe(message);
  });

  it('does not touch numbers, those below zero neither', () => {
    const row: readonly CsvCell[] = [-1.5, 0, 1e21, true, false, null];
    expect(csvLine(listColumns(6), row)).toBe('-1.5,0,1e+21,true,false,\n');
  });

  it('streams a header even where no row comes', async () => {
    expect(await text(Readable.from(csvStream(CALL_COLUMNS)([])))).toBe(csvHeader(CALL_COLUMNS));
  });

  it('streams rows in chunks that do not grow with their number', async () => {
    const lengths: number[] = [];
    const rows = Array.from({ length: 5000 }, () => ROW);

    await pipeline(rows, csvStream(CALL_COLUMNS), async (chunks: AsyncIterable<string>) => {
      for await (const chunk of chunks) lengths.push(chunk.length);
    });

    const longest = 65_536 + csvLine(CALL_COLUMNS, ROW).length;
    expect(lengths.length).toBeGreaterThan(4);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(longest);
  });
});

describe('reading', () => {
  it('gives back what was written, whatever the texts are and wherever the bytes are cut', async () => {
    const piece = fc.constantFrom(
      ...[
        '"',
        '""',
        ',',
        '\n',
        '\r\n',
        '\r',
        "'",
        "''",
        '=',
        '+',
        '-',
        '@',
        '\t',
        '\0',
        ' ',
        '\ufeff',
        '＝',
        '한글',
        '🙂',
        'e\u0301',
      ],
    );
    const anyText = fc.oneof(
      fc.array(piece).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    );
    const rows = fc.array(fc.tuple(anyText, anyText, anyText), { minLength: 1 });
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

    await fc.assert(
      fc.asyncProperty(rows, sizes, async (written, chunks) => {
        const csv = await text(Readable.from(csvStream(listColumns(3))(written)));
        const { records, error } = await read(csv, chunks);
        expect(error).toBeUndefined();
        expect(records.map(({ cells }) => cells)).toEqual([['c0', 'c1', 'c2'], ...written]);
        const breaks = records.map(({ cells }) => cells.join('').split('\n').length);
        const lines = breaks.map((_, index) => breaks.slice(0, index).reduce((sum, count) => sum + count, 1));
        expect(records.map(({ line }) => line)).toEqual(lines);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes a BOM, CRLF, LF between them and a last line without a break', async () => {
    expect(await cellsOf('\ufeffa,b\r\n1,2\n3,"4\r\n5"\r\n6,7')).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4\r\n5'],
      ['6', '7'],
    ]);
  });

  it('leaves empty lines out and counts them', async () => {
    expect((await read('a,b\n\n\r\n1,2\n\n')).records).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 4, cells: ['1', '2'] },
    ]);
  });

  it('names the line on which a row begins, after line breaks in quotes', async () => {
    const { records } = await read('a,b\r\n"1\r\n1\n1",2\r\n3,4\r\n');
    expect(records.map(({ line }) => line)).toEqual([1, 2, 5]);
  });

  it('reads nothing from an empty file', async () => {
    expect(await read('')).toEqual({ records: [], error: undefined });
  });

  it.each([
    ['a,b\n1,"x\ny"\n2,"open\n3,4\n', 'Line 4: a quote is opened in this row and never closed; close it.'],
    [
      'a,b\n1,2\n3,"x"y\n',
      'Line 3: a quote stands inside a cell; put the whole cell in quotes and write each quote in it twice, and separate cells by commas.',
    ],
    [
      'a,b\n1,2\n3,4" wide\n',
      'Line 3: a quote stands inside a cell; put the whole cell in quotes and write each quote in it twice, and separate cells by commas.',
    ],
  ])('names the line of a broken quote: %j', async (file, sentence) => {
    const { records, error } = await read(file);
    expect(error).toBe(sentence);
    expect(records.map(({ cells }) => cells[0])).toEqual(['a', '1']);
  });

  it('stops at a quote that would swallow the rest of the file', async () => {
    const file = Buffer.from(`a,b\n1,"${'x,y\n'.repeat(1000)}`);
    const reading = Readable.from(readCsv(cut(file), 1000)).toArray();
    await expect(reading).rejects.toThrow(
      'Line 2: this row is too long; most likely it opens a quote that nothing closes.',
    );
  });

  it.each([1, 2, 3, 7, 65_536])('names the first line that is not UTF-8, in chunks of %i', async (size) => {
    // "한글" in EUC-KR.
    const korean = Buffer.from([0xc7, 0xd1, 0xb1, 0xdb]);
    const file = Buffer.concat([Buffer.from('a,b\n한글,🙂\n"x\ny",2\n1,'), korean, Buffer.from('\n3,4\n')]);
    expect((await read(file, [size])).error).toBe(
      'Line 5: this is not UTF-8. A file in EUC-KR is converted with `iconv -f CP949 -t UTF-8 FILE > NEW-FILE`.',
    );
  });

  it('names the last line where a character is cut off by the end of the file', async () => {
    expect((await read(Buffer.from('a,b\n1,한').subarray(0, -1))).error).toMatch(
      /^Line 2: this is not UTF-8/,
    );
  });

  it('takes the apostrophe of a guarded cell away and leaves every other', async () => {
    expect(await cellsOf("'=1,''=1,'a,'\n")).toEqual([['=1', "'=1", "'a", "'"]]);
  });
});
