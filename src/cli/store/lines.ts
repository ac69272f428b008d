/** Bytes of a line at the most: four times what the texts of a call can be, and well below what fits a string. */
const MOST_BYTES = 268_435_456;

/** A line that no backup has. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

/**
 * Cuts bytes into lines, without their line feeds; a last one without a line feed is a line too.
 * @throws LineTooLong
 */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let begun: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...begun, chunk.subarray(start, end)]);
      begun = [];
      bytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    begun.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > MOST_BYTES) throw new LineTooLong();
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}
