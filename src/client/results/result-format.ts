import { extname } from 'node:path';
import { escapeLineEnds } from '../../common/line-ends.js';
import { csvHeader, csvLine, type CsvColumn } from '../../csv/write-csv.js';
import type { RequestResult } from '../api/generation.js';
import { wrongUse } from '../faults/fault.js';

/** How results are written to a file. */
export const RESULT_FORMATS = ['json', 'jsonl', 'csv'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** What stands around the results of a file, and how one of them is written. */
export interface ResultLayout {
  /** What a file begins with, and what stands before the first result and before every other. */
  readonly head: string;
  readonly beforeFirst: string;
  readonly between: string;
  /** What ends a file; the next result takes its place. */
  readonly tail: string;
  /** What ends a file without any result. */
  readonly emptyTail: string;
  line(result: RequestResult): string;
}

/** The fields of a result, in their order. */
const FIELDS = [
  'index',
  'repeat',
  'id',
  'prompt',
  'success',
  'response',
  'error',
  'error_code',
  'model',
  'latency_ms',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'finish_reason',
  'call_id',
  'attempts',
  'timestamp',
] as const satisfies readonly (keyof RequestResult)[];

export const RESULT_COLUMNS: readonly CsvColumn<RequestResult>[] = FIELDS.map((name) => ({
  name,
  cell: (result) => result[name],
}));

/** One result a line, in all of them. JSON is an array that is whole after each result. */
export const LAYOUTS: Readonly<Record<ResultFormat, ResultLayout>> = {
  json: {
    head: '[',
    beforeFirst: '\n',
    between: ',\n',
    tail: '\n]\n',
    emptyTail: '\n]\n',
    line: jsonLine,
  },
  jsonl: {
    head: '',
    beforeFirst: '',
    between: '\n',
    tail: '\n',
    emptyTail: '',
    line: jsonLine,
  },
  csv: {
    head: withoutLineFeed(csvHeader(RESULT_COLUMNS)),
    beforeFirst: '\n',
    between: '\n',
    tail: '\n',
    emptyTail: '\n',
    line: (result) => withoutLineFeed(csvLine(RESULT_COLUMNS, result)),
  },
};

/**
 * The format that the name of a file of results says.
 * @throws ClientFault where it says none
 */
export function resultFormatOf(path: string): ResultFormat {
  const extension = extname(path).slice(1).toLowerCase();
  const format = RESULT_FORMATS.find((one) => one === extension);
  if (format) return format;
  throw wrongUse(
    `The name ${path} does not say how results are to be written; let it end with .json, .jsonl or .csv.`,
  );
}

function jsonLine(result: RequestResult): string {
  return escapeLineEnds(JSON.stringify(result));
}

function withoutLineFeed(line: string): string {
  return line.slice(0, -1);
}
