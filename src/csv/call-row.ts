import type { CsvColumn } from './write-csv.js';

/** One chat call as the CSV log tells it. */
export interface CsvRow {
  /** When the call came. */
  readonly timestamp: Date;
  /** What the caller asked, whole. */
  readonly message: string;
  /** Which prompt answered (v1, v2, …), where the caller named one. */
  readonly promptVersion: string | undefined;
  readonly model: string;
  /** Milliseconds from the request to the whole reply. */
  readonly latencyMs: number;
  readonly totalTokens: number;
  /** Whose engine answered: `openai`, `stub` and so on. */
  readonly provider: string;
}

/** The seven columns of a call log in CSV, in their order. Times are UTC in ISO 8601. */
export const CALL_COLUMNS: readonly CsvColumn<CsvRow>[] = [
  { name: 'timestamp', cell: (row) => row.timestamp },
  { name: 'message', cell: (row) => row.message },
  { name: 'prompt_version', cell: (row) => row.promptVersion },
  { name: 'model', cell: (row) => row.model },
  { name: 'latency_ms', cell: (row) => row.latencyMs },
  { name: 'total_tokens', cell: (row) => row.totalTokens },
  { name: 'provider', cell: (row) => row.provider },
];
