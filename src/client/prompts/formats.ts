import { extname } from 'node:path';
import { CR_ALONE, CsvHeader } from '../../csv/csv-header.js';
import { CsvInputError } from '../../csv/csv-input-error.js';
import { type CsvRecord, readCsv } from '../../csv/read-csv.js';
import { wrongUse } from '../faults/fault.js';
import { BadPrompts, type Place } from './bad-prompts.js';
import { PROMPT_FORMATS, type PromptFormat } from './choices.js';
import { jsonElements } from './json-elements.js';
import { linesOf, MAX_PROMPT_CHARACTERS } from './lines.js';
import { parseJson } from './parse-json.js';
import { BadPrompt, readPrompt, type ReadPrompt, readRow } from './read-prompt.js';

/** Reads what a file's text says. Yields what each piece of it completes. */
type FormatReader = (texts: AsyncIterable<string>) => AsyncGenerator<readonly ReadPrompt[], void, undefined>;

export const READERS: Readonly<Record<PromptFormat, FormatReader>> = {
  txt: txtPrompts,
  json: jsonPrompts,
  jsonl: jsonLinePrompts,
  csv: csvPrompts,
};

/** Where an array stands inside an object, the file is held whole: characters that it may have. */
const MAX_OBJECT_CHARACTERS = 4 * MAX_PROMPT_CHARACTERS;

/**
 * The format that a file's name says; one that says nothing is text.
 * @throws ClientFault for a table whose header and cells would be asked as prompts
 */
export function formatOf(path: string): PromptFormat {
  const extension = extname(path).slice(1).toLowerCase();
  if (extension === 'tsv')
    throw wrongUse(
      `By its name ${path} has tabs between its cells: save it as CSV with commas, or let its name end with .txt if each line is a prompt.`,
    );
  if (extension === 'ndjson') return 'jsonl';
  return PROMPT_FORMATS.find((format) => format === extension) ?? 'txt';
}

/** A prompt a line. Empty lines and comments are left out; a prompt that begins with # is written \#. */
async function* txtPrompts(texts: AsyncIterable<string>): AsyncGenerator<readonly ReadPrompt[]> {
  for await (const lines of linesOf(texts)) {
    const prompts = lines
      .map(({ line, text }) => ({ line, text: text.trim() }))
      .filter(({ text }) => text !== '' && !text.startsWith('#'));
    const uncut = prompts.find(({ text }) => text.includes('\r'));
    if (uncut) throw new BadPrompts({ line: uncut.line }, CR_ALONE);
    yield prompts.map(({ text }) => ({ request: { prompt: text.replace(/^\\#/, '#') }, unused: [] }));
  }
}

async function* jsonLinePrompts(texts: AsyncIterable<string>): AsyncGenerator<readonly ReadPrompt[]> {
  for await (const lines of linesOf(texts)) {
    yield lines
      .filter(({ text }) => text.trim() !== '')
      .map(({ line, text }) => at({ line }, () => readPrompt(parseJson(text, { line, column: 1 }))));
  }
}

/** An array of prompts, or an object that has one under `prompts`. */
async function* jsonPrompts(texts: AsyncIterable<string>): AsyncGenerator<readonly ReadPrompt[]> {
  const { first, all } = await fromFirstCharacter(texts);
  if (first === '{') {
    yield promptsOfObject(await gathered(all));
    return;
  }
  for await (const elements of jsonElements(all)) {
    yield elements.map((element) => at(element, () => readPrompt(parseJson(element.text, element))));
  }
}

/** What the text begins with, white space aside, and the text again. */
async function fromFirstCharacter(
  texts: AsyncIterable<string>,
): Promise<{ first: string; all: AsyncIterable<string> }> {
  const rest = texts[Symbol.asyncIterator]();
  const seen: string[] = [];
  let first = '';
  while (first === '') {
    const next = await rest.next();
    if (next.done) break;
    seen.push(next.value);
    first = next.value.trimStart().charAt(0);
  }
  return { first, all: again(seen, rest) };
}

async function* again(seen: readonly string[], rest: AsyncIterator<string>): AsyncGenerator<string> {
  try {
    yield* seen;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

async function gathered(texts: AsyncIterable<string>): Promise<string> {
  let all = '';
  for await (const text of texts) {
    all += text;
    if (all.length > MAX_OBJECT_CHARACTERS)
      throw new BadPrompts(
        undefined,
        'an object this large is not read; write the array under "prompts" alone, or JSON lines (.jsonl).',
      );
  }
  return all;
}

function promptsOfObject(text: string): ReadPrompt[] {
  const { prompts } = parseJson(text, { line: 1, column: 1 }) as { prompts?: unknown };
  if (!Array.isArray(prompts))
    throw new BadPrompts(
      undefined,
      'a JSON file of prompts is an array, or an object with an array under "prompts"; objects a line are .jsonl.',
    );
  return prompts.map((prompt: unknown, index) => {
    try {
      return readPrompt(prompt);
    } catch (error) {
      if (error instanceof BadPrompt)
        throw new BadPrompts(undefined, `prompt ${index + 1}: ${error.message}`);
      throw error;
    }
  });
}

async function* csvPrompts(texts: AsyncIterable<string>): AsyncGenerator<readonly ReadPrompt[]> {
  let header: CsvHeader | undefined;
  try {
    for await (const records of readCsv(bytesOf(texts))) {
      const prompts: ReadPrompt[] = [];
      for (const record of records) {
        if (header) prompts.push(rowPrompt(header, record));
        else
          header = new CsvHeader(
            record,
            ['prompt'],
            'Name the column with the prompts so, in the first row.',
          );
      }
      yield prompts;
    }
  } catch (error) {
    if (error instanceof CsvInputError)
      throw new BadPrompts({ line: error.line }, error.message.replace(/^Line \d+: /, ''));
    throw error;
  }
}

function rowPrompt(header: CsvHeader, record: CsvRecord): ReadPrompt {
  const cells = header.cellsOf(record);
  return at(record, () => readRow(header.names, cells));
}

async function* bytesOf(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const text of texts) yield Buffer.from(text);
}

/** Reads one prompt; what is wrong with it is said with its place. */
function at(place: Place, read: () => ReadPrompt): ReadPrompt {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadPrompt) throw new BadPrompts({ line: place.line }, error.message);
    throw error;
  }
}
