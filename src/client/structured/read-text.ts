import type { Context } from '../context.js';
import { wrongUse } from '../faults/fault.js';
import { fileSentence } from '../faults/file-sentence.js';
import { nameOf, openInput } from '../open-input.js';
import { BadPrompts } from '../prompts/bad-prompts.js';
import type { Encoding } from '../prompts/choices.js';
import { decodeText } from '../prompts/decode.js';

/** Characters of a text: more than the largest body that the service can be set to take. */
const MAX_LENGTH = 64 * 1_048_576;

/**
 * Reads a text that was named on the command line, without the blanks at its end.
 * @param place path of a file; `-` is standard input
 * @throws ClientFault where it cannot be read, is empty, too large or in another encoding
 */
export async function readText(
  place: string,
  encoding: Encoding,
  { terminal, stop }: Pick<Context, 'terminal' | 'stop'>,
): Promise<string> {
  const name = nameOf(place);
  try {
    const input = openInput(place, { stdin: terminal.host.stdin, stop });
    const text = await textOf(decodeText(input, encoding));
    if (text === undefined) throw wrongUse(`${name} is too large for a prompt: shorten it.`);
    if (text.trim() === '') throw wrongUse(`${name} is empty: put the text into it.`);
    return text.trimEnd();
  } catch (error) {
    if (error instanceof BadPrompts) throw wrongUse(`${name}${error.message}`, { cause: error });
    const sentence = fileSentence(error);
    if (sentence === undefined) throw error;
    throw wrongUse(`${name}: ${sentence}`, { cause: error });
  }
}

/** @returns nothing for one that is too large */
async function textOf(pieces: AsyncIterable<string>): Promise<string | undefined> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length > MAX_LENGTH) return undefined;
  }
  return text;
}
