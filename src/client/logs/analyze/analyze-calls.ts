import { CsvHeader } from '../../../csv/csv-header.js';
import { CsvInputError } from '../../../csv/csv-input-error.js';
import type { CsvRecord } from '../../../csv/read-csv.js';
import { visible } from '../../terminal/visible.js';
import type { CallAverages, CallStats } from './call-stats.js';

/** Sums over calls that have something in common. */
interface CallSums {
  calls: number;
  /** Milliseconds of all of them together. */
  latencyMs: number;
  tokens: number;
}

/** Different texts of one column: with more of them it is most likely the wrong column, and memory has to end somewhere. */
const MAX_GROUPS = 10_000;

/** Characters of a prompt version or model. */
const MAX_NAME_LENGTH = 256;

const NEEDED = ['prompt_version', 'model', 'latency_ms', 'total_tokens'] as const;

const NUMBER = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Adds up a log of calls, header first, in memory that depends on the groups alone. Throws a `CsvInputError`. */
export async function analyzeCalls(batches: AsyncIterable<readonly CsvRecord[]>): Promise<CallStats> {
  const byPromptVersion = new Groups('prompt_version');
  const byModel = new Groups('model');
  let needed: NeededCells | undefined;
  let calls = 0;
  for await (const batch of batches) {
    for (const record of batch) {
      if (!needed) {
        needed = new NeededCells(record);
        continue;
      }
      const [promptVersion, model, latency, tokens] = needed.of(record);
      const latencyMs = numberIn('latency_ms', latency, record);
      const totalTokens = numberIn('total_tokens', tokens, record);
      byPromptVersion.add(promptVersion, latencyMs, totalTokens, record);
      byModel.add(model, latencyMs, totalTokens, record);
      calls++;
    }
  }
  if (!needed)
    throw new CsvInputError(1, `the file is empty; it must begin with the columns ${NEEDED.join(', ')}.`);
  if (calls === 0) throw new CsvInputError(2, 'there is a header but no call yet.');
  return { byPromptVersion: byPromptVersion.averages(), byModel: byModel.averages() };
}

/** Finds in each row the cells that are needed, in the order of `NEEDED`. */
class NeededCells {
  readonly #header: CsvHeader;
  readonly #at: readonly number[];

  constructor(first: CsvRecord) {
    const advice = first.cells.includes('model_asked')
      ? 'This is an export with all columns: export it with --columns seed.'
      : 'A call log names its columns in its first line, separated by commas.';
    this.#header = new CsvHeader(first, NEEDED, advice);
    this.#at = NEEDED.map((name) => this.#header.names.indexOf(name));
  }

  of(record: CsvRecord): [string, string, string, string] {
    const cells = this.#header.cellsOf(record);
    const [version = 0, model = 0, latency = 0, tokens = 0] = this.#at;
    return [cells[version] ?? '', cells[model] ?? '', cells[latency] ?? '', cells[tokens] ?? ''];
  }
}

class Groups {
  readonly #sums = new Map<string, CallSums>();

  constructor(private readonly column: string) {}

  add(name: string, latencyMs: number, tokens: number, { line }: CsvRecord): void {
    const sums = this.#sums.get(name) ?? this.#begin(name, line);
    sums.calls++;
    sums.latencyMs += latencyMs;
    sums.tokens += tokens;
  }

  averages(): CallAverages[] {
    return [...this.#sums].map(([name, { calls, latencyMs, tokens }]) => ({
      name,
      calls,
      latencyMs: latencyMs / calls,
      tokens: tokens / calls,
    }));
  }

  #begin(name: string, line: number): CallSums {
    if (name.length > MAX_NAME_LENGTH) {
      throw new CsvInputError(
        line,
        `${this.column} has ${name.length} characters, at most ${MAX_NAME_LENGTH} are a name.`,
      );
    }
    if (this.#sums.size >= MAX_GROUPS) {
      throw new CsvInputError(
        line,
        `${this.column} has more than ${MAX_GROUPS} different values; is it the right column?`,
      );
    }
    const sums = { calls: 0, latencyMs: 0, tokens: 0 };
    this.#sums.set(name, sums);
    return sums;
  }
}

function numberIn(column: string, cell: string, { line }: CsvRecord): number {
  const text = cell.trim();
  const number = Number(text);
  if (NUMBER.test(text) && Number.isFinite(number)) return number;
  const shown = visible(cell.slice(0, 40));
  throw new CsvInputError(
    line,
    `${column} is "${shown}"; it must be a number from 0. Correct or remove the row.`,
  );
}
