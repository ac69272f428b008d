import { escapeLineEnds } from '../common/line-ends.js';
import { csvStream } from '../csv/write-csv.js';
import type { ExportLayout } from './export-layouts.js';

/** What a file is written as. */
type ExportFormat = 'csv' | 'jsonl';

/** Characters after which a piece of the file is handed out. */
const PIECE_CHARACTERS = 65_536;

/** Rows as they are read, a few at a time. */
type Batches<Row> = AsyncGenerator<readonly Row[], void, undefined>;

/**
 * The text of a file in pieces of about 64 KiB; the next batch is read when the last one is handed out. The first one
 * is read at once: rejects with what that throws.
 */
export async function openText<Row>(
  batches: Batches<Row>,
  { columns, object }: ExportLayout<Row>,
  format: ExportFormat,
): Promise<AsyncGenerator<string, void, undefined>> {
  const first = await batches.next();
  const rows = single(first.done ? [] : first.value, batches);
  return format === 'csv' ? csvStream(columns)(rows) : jsonLines(rows, object);
}

async function* single<Row>(
  first: readonly Row[],
  batches: Batches<Row>,
): AsyncGenerator<Row, void, undefined> {
  yield* first;
  for await (const batch of batches) yield* batch;
}

async function* jsonLines<Row>(
  rows: AsyncIterable<Row>,
  object: (row: Row) => object,
): AsyncGenerator<string, void, undefined> {
  let text = '';
  for await (const row of rows) {
    text += `${JSON.stringify(object(row))}\n`;
    if (text.length < PIECE_CHARACTERS) continue;
    yield escapeLineEnds(text);
    text = '';
  }
  if (text) yield escapeLineEnds(text);
}
