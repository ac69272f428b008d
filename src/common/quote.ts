/** Characters of a caller's text that a message repeats: more only makes the message unreadable, and a reply large. */
const MAX_QUOTED = 200;

/** A caller's text, for instance the name of a field, as a message repeats it. */
export function quote(text: string): string {
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED).toWellFormed()}…`;
}

/** A JSON pointer whose names are a caller's, as a message repeats it. */
export function quotePointer(path: string): string {
  return path.length <= MAX_QUOTED ? path : path.split('/').map(quote).join('/');
}
