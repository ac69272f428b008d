import { createReadStream } from 'node:fs';
import { CsvInputError } from '../../csv/csv-input-error.js';
import { readCsv } from '../../csv/read-csv.js';
import { csvHeader, csvLine, type CsvColumn } from '../../csv/write-csv.js';
import { type ClientFault, wrongUse } from '../faults/fault.js';
import { BadPrompts } from '../prompts/bad-prompts.js';
import { linesOf } from '../prompts/lines.js';
import { RESULT_COLUMNS, type ResultFormat } from './result-format.js';

/** A result as an earlier run wrote it. */
export interface WrittenResult {
  readonly index: number;
  readonly repeat: number;
  readonly prompt: string;
  readonly success: boolean;
  readonly response: string | null;
  /** As it stands in the file. */
  readonly line: string;
}

const READ_BYTES = 262_144;
const LINE_FEED = 0x0a;

/**
 * Reads the results of an earlier run. What a crash left half written at the end is left out. Yields what each piece of
 * the file completes.
 * @throws ClientFault where the file holds anything else
 */
export function readResults(
  path: string,
  format: ResultFormat,
): AsyncGenerator<readonly WrittenResult[], void, undefined> {
  return format === 'csv' ? csvResults(path) : jsonResults(path, format === 'json');
}

async function* jsonResults(
  path: string,
  isArray: boolean,
): AsyncGenerator<readonly WrittenResult[], void, undefined> {
  /** A line that could not be read; it may be the last. */
  let broken: number | undefined;
  try {
    for await (const lines of linesOf(decoded(path))) {
      const results: WrittenResult[] = [];
      for (const { line, text } of lines) {
        const json = isArray ? withoutArray(text, line) : text;
        if (json.trim() === '') continue;
        if (broken !== undefined) throw notOurs(path, broken);
        const result = parsed(json);
        if (result) results.push(result);
        else broken = line;
      }
      yield results;
    }
  } catch (error) {
    throw error instanceof BadPrompts ? notOurs(path, error.place?.line ?? 1) : error;
  }
}

/** What a crash cut is no UTF-8 either; it is found out by what it does not say. */
async function* decoded(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }))
    yield decoder.decode(chunk as Buffer, { stream: true });
  yield decoder.decode();
}

/** A line of an array without what belongs to the array. */
function withoutArray(text: string, line: number): string {
  if ((line === 1 && text === '[') || text === ']') return '';
  return text.endsWith(',') ? text.slice(0, -1) : text;
}

function parsed(line: string): WrittenResult | undefined {
  try {
    const { index, repeat, prompt, success, response } = JSON.parse(line) as Record<string, unknown>;
    return checked({ index, repeat, prompt, success, response, line });
  } catch {
    return undefined;
  }
}

function checked(read: Readonly<Record<keyof WrittenResult, unknown>>): WrittenResult | undefined {
  const { index, repeat, prompt, success, response } = read;
  const isOurs =
    isCount(index) &&
    isCount(repeat) &&
    typeof prompt === 'string' &&
    typeof success === 'boolean' &&
    (typeof response === 'string' || response === null);
  return isOurs ? (read as WrittenResult) : undefined;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

const NAMES = RESULT_COLUMNS.map(({ name }) => name);
const HEADER = csvHeader(RESULT_COLUMNS).trimEnd();

/** Columns of rows whose cells are texts already. */
const CELLS: readonly CsvColumn<readonly string[]>[] = NAMES.map((name, at) => ({
  name,
  cell: (cells) => cells[at],
}));

async function* csvResults(path: string): AsyncGenerator<readonly WrittenResult[], void, undefined> {
  const file = new WatchedFile(path);
  let isHeader = true;
  /** A row that is not followed by another yet: it may be cut. */
  let held: { readonly line: number; readonly cells: readonly string[] } | undefined;
  try {
    for await (const records of readCsv(file.chunks())) {
      const rows = [...(held ? [held] : []), ...records];
      if (isHeader && rows.shift()?.cells.join() !== HEADER) throw notOurs(path, 1);
      isHeader = false;
      held = rows.pop();
      yield rows.map((row) => rowResult(row, path));
    }
  } catch (error) {
    if (!(error instanceof CsvInputError)) throw error;
    if (!file.isRead) throw notOurs(path, error.line);
    // What is open where the file ends was cut off there; the row before it is whole.
    if (held) yield [rowResult(held, path)];
    return;
  }
  if (held && file.lastByte === LINE_FEED) yield [rowResult(held, path)];
}

function rowResult(
  { line, cells }: { readonly line: number; readonly cells: readonly string[] },
  path: string,
): WrittenResult {
  const cell = (name: (typeof NAMES)[number]): string => cells[NAMES.indexOf(name)] ?? '';
  const success = { true: true, false: false }[cell('success')];
  const result = checked({
    index: Number(cell('index')),
    repeat: Number(cell('repeat')),
    prompt: cell('prompt'),
    success,
    response: success ? cell('response') : null,
    line: csvLine(CELLS, cells).slice(0, -1),
  });
  if (!result || cells.length !== NAMES.length) throw notOurs(path, line);
  return result;
}

/** The bytes of a file, and what was seen of them. */
class WatchedFile {
  lastByte: number | undefined;
  isRead = false;

  constructor(private readonly path: string) {}

  async *chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(this.path, { highWaterMark: READ_BYTES })) {
      this.lastByte = (chunk as Buffer).at(-1);
      yield chunk as Buffer;
    }
    this.isRead = true;
  }
}

function notOurs(path: string, line: number): ClientFault {
  return wrongUse(
    `${path}, line ${line}: this is no result of an earlier run; give --resume the file that --output made.`,
  );
}
