import { BadPrompts } from './bad-prompts.js';

/** Characters that a prompt may have in a file: what a quote or bracket that is left open may take into memory. */
export const MAX_PROMPT_CHARACTERS = 16 * 1_048_576;

export const TOO_LONG = `this prompt has more than ${MAX_PROMPT_CHARACTERS} characters; most likely a line break, a quote or a bracket is missing.`;

/** A line and where it stands. */
export interface Line {
  readonly line: number;
  readonly text: string;
}

/** Cuts a text into lines, without the LF or CRLF that ends them. Yields what each piece completes. */
export async function* linesOf(
  texts: AsyncIterable<string>,
): AsyncGenerator<readonly Line[], void, undefined> {
  let line = 1;
  let rest = '';
  for await (const text of texts) {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    if (parts.length > 0) yield parts.map((part) => ({ line: line++, text: withoutReturn(part) }));
    if (rest.length > MAX_PROMPT_CHARACTERS) throw new BadPrompts({ line }, TOO_LONG);
  }
  if (rest !== '') yield [{ line, text: withoutReturn(rest) }];
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
