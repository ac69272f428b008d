import { FACT_NAMES } from '../calls/call-columns.js';
import type { StoredCall } from '../call-store/calls-table.js';
import { CALL_COLUMNS, type CsvRow } from '../csv/call-row.js';
import type { CsvCell, CsvColumn } from '../csv/write-csv.js';
import type { ShortCall } from './call-log.repository.js';
import { wholeCall } from './call-log.service.js';

/** How rows become lines of a file. */
export interface ExportLayout<Row> {
  readonly columns: readonly CsvColumn<Row>[];
  /** The object of a line of JSONL. */
  readonly object: (row: Row) => object;
}

/** Every column, JSON as its text. */
export const WHOLE: ExportLayout<StoredCall> = {
  columns: FACT_NAMES.map((name) => ({ name, cell: (call) => cellOf(call[name]) })),
  object: wholeCall,
};

/** The seven columns of CSV_LOG. */
export const SEED: ExportLayout<ShortCall> = {
  columns: CALL_COLUMNS.map(({ name, cell }) => ({ name, cell: (call) => cell(csvRowOf(call)) })),
  object: (call) => {
    const row = csvRowOf(call);
    return Object.fromEntries(CALL_COLUMNS.map(({ name, cell }) => [name, cell(row) ?? null]));
  },
};

function cellOf(value: CsvCell | readonly string[]): CsvCell {
  return typeof value === 'object' && value !== null && !(value instanceof Date)
    ? JSON.stringify(value)
    : value;
}

function csvRowOf(call: ShortCall): CsvRow {
  return {
    timestamp: call.started_at,
    message: call.question ?? '',
    promptVersion: call.prompt_version ?? undefined,
    model: call.model_served ?? call.model_asked,
    latencyMs: Math.round(call.total_ms ?? 0),
    totalTokens: call.prompt_tokens + call.completion_tokens,
    provider: call.provider,
  };
}
