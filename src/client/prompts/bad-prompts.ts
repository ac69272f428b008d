/** Where something stands in a file, from 1 both. */
export interface Place {
  readonly line: number;
  readonly column?: number;
}

/** What is wrong with prompts that were read. The message is a sentence that goes behind the file's name. */
export class BadPrompts extends Error {
  override readonly name = 'BadPrompts';

  constructor(
    readonly place: Place | undefined,
    sentence: string,
  ) {
    super(`${place ? `, ${inWords(place)}` : ''}: ${sentence}`);
  }
}

function inWords({ line, column }: Place): string {
  return column === undefined ? `line ${line}` : `line ${line}, column ${column}`;
}
