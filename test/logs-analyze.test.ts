import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { analyzeCalls } from '../src/client/logs/analyze/analyze-calls.js';
import { withProgress } from '../src/client/logs/analyze/progress.js';
import { type Loudness, Terminal } from '../src/client/terminal/terminal.js';
import { CALL_COLUMNS, type CsvRow } from '../src/csv/call-row.js';
import { readCsv } from '../src/csv/read-csv.js';
import { csvHeader, csvLine } from '../src/csv/write-csv.js';
import { type ClientRun, runClientHere } from './support/client.js';

const run = promisify(execFile);

const folder = mkdtempSync(join(tmpdir(), 'analyze-'));
const path = join(folder, 'calls.csv');

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function* bytesOf(input: string | Buffer): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(input);
}

/** Runs the client's `logs` with these arguments and this standard input. */
function logs(args: readonly string[], stdin?: string | Buffer): Promise<ClientRun> {
  return runClientHere(
    ['logs', ...args],
    stdin === undefined ? {} : { stdin: Readable.from(bytesOf(stdin)) },
  );
}

/** Analyses a file with this content. */
function analyze(content: string | Buffer): Promise<ClientRun> {
  writeFileSync(path, content);
  return logs(['analyze', path]);
}

/** The sentence with which a file is refused, without its name. */
async function refusalOf(content: string | Buffer): Promise<string> {
  const { code, stdout, stderr } = await analyze(content);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.startsWith(`${path}: `)).toBe(true);
  return stderr.slice(path.length + 2, -1);
}

const call = (promptVersion: string | undefined, latencyMs: number, totalTokens: number): CsvRow => ({
  timestamp: new Date(0),
  message: 'LLMOps가 뭐야?\n"한 줄로", please',
  promptVersion,
  model: 'gpt-4o-mini-stub',
  latencyMs,
  totalTokens,
  provider: 'stub',
});

const csvOf = (rows: readonly CsvRow[]): string =>
  csvHeader(CALL_COLUMNS) + rows.map((row) => csvLine(CALL_COLUMNS, row)).join('');

/** Eight calls, four with each version: their averages are 106.25 and 148 ms, 144 and 163 tokens. */
const EIGHT_CALLS = csvOf([
  ...[100, 105, 110, 110].map((latency) => call('v1', latency, 144)),
  ...[140, 150, 151, 151].map((latency) => call('v2', latency, 163)),
]);

const EIGHT_CALLS_TABLES = [
  'Prompt version stats:',
  '                calls  avg_latency_ms  avg_tokens',
  'prompt_version                                   ',
  'v1                  4          106.25       144.0',
  'v2                  4          148.00       163.0',
  '',
  'Model stats:',
  '                  calls  avg_latency_ms',
  'model                                  ',
  'gpt-4o-mini-stub      8          127.12',
  '',
].join('\n');

const EIGHT_CALLS_NOTE = '\n8 calls in the file; averages of all of them, answered or not.\n';

const SMALL_HEADER = 'prompt_version,model,latency_ms,total_tokens\n';

describe('logs analyze', () => {
  it('prints a table per prompt version and one per model, as pandas would', async () => {
    expect(await analyze(EIGHT_CALLS)).toEqual({
      code: 0,
      stdout: EIGHT_CALLS_TABLES,
      stderr: EIGHT_CALLS_NOTE,
    });
  });

  it('reads standard input for -', async () => {
    expect(await logs(['analyze', '-'], EIGHT_CALLS)).toEqual({
      code: 0,
      stdout: EIGHT_CALLS_TABLES,
      stderr: EIGHT_CALLS_NOTE,
    });
  });

  it('works as a program of its own', async () => {
    writeFileSync(path, EIGHT_CALLS);
    const start = [resolve('dist/client/main.js'), 'logs'];

    expect(await run(process.execPath, [...start, 'analyze', path])).toEqual({
      stdout: EIGHT_CALLS_TABLES,
      stderr: EIGHT_CALLS_NOTE,
    });
    await expect(run(process.execPath, [...start, 'analyze', `${path}.none`])).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: `${path}.none: there is no such file.\n`,
    });
    await expect(run(process.execPath, start)).rejects.toMatchObject({ code: 2, stdout: '' });
  });

  it('says in Korean too what the averages are of, and not at all where it is to be quiet', async () => {
    writeFileSync(path, EIGHT_CALLS);

    expect((await logs(['analyze', path, '--lang', 'ko'])).stderr).toBe(
      '\n파일에 있는 호출 8건. 평균은 실패한 호출까지 포함합니다.\n',
    );
    expect((await logs(['analyze', path, '--quiet'])).stderr).toBe('');
  });

  it('takes a BOM, CRLF, further columns and any order of them', async () => {
    const file =
      '\ufefftotal_tokens,note,model,latency_ms,prompt_version\r\n10,"a\r\nb",m,1.5,v1\r\n20,,m,2.5,v1\r\n';
    expect((await analyze(file)).stdout).toBe(
      [
        'Prompt version stats:',
        '                calls  avg_latency_ms  avg_tokens',
        'prompt_version                                   ',
        'v1                  2             2.0        15.0',
        '',
        'Model stats:',
        '       calls  avg_latency_ms',
        'model                       ',
        'm          2             2.0',
        '',
      ].join('\n'),
    );
  });

  it('sorts by name and puts calls without a version last', async () => {
    const { stdout } = await analyze(csvOf([call(undefined, 1, 1), call('v2', 1, 1), call('v10', 1, 1)]));
    const names = stdout.split('\n').slice(3, 6);
    expect(names.map((row) => row.split(' ')[0])).toEqual(['v10', 'v2', '(none)']);
  });

  it('takes the apostrophe off that kept a version from being a formula', async () => {
    const { stdout } = await analyze(csvOf([call('=v1', 1, 1)]));
    expect(stdout).toContain('\n=v1  ');
  });

  it('lines up names in Korean', async () => {
    const { stdout } = await analyze(csvOf([call('한국어', 1, 1), call('v1', 1, 1)]));
    expect(stdout.split('\n').slice(3, 5)).toEqual([
      'v1                  1             1.0         1.0',
      '한국어              1             1.0         1.0',
    ]);
  });

  it('shows control characters of a name instead of sending them to the terminal', async () => {
    const { stdout } = await analyze(csvOf([call('v1\u001b[2J\nv2\u202e', 1, 1)]));
    expect(stdout).toContain('\nv1\\u001b[2J\\u000av2\\u202e  ');
  });

  it('adds up 300,000 rows that come as a stream', async () => {
    const block = Array.from({ length: 300 }, (_, index) => `v${index % 3},m,${index},7\n`).join('');
    async function* bytes(): AsyncGenerator<Buffer> {
      yield* bytesOf(SMALL_HEADER);
      for (let count = 0; count < 1000; count++) yield Buffer.from(block);
    }

    const { byPromptVersion, byModel } = await analyzeCalls(readCsv(bytes()));

    expect(byPromptVersion).toEqual([
      { name: 'v0', calls: 100_000, latencyMs: 148.5, tokens: 7 },
      { name: 'v1', calls: 100_000, latencyMs: 149.5, tokens: 7 },
      { name: 'v2', calls: 100_000, latencyMs: 150.5, tokens: 7 },
    ]);
    expect(byModel).toEqual([{ name: 'm', calls: 300_000, latencyMs: 149.5, tokens: 7 }]);
  });
});

describe('progress', () => {
  /** What is told while a file of 150 MiB goes by. */
  async function told(isTTY: boolean, loudness: Loudness = 'normal'): Promise<string[]> {
    const heard: string[] = [];
    async function* chunks(): AsyncGenerator<Buffer> {
      const chunk = Buffer.alloc(1_048_576);
      for (let count = 0; count < 150; count++) yield await Promise.resolve(chunk);
    }
    const stderr = { isTTY, write: (text: string): boolean => heard.push(text) > 0 };
    const terminal = new Terminal({ stdin: process.stdin, stdout: stderr, stderr, env: {} }, 'en', loudness);
    let bytes = 0;
    const words = { everyMib: 64, tell: (mib: number) => `${mib} MiB read` };
    for await (const chunk of withProgress(chunks(), terminal, words)) bytes += chunk.length;
    expect(bytes).toBe(150 * 1_048_576);
    return heard;
  }

  it('is told on a terminal and cleared at the end', async () => {
    expect(await told(true)).toEqual(['\r64 MiB read', '\r128 MiB read', '\r\u001b[K']);
  });

  it('is told nowhere else', async () => {
    expect(await told(false)).toEqual([]);
  });

  it('is not told to those who want quiet', async () => {
    expect(await told(true, 'quiet')).toEqual([]);
  });
});

describe('a file that cannot be analysed', () => {
  it('is told to be named with its encoding where it is not UTF-8', async () => {
    const file = Buffer.from(`${SMALL_HEADER}v1,m,1,2\n\xc7\xd1,m,1,2\n`, 'latin1');

    expect(await analyze(file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${path}: Line 3: this is not UTF-8. If it is an old Korean file, say --encoding euc-kr.\n`,
    });
  });

  it.each([
    [
      '',
      'Line 1: the file is empty; it must begin with the columns prompt_version, model, latency_ms, total_tokens.',
    ],
    [csvHeader(CALL_COLUMNS), 'Line 2: there is a header but no call yet.'],
    [
      'timestamp,message,model,latency_ms\n',
      'Line 1: the header has no prompt_version, total_tokens. A call log names its columns in its first line, separated by commas.',
    ],
    [
      'prompt_version;model;latency_ms;total_tokens\nv1;m;1;2\n',
      'Line 1: the cells are separated by semicolons; save the file with commas between them.',
    ],
    [
      'model,prompt_version,model,latency_ms,total_tokens\n',
      'Line 1: the header has model twice; remove one of the two columns.',
    ],
    [
      `${SMALL_HEADER}v1,m,1,2\nv1,m,1\n`,
      'Line 3: the number of cells is 3, that of columns 4. A comma in a text needs quotes around the text.',
    ],
    [
      `${SMALL_HEADER}"v1\n",m,1,2\nv1,m,1,2,3\n`,
      'Line 4: the number of cells is 5, that of columns 4. A comma in a text needs quotes around the text.',
    ],
    [
      `${SMALL_HEADER}v1,m,1,2\nv1,"m,1,2\n`,
      'Line 3: a quote is opened in this row and never closed; close it.',
    ],
    [
      `${SMALL_HEADER}v1,m,fast,2\n`,
      'Line 2: latency_ms is "fast"; it must be a number from 0. Correct or remove the row.',
    ],
    [
      `${SMALL_HEADER}v1,m,1,\n`,
      'Line 2: total_tokens is ""; it must be a number from 0. Correct or remove the row.',
    ],
    [
      `${SMALL_HEADER}v1,m,\u001b[2J,1\n`,
      'Line 2: latency_ms is "\\u001b[2J"; it must be a number from 0. Correct or remove the row.',
    ],
    [
      Buffer.from('1f8b0800', 'hex'),
      'Line 1: this is gzip: unpack it first, `gunzip -c FILE | npm run client -- logs analyze -`.',
    ],
    [
      '{"prompt_version":"v1"}\n',
      'Line 1: these are JSON lines: export the log with --format csv --columns seed.',
    ],
    ['[{"prompt_version":"v1"}]', 'Line 1: this is JSON: export the log with --format csv --columns seed.'],
    [
      'id,prompt_version,model_asked,model_served,total_ms\n',
      'Line 1: the header has no model, latency_ms, total_tokens. This is an export with all columns: export it with --columns seed.',
    ],
    [
      `${SMALL_HEADER}${'v'.repeat(257)},m,1,2\n`,
      'Line 2: prompt_version has 257 characters, at most 256 are a name.',
    ],
    [
      SMALL_HEADER + Array.from({ length: 10_001 }, (_, index) => `v1,m${index},1,2\n`).join(''),
      'Line 10002: model has more than 10000 different values; is it the right column?',
    ],
  ])('is told by a sentence: %#', async (content, sentence) => {
    expect(await refusalOf(content)).toBe(sentence);
  });

  it.each(['-5', 'Infinity', 'NaN', '0x10', '1e999', '1,5', ' '])('has a latency of %j', async (latency) => {
    expect(await refusalOf(`${SMALL_HEADER}v1,m,"${latency}",2\n`)).toMatch(/^Line 2: latency_ms is /);
  });

  it('does not exist', async () => {
    expect(await logs(['analyze', join(folder, 'none.csv')])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${join(folder, 'none.csv')}: there is no such file.\n`,
    });
  });

  it('is a folder', async () => {
    expect(await logs(['analyze', folder])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${folder}: this is a folder; name a file in it.\n`,
    });
  });

  it('is standard input', async () => {
    expect((await logs(['analyze', '-'])).stderr).toMatch(/^Standard input: Line 1: the file is empty/);
  });
});

describe('the use of logs analyze', () => {
  it('refuses a second file', async () => {
    const { code, stdout, stderr } = await logs(['analyze', 'a.csv', 'b.csv']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Too many arguments/);
  });

  it('refuses a period for a file', async () => {
    const { code, stderr } = await logs(['analyze', '--from', '24h', 'a.csv']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: '--from and --to are for the log of the service: a file is analysed as a whole.\n',
    });
  });
});
