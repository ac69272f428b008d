import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { CallRow } from '../../call-store/call-row.js';
import { isMissing } from '../../database/embedded/files.js';
import { syncFolder } from '../../database/sync-folder.js';
import { callLine, headerLine, Tally } from './backup-format.js';
import { fileFault, StoreFault } from './store-fault.js';

/** Characters that are compressed at once. */
const CHUNK = 1_048_576;

/**
 * Writes calls into a file that only this user may read. Under its name there is a whole backup or what was there before.
 * @param wrote is told how many calls a batch had
 * @throws StoreFault
 */
export async function writeBackup(
  file: string,
  batches: AsyncIterable<readonly CallRow[]>,
  wrote: (calls: number) => void,
): Promise<void> {
  const unfinished = `${file}.unfinished-${process.pid}`;
  try {
    await checkPlace(file);
    await rm(unfinished, { force: true });
    const output = createWriteStream(unfinished, { flags: 'wx', mode: 0o600, flush: true });
    await pipeline(lines(batches, wrote), createGzip(), output);
    await rename(unfinished, file);
    await syncFolder(dirname(resolve(file)));
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw fileFault(error, file);
  }
}

/** What is no file, such as /dev/null, must not be replaced by one. */
async function checkPlace(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found && !found.isFile()) throw new StoreFault(`${file}: this is no file; name another one.`);
}

async function* lines(
  batches: AsyncIterable<readonly CallRow[]>,
  wrote: (calls: number) => void,
): AsyncGenerator<string, void, undefined> {
  const tally = new Tally();
  let text = headerLine();
  for await (const rows of batches) {
    for (const row of rows) {
      text += callLine(row);
      tally.rows += 1;
      if (text.length < CHUNK) continue;
      tally.update(text);
      yield text;
      text = '';
    }
    wrote(rows.length);
  }
  tally.update(text);
  yield text + tally.trailerLine();
}
