import { BadPrompts, type Place } from './bad-prompts.js';

/**
 * Parses JSON that stands somewhere in a file.
 * @throws BadPrompts naming line and column of the first character that is wrong
 */
export function parseJson(text: string, start: Required<Place>): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const { message } = error as SyntaxError;
    const at = positionIn(message) ?? firstWrong(text);
    throw new BadPrompts(placeAt(text, at, start), `this is not JSON: ${reasonIn(message)}.`);
  }
}

/** Where the character at `at` stands in the file in which the text begins at `start`. */
function placeAt(text: string, at: number, { line, column }: Required<Place>): Place {
  const before = text.slice(0, at).split('\n');
  const last = before.at(-1) ?? '';
  return {
    line: line + before.length - 1,
    column: last.length + (before.length === 1 ? column : 1),
  };
}

/** V8 says the position of most faults. */
function positionIn(message: string): number | undefined {
  const position = / at position (\d+)/.exec(message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** The reason without the position, which is one within the text, and without the text itself. */
function reasonIn(message: string): string {
  const reason = message.replace(/ (in|after) JSON( at position| input).*|, .* is not valid JSON$/s, '');
  return reason.charAt(0).toLowerCase() + reason.slice(1);
}

/** The last character of the shortest beginning that nothing could make JSON any more, found by halving. */
function firstWrong(text: string): number {
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const half = (good + bad) >> 1;
    if (isBeginning(text.slice(0, half))) good = half;
    else bad = half;
  }
  return good;
}

/** Whether all that is wrong with a text is that it ends too early. */
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as SyntaxError;
    return (positionIn(message) ?? (message.startsWith('Unexpected end') ? text.length : -1)) === text.length;
  }
}
