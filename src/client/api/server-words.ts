import { visible } from '../terminal/visible.js';

/** Characters of a server's own words that are repeated. */
const MAX_QUOTED = 300;

/** One line of a server's words, made safe to show. */
export function quoted(text: string): string {
  const line = visible(text.replaceAll(/\s+/g, ' ').trim());
  return line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line;
}

/** With a full stop, where it ends with nothing of the kind. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
