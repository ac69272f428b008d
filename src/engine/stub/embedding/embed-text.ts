import { hash } from '../hash.js';

const WORD = /[\p{L}\p{N}]+/gu;

/** The lengths, in characters, of the pieces of a word: they let inflected forms and slips of the pen meet. */
const PIECE_LENGTHS = [2, 3];

/** In bytes of UTF-8, of which Hangul takes three a syllable. Short words are the common ones and weigh less. */
const BYTES_OF_WEIGHT_ONE = 4;

/**
 * A text as a vector of length 1, the same for the same text. The pieces of its words are its features; each adds its
 * weight at a place that its hash names, with a sign that the hash names too, so that features which share a place
 * cancel out on average. The inner product of two vectors is near 1 for texts of the same words and near 0 for texts
 * that share none; of meaning it knows nothing.
 */
export function embedText(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const [feature, weight] of featuresOf(text)) {
    const bits = hash(feature);
    const place = (bits >>> 1) % dimensions;
    const before = vector[place] ?? 0;
    // A word that is there twice counts for more, but not for twice as much.
    vector[place] = before + (bits & 1 ? 1 : -1) * Math.sqrt(weight);
  }
  const length = Math.hypot(...vector);
  // In few dimensions everything may cancel out.
  if (length === 0) vector[0] = 1;
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** The features of a text, which are the pieces of its words, and what they weigh: a word's weight is shared out. */
function featuresOf(text: string): Map<string, number> {
  const features = new Map<string, number>();
  const plain = text.normalize('NFKC').toLowerCase();
  for (const word of plain.match(WORD) ?? [plain]) {
    const pieces = piecesOf(word);
    const weight = Buffer.byteLength(word) / BYTES_OF_WEIGHT_ONE / pieces.length;
    for (const piece of pieces) features.set(piece, (features.get(piece) ?? 0) + weight);
  }
  return features;
}

/** The pieces of a word between marks of its ends, and the whole: `^a`, `ab`, `b$`, `^ab`, `ab$` and `^ab$` of `ab`. */
function piecesOf(word: string): string[] {
  const marked = ['^', ...Array.from(word), '$'];
  const pieces = PIECE_LENGTHS.flatMap((length) =>
    Array.from({ length: marked.length - length + 1 }, (_, start) =>
      marked.slice(start, start + length).join(''),
    ),
  );
  return [...new Set([...pieces, marked.join('')])];
}
