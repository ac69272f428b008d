/** What is wrong with a CSV that was read. The message is a sentence that names the line. */
export class CsvInputError extends Error {
  override readonly name = 'CsvInputError';

  constructor(
    /** Counted from 1; a row that spans several lines is named by its first. */
    readonly line: number,
    sentence: string,
  ) {
    super(`Line ${line}: ${sentence}`);
  }
}
