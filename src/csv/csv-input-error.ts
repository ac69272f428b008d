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

/** A line that is not UTF-8. Where an encoding can be named, the reader says so instead. */
export class NotUtf8 extends CsvInputError {
  constructor(line: number) {
    super(
      line,
      'this is not UTF-8. A file in EUC-KR is converted with `iconv -f CP949 -t UTF-8 FILE > NEW-FILE`.',
    );
  }
}
