import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { CallRow } from '../../call-store/call-row.js';
import { callOf, checkHeader, isTrailer, Tally } from './backup-format.js';
import { LineTooLong, readLines } from './lines.js';
import { fileFault, StoreFault } from './store-fault.js';

/** Rows of a batch at the most. */
const MOST_ROWS = 500;

/** Bytes of lines beyond which a batch gets no further row. */
const MOST_BYTES = 8_388_608;

/** What zlib says where gzip's own checksum is not that of what was unpacked. */
const GZIP_MISMATCH = /^incorrect (data|length) check$/;

/**
 * The calls of a backup, in batches.
 * @throws StoreFault for what is no backup, one of a newer version, and one that is cut or damaged, with the row
 */
export async function* readBackup(
  file: string,
  signal?: AbortSignal,
): AsyncGenerator<readonly CallRow[], void, undefined> {
  const tally = new Tally();
  let batch: CallRow[] = [];
  let bytes = 0;
  let begun = false;
  let whole = false;
  const damaged = (): StoreFault =>
    new StoreFault(`${file} is damaged at row ${tally.rows + 1}: take another backup.`);
  const cutOff = (): StoreFault =>
    new StoreFault(
      `${file} is cut off at row ${tally.rows + 1}: take another backup. Its rows before that are in order.`,
    );
  const mismatched = (): StoreFault =>
    new StoreFault(
      `${file} does not match its checksum: take another backup. Which of its rows are wrong cannot be told.`,
    );
  try {
    for await (const line of readLines(unzipped(file))) {
      if (whole) throw damaged();
      const value = parsed(line);
      if (!begun) {
        checkHeader(value, file);
        begun = true;
      } else if (isTrailer(value)) {
        if (`${line.toString()}\n` !== tally.trailerLine()) throw mismatched();
        whole = true;
        continue;
      } else {
        const row = callOf(value);
        if (!row) throw damaged();
        tally.rows += 1;
        batch.push(row);
        bytes += line.length;
      }
      tally.update(line);
      tally.update('\n');
      if (batch.length < MOST_ROWS && bytes < MOST_BYTES) continue;
      signal?.throwIfAborted();
      yield batch;
      batch = [];
      bytes = 0;
    }
  } catch (error) {
    if (error instanceof LineTooLong) throw damaged();
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw fileFault(error, file);
    if (GZIP_MISMATCH.test(message)) throw mismatched();
    if (!begun) throw new StoreFault(`${file} is no backup of this service's calls.`);
    throw code === 'Z_BUF_ERROR' ? cutOff() : damaged();
  }
  if (!begun) throw new StoreFault(`${file} is no backup of this service's calls.`);
  if (!whole) throw cutOff();
  signal?.throwIfAborted();
  if (batch.length > 0) yield batch;
}

/** Reads a backup to its end, so that nothing is written of one that turns out damaged. */
export async function checkBackup(
  file: string,
  read: (calls: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  for await (const rows of readBackup(file, signal)) read(rows.length);
}

function unzipped(file: string): AsyncIterable<Buffer> {
  // What fails on the way comes out at the end that is read.
  return pipeline(createReadStream(file), createGunzip(), () => undefined);
}

function parsed(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString());
  } catch {
    return undefined;
  }
}
