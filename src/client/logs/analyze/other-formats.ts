import { CsvInputError } from '../../../csv/csv-input-error.js';

/** What files begin with that are taken for CSV by mistake, and what to do with them. */
const OTHERS = [
  {
    begins: Buffer.from([0x1f, 0x8b]),
    sentence: 'this is gzip: unpack it first, `gunzip -c FILE | npm run client -- logs analyze -`.',
  },
  {
    begins: Buffer.from('{'),
    sentence: 'these are JSON lines: export the log with --format csv --columns seed.',
  },
  { begins: Buffer.from('['), sentence: 'this is JSON: export the log with --format csv --columns seed.' },
];

/**
 * Passes a file on.
 * @throws CsvInputError where its first bytes are those of another format
 */
export async function* refuseOtherFormats(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of bytes) {
    const other = isFirst
      ? OTHERS.find(({ begins }) => begins.equals(chunk.subarray(0, begins.length)))
      : undefined;
    if (other) throw new CsvInputError(1, other.sentence);
    isFirst = false;
    yield chunk;
  }
}
