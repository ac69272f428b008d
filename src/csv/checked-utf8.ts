import { isUtf8 } from 'node:buffer';
import { NotUtf8 } from './csv-input-error.js';

const LINE_FEED = 0x0a;

/** Passes bytes on in whole characters. Throws `NotUtf8` at the first line that is not UTF-8. */
export async function* checkedUtf8(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  let line = 1;
  let cut: Uint8Array = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([cut, chunk]);
    const end = endOfWholeCharacters(bytes);
    const whole = bytes.subarray(0, end);
    if (!isUtf8(whole)) throw new NotUtf8(line + lineFeedsBeforeFault(whole));
    line += countLineFeeds(whole);
    cut = bytes.subarray(end);
    yield whole;
  }
  if (cut.length > 0) throw new NotUtf8(line);
}

/** Where a character begins that the next chunk completes; else the length. */
function endOfWholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes.readUInt8(bytes.length - back);
    const continues = byte >= 0x80 && byte < 0xc0;
    if (!continues) return characterLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Bytes of the character that begins with this one. */
function characterLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}

function countLineFeeds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) count++;
  return count;
}

/** No character of UTF-8 holds a line feed in its bytes, so each line can be judged alone. */
function lineFeedsBeforeFault(bytes: Buffer): number {
  let count = 0;
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return count;
    count++;
    start = end + 1;
  }
}
