import iconv from 'iconv-lite';
import { checkedUtf8 } from '../../csv/checked-utf8.js';
import { NotUtf8 } from '../../csv/csv-input-error.js';
import { BadPrompts } from './bad-prompts.js';
import type { Encoding } from './choices.js';

/** The first bytes of a text that says itself how it is encoded. */
const BYTE_ORDER_MARKS: readonly { readonly encoding: Encoding; readonly bytes: Buffer }[] = [
  { encoding: 'utf-8', bytes: Buffer.from([0xef, 0xbb, 0xbf]) },
  { encoding: 'utf-16le', bytes: Buffer.from([0xff, 0xfe]) },
  { encoding: 'utf-16be', bytes: Buffer.from([0xfe, 0xff]) },
];

const LONGEST_MARK = 3;

/** What a decoder writes where bytes mean nothing. */
const REPLACEMENT = '\ufffd';

/** Of a file whose encoding can be named. */
export const NOT_UTF8 = 'this is not UTF-8. If it is an old Korean file, say --encoding euc-kr.';
const NOT_TEXT =
  'this holds a NUL, so it is no text in this encoding. If it is UTF-16, say --encoding utf-16le; if it is no text, name another file.';

/**
 * Decodes a file, piece by piece. A byte order mark is believed before `encoding`, and left out.
 * @throws BadPrompts naming the first line that is not in the encoding
 */
export async function* decodeText(
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<string, void, undefined> {
  const { first, rest } = await beginning(chunks);
  const mark = BYTE_ORDER_MARKS.find(({ bytes }) => bytes.equals(first.subarray(0, bytes.length)));
  const bytes = withFirst(first.subarray(mark?.bytes.length ?? 0), rest);
  let line = 1;
  for await (const text of decoded(bytes, mark?.encoding ?? encoding)) {
    const nul = text.indexOf('\0');
    if (nul >= 0) throw new BadPrompts({ line: line + lineBreaks(text.slice(0, nul)) }, NOT_TEXT);
    line += lineBreaks(text);
    yield text;
  }
}

/** As many chunks as a byte order mark needs, as one, and the others. */
async function beginning(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ first: Buffer; rest: AsyncIterator<Uint8Array> }> {
  const rest = chunks[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  while (first.length < LONGEST_MARK) {
    const next = await rest.next();
    if (next.done) break;
    first = Buffer.concat([first, next.value]);
  }
  return { first, rest };
}

async function* withFirst(first: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function decoded(bytes: AsyncIterable<Uint8Array>, encoding: Encoding): AsyncGenerator<string> {
  if (encoding === 'utf-8') return decodedUtf8(bytes);
  const decoder = encoding.startsWith('utf') ? utf16Decoder(encoding) : koreanDecoder();
  return decodedBy(decoder, bytes, encoding);
}

async function* decodedUtf8(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  try {
    for await (const whole of checkedUtf8(bytes)) yield whole.toString();
  } catch (error) {
    if (error instanceof NotUtf8) throw new BadPrompts({ line: error.line }, NOT_UTF8);
    throw error;
  }
}

interface Decoder {
  decode(bytes: Uint8Array): string;
  end(): string;
}

function utf16Decoder(encoding: Encoding): Decoder {
  const decoder = new TextDecoder(encoding);
  return { decode: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
}

/** Node's own TextDecoder reads the syllables that Microsoft added to EUC-KR as other characters, without a word. */
function koreanDecoder(): Decoder {
  const decoder = iconv.getDecoder('cp949');
  return { decode: (bytes) => decoder.write(Buffer.from(bytes)), end: () => decoder.end() ?? '' };
}

/** A file that holds U+FFFD itself has been through a wrong decoding before: it is refused as well. */
async function* decodedBy(
  decoder: Decoder,
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<string> {
  let line = 1;
  const checked = (text: string): string => {
    const bad = text.indexOf(REPLACEMENT);
    const sentence = `this is not ${encoding}; leave --encoding out if the file is UTF-8.`;
    if (bad >= 0) throw new BadPrompts({ line: line + lineBreaks(text.slice(0, bad)) }, sentence);
    line += lineBreaks(text);
    return text;
  };
  for await (const chunk of chunks) yield checked(decoder.decode(chunk));
  yield checked(decoder.end());
}

/** Line feeds in a text. */
function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
