import { createReadStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { CsvInputError } from '../../csv/csv-input-error.js';
import { readCsv } from '../../csv/read-csv.js';
import { wrongUse } from '../wrong-use.js';
import { analyzeCalls } from './analyze-calls.js';
import { refuseOtherFormats } from './other-formats.js';
import { callTables } from './call-tables.js';
import { type ProgressOutput, withProgress } from './progress.js';

/** What a command reads from and writes to; `process` has it all. */
export interface Terminal {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressOutput;
}

/** 0: done · 1: the file could not be analysed · 2: wrong use. */
export type ExitCode = 0 | 1 | 2;

/** Bytes that are read at once. */
const READ_BYTES = 1_048_576;

const HELP = `Usage: npm run logs -- analyze FILE.csv

Prints calls, average latency and average tokens for each prompt version, and calls and average latency for each
model. FILE.csv is a call log with the columns prompt_version, model, latency_ms and total_tokens, in any order and
among others; - reads standard input. A file of any size is read in the same memory.

  -h, --help   prints this

Exit status: 0 done, 1 the file could not be analysed, 2 wrong use.
`;

/** Runs `logs` with these arguments: tables go to standard output, sentences to standard error. */
export async function runLogs(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const use = readUse(args);
  if (use === 'help') {
    terminal.stdout.write(HELP);
    return 0;
  }
  if ('wrong' in use) {
    terminal.stderr.write(`${use.wrong}\n\n${HELP}`);
    return 2;
  }
  const { file } = use;
  try {
    const bytes = withProgress(open(file, terminal), terminal.stderr);
    terminal.stdout.write(callTables(await analyzeCalls(readCsv(refuseOtherFormats(bytes)))));
    return 0;
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence === undefined) throw error;
    terminal.stderr.write(`${file === '-' ? 'Standard input' : file}: ${sentence}\n`);
    return 1;
  }
}

function readUse(args: readonly string[]): 'help' | { readonly file: string } | { readonly wrong: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (values.help) return 'help';
    const [command, file, ...more] = positionals;
    if (command === undefined) return { wrong: 'Say what to do: analyze.' };
    if (command !== 'analyze') return { wrong: `There is no command ${JSON.stringify(command)}.` };
    if (file === undefined) return { wrong: 'Name the file that is to be analysed.' };
    if (more.length > 0) return { wrong: 'Name one file.' };
    return { file };
  } catch (error) {
    return wrongUse(error);
  }
}

function open(file: string, { stdin }: Terminal): AsyncIterable<Uint8Array> {
  return file === '-' ? stdin : createReadStream(file, { highWaterMark: READ_BYTES });
}

/** What a user can do something about, in a sentence. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CsvInputError) return error.message;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file.';
    case 'EISDIR':
      return 'this is a folder; name a CSV file in it.';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it.';
    default:
      return undefined;
  }
}
