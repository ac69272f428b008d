const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** A text's 32-bit hash: FNV-1a over its UTF-16 units, with a last mixing so that every bit of it is usable. */
export function hash(text: string): number {
  let state = OFFSET_BASIS;
  for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), PRIME);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
