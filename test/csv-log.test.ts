import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { CsvLog } from '../src/call-store/csv-log.js';
import type { CsvRow } from '../src/csv/call-row.js';

const HEADER = 'timestamp,message,prompt_version,model,latency_ms,total_tokens,provider\n';
const MIB = 1_048_576;

const root = mkdtempSync(join(tmpdir(), 'csv-log-'));
let path = '';
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(root, 'test-'));
  path = join(folder, 'logs', 'llm_responses.csv');
});

afterEach(() => {
  jest.restoreAllMocks();
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

const row = (message: string): CsvRow => ({
  timestamp: new Date(0),
  message,
  promptVersion: 'v1',
  model: 'm',
  latencyMs: 12.5,
  totalTokens: 3,
  provider: 'stub',
});

const line = (message: string): string => `1970-01-01T00:00:00.000Z,${message},v1,m,12.5,3,stub\n`;

const fileText = (name = path): string => readFileSync(name, 'utf8');

/** Appends these messages with a log of their own, and waits until they are in the file. */
async function logged(messages: readonly string[], maxBytes = MIB): Promise<CsvLog> {
  const log = new CsvLog({ path, maxBytes });
  for (const message of messages) log.append(row(message));
  await log.close();
  return log;
}

/** What the log complains about from now on. */
function complaints(): unknown[] {
  const heard: unknown[] = [];
  jest.spyOn(Logger.prototype, 'error').mockImplementation((entry: unknown) => {
    heard.push(entry);
  });
  return heard;
}

describe('the CSV log', () => {
  it('makes the folder and the file, with a header and a line per call in their order', async () => {
    const messages = Array.from({ length: 500 }, (_, index) => `question ${index}`);
    const log = await logged(messages);

    expect(fileText()).toBe(HEADER + messages.map(line).join(''));
    expect(log.lost).toBe(0);
  });

  it('writes while calls come, not only at the end', async () => {
    const log = new CsvLog({ path, maxBytes: MIB });
    log.append(row('first'));
    while (!existsSync(path) || fileText() !== HEADER + line('first')) await new Promise(setImmediate);
    log.append(row('second'));
    await log.close();

    expect(fileText()).toBe(HEADER + line('first') + line('second'));
  });

  it('goes on with the file of an earlier run', async () => {
    await logged(['a']);
    await logged(['b']);

    expect(fileText()).toBe(HEADER + line('a') + line('b'));
  });

  it('gives an empty file its header', async () => {
    mkdirSync(join(folder, 'logs'));
    writeFileSync(path, '');
    await logged(['a']);

    expect(fileText()).toBe(HEADER + line('a'));
  });

  it('is readable for its owner alone', async () => {
    await logged(['a']);

    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['has other columns', 'timestamp,message\n'],
    ['ends in the middle of a line', `${HEADER}1970-01-01T00:00:00.000Z,"half a`],
  ])('puts a file aside that %s', async (_, before) => {
    mkdirSync(join(folder, 'logs'));
    writeFileSync(path, before);
    await logged(['a']);

    expect(fileText(`${path}.1`)).toBe(before);
    expect(fileText()).toBe(HEADER + line('a'));
  });

  it('puts the file aside before it grows beyond its size, and keeps five', async () => {
    const twoLines = HEADER.length + 2 * line('00').length;
    const messages = Array.from({ length: 20 }, (_, index) => String(index).padStart(2, '0'));
    await logged(messages, twoLines);

    const pairs = ['', '.1', '.2', '.3', '.4', '.5'].map((end) => fileText(path + end));
    const expected = [18, 16, 14, 12, 10, 8].map(
      (first) => HEADER + line(messages[first] ?? '') + line(messages[first + 1] ?? ''),
    );
    expect(pairs).toEqual(expected);
    expect(readdirSync(join(folder, 'logs'))).toHaveLength(6);
  });

  it('gives a line that is longer than a file a file of its own', async () => {
    const long = 'x'.repeat(5000);
    await logged(['a', long, 'b'], 1000);

    expect(fileText(`${path}.2`)).toBe(HEADER + line('a'));
    expect(fileText(`${path}.1`)).toBe(HEADER + line(long));
    expect(fileText()).toBe(HEADER + line('b'));
  });

  it('begins anew where the file was taken away', async () => {
    const log = new CsvLog({ path, maxBytes: MIB });
    log.append(row('a'));
    while (!existsSync(path) || fileText() !== HEADER + line('a')) await new Promise(setImmediate);
    rmSync(path);
    log.append(row('b'));
    await log.close();

    expect(fileText()).toBe(HEADER + line('b'));
  });

  it('counts what it cannot write and says so at once, and at its end', async () => {
    const heard = complaints();
    mkdirSync(path, { recursive: true });
    const log = new CsvLog({ path, maxBytes: MIB });
    log.append(row('a'));
    while (log.lost === 0) await new Promise(setImmediate);
    for (const message of ['b', 'c']) log.append(row(message));
    await log.close();

    expect(log.lost).toBe(3);
    const complaint = {
      message: 'rows are missing in the CSV log: see to its folder, its rights and the free space',
      path,
      reason: expect.stringContaining('EISDIR'),
    };
    expect(heard).toEqual([
      { ...complaint, lost: 1 },
      { ...complaint, lost: 3 },
    ]);
  });

  it('complains again after a minute', async () => {
    const heard = complaints();
    const log = await logged([]);
    jest.useFakeTimers();
    for (const message of ['a', 'b', 'c']) log.append(row(message));
    jest.advanceTimersByTime(59_999);
    const early = [...heard];
    jest.advanceTimersByTime(1);
    jest.useRealTimers();

    expect(early).toEqual([expect.objectContaining({ reason: 'it is closed', lost: 1 })]);
    expect(heard).toEqual([...early, expect.objectContaining({ lost: 3 })]);
  });

  it('goes on once the file can be written again', async () => {
    complaints();
    mkdirSync(path, { recursive: true });
    const log = new CsvLog({ path, maxBytes: MIB });
    log.append(row('lost'));
    while (log.lost === 0) await new Promise(setImmediate);
    rmSync(path, { recursive: true });
    log.append(row('kept'));
    await log.close();

    expect(fileText()).toBe(HEADER + line('kept'));
  });

  it('holds a bounded amount for a disk that does not keep up', async () => {
    const heard = complaints();
    // All in one turn of the event loop: nothing of it can be written meanwhile.
    const log = await logged(
      Array.from({ length: 20 }, () => 'x'.repeat(MIB)),
      100 * MIB,
    );

    expect(log.lost).toBe(5);
    expect(heard).toEqual(
      [1, 5].map((lost) => expect.objectContaining({ reason: 'the disk does not keep up', lost })),
    );
    expect(fileText().split('\n')).toHaveLength(1 + 15 + 1);
  });

  it('takes a single line of any length', async () => {
    const log = await logged(['x'.repeat(17 * MIB)]);

    expect(log.lost).toBe(0);
    expect(statSync(path).size).toBe(HEADER.length + line('').length + 17 * MIB);
  });
});
