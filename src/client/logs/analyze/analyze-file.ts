import { CsvInputError, NotUtf8 } from '../../../csv/csv-input-error.js';
import { readCsv } from '../../../csv/read-csv.js';
import type { Context } from '../../context.js';
import { wrongUse } from '../../faults/fault.js';
import { fileSentence } from '../../faults/file-sentence.js';
import { nameOf, openInput } from '../../open-input.js';
import { BadPrompts } from '../../prompts/bad-prompts.js';
import type { Encoding } from '../../prompts/choices.js';
import { decodeText, NOT_UTF8 } from '../../prompts/decode.js';
import { analyzeCalls } from './analyze-calls.js';
import type { CallStats } from './call-stats.js';
import { refuseOtherFormats } from './other-formats.js';
import { withProgress } from './progress.js';

/** Bytes that are read at once. */
const READ_BYTES = 1_048_576;

/** MiB between two words of progress. */
const STEP_MIB = 64;

/**
 * Reads a call log in CSV of any size in the same memory.
 * @param file its path; `-` is standard input
 * @param encoding its own
 * @throws ClientFault where it cannot be read or is no call log
 */
export async function analyzeFile(
  file: string,
  encoding: Encoding,
  { terminal, stop }: Context,
): Promise<CallStats> {
  const { text, host } = terminal;
  try {
    const input = openInput(file, { stdin: host.stdin, stop, readBytes: READ_BYTES });
    const bytes = withProgress(input, terminal, {
      everyMib: STEP_MIB,
      tell: (mib) => text({ en: `${mib} MiB read`, ko: `${mib} MiB 읽음` }),
    });
    return await analyzeCalls(readCsv(inUtf8(refuseOtherFormats(bytes), encoding)));
  } catch (error) {
    if (error instanceof BadPrompts) throw wrongUse(`${nameOf(file)}${error.message}`, { cause: error });
    const sentence = sentenceOf(error);
    if (sentence === undefined) throw error;
    throw wrongUse(`${nameOf(file)}: ${sentence}`, { cause: error });
  }
}

/** What keeps a file from being analysed; nothing for an error that is not the file's. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof NotUtf8) return `Line ${error.line}: ${NOT_UTF8}`;
  return error instanceof CsvInputError ? error.message : fileSentence(error);
}

async function* inUtf8(
  bytes: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (encoding === 'utf-8') yield* bytes;
  else for await (const text of decodeText(bytes, encoding)) yield Buffer.from(text);
}
