import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type ClientFault, wrongUse } from '../faults/fault.js';
import { type ResultFormat, resultFormatOf } from './result-format.js';
import { writeFault } from '../faults/write-fault.js';

/** Where results go. */
export interface ResultTarget {
  readonly path: string;
  readonly format: ResultFormat;
  /** Whether there is such a file already, and whether it has results. */
  readonly isThere: boolean;
  readonly hasResults: boolean;
}

/**
 * Looks whether results can be written there, and writes nothing.
 * @throws ClientFault where they cannot, or where it would cost another run's results
 */
export async function resultTarget(path: string, resumes: boolean): Promise<ResultTarget> {
  const format = resultFormatOf(path);
  const size = await sizeOf(path);
  if (!resumes && size !== undefined) throw alreadyThere(path);
  try {
    if (size !== undefined) await access(path, constants.R_OK | constants.W_OK);
    // The file is put in order through a second one beside it.
    await access(dirname(path), constants.W_OK);
  } catch (error) {
    throw writeFault(error, path, 2);
  }
  return { path, format, isThere: size !== undefined, hasResults: size !== undefined && size > 0 };
}

/** Of results that a run of its own has. */
export function alreadyThere(path: string): ClientFault {
  return wrongUse(
    `${path} is there already and is not overwritten: go on with it by --resume ${path}, or name another file.`,
  );
}

/** Bytes of a file; undefined where there is none. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw wrongUse(`${path} is a folder; name a file in it for the results.`);
    return found.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw writeFault(error, path, 2);
  }
}
