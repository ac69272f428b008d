import type { Context } from '../context.js';
import { wrongUse } from '../faults/fault.js';
import { nameOf } from '../open-input.js';
import { BadPrompts } from '../prompts/bad-prompts.js';
import type { Encoding } from '../prompts/choices.js';
import { parseJson } from '../prompts/parse-json.js';
import { samplingFrom } from '../sampling-flags.js';
import type { StructuredFlags } from './flags.js';
import { readText } from './read-text.js';

type Body = Readonly<Record<string, unknown>>;

/** What a text on the command line begins with that names a file. */
const FILE_MARK = '@';

/**
 * Makes the body of a structured request out of flags, and of the files that they name.
 * @param file the material's, where it was named without a flag
 * @throws ClientFault where something is missing, twice there or not to be read
 */
export async function requestBody(
  flags: StructuredFlags,
  file: string | undefined,
  context: Context,
): Promise<Body> {
  const { encoding = 'utf-8' } = flags;
  const prompt = file === undefined ? flags.prompt : `${FILE_MARK}${file}`;
  if (file !== undefined && flags.prompt !== undefined)
    throw wrongUse('Name the material once: as a file, or with --prompt.');
  checkStandardInput([flags.system, prompt, flags.body && `${FILE_MARK}${flags.body}`]);
  const given = flags.body === undefined ? {} : await readBody(flags.body, encoding, context);
  const body: Body = {
    ...given,
    ...withoutGaps({
      system_prompt: await textOf(flags.system, encoding, context),
      user_prompt: await textOf(prompt, encoding, context),
      pass_mark: flags.passMark,
      ...samplingFrom(flags),
      stream_fields: flags.fields?.map((name) => (name.startsWith('/') ? name : `/${name}`)),
      interview_id: flags.interview,
      turn: flags.turn,
      user_id: flags.user,
      tags: flags.tag,
    }),
  };
  if (body.system_prompt === undefined)
    throw wrongUse('Say what the model is to do: --system "…" or --system @FILE.');
  if (body.user_prompt === undefined)
    throw wrongUse('Give the material: a file, - for standard input, or --prompt "…".');
  return body;
}

/** It can be read once. */
function checkStandardInput(texts: readonly (string | undefined)[]): void {
  if (texts.filter((text) => text === `${FILE_MARK}-`).length > 1)
    throw wrongUse('Only one text can come from standard input: name a file for the other.');
}

/** A text as it is, or that of the file behind an @; two of them stand for one that begins the text. */
async function textOf(
  given: string | undefined,
  encoding: Encoding,
  context: Context,
): Promise<string | undefined> {
  if (!given?.startsWith(FILE_MARK)) return given;
  const rest = given.slice(FILE_MARK.length);
  return rest.startsWith(FILE_MARK) ? rest : readText(rest, encoding, context);
}

async function readBody(place: string, encoding: Encoding, context: Context): Promise<Body> {
  const name = nameOf(place);
  const body = parsed(await readText(place, encoding, context), name);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body;
  throw wrongUse(
    `${name}: this is JSON but no object; a request is {"system_prompt": "…", "user_prompt": "…"}.`,
  );
}

function parsed(json: string, name: string): unknown {
  try {
    return parseJson(json, { line: 1, column: 1 });
  } catch (error) {
    if (error instanceof BadPrompts) throw wrongUse(`${name}${error.message}`, { cause: error });
    throw error;
  }
}

function withoutGaps(values: Body): Body {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
