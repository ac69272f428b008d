/** What ends a line besides LF and CR for Python's `str.splitlines`, httpx' `iter_lines` and other readers of lines. */
const LINE_ENDS = /[\u0085\u2028\u2029]/g;

/**
 * Escapes in JSON whatever a reader of lines may take for the end of one. JSON has these characters in strings alone,
 * where the escape means the same, so events and several lines of JSON may be handed in at once.
 */
export function escapeLineEnds(json: string): string {
  // A search for one character costs a fifth of a regular expression, and hardly any text has one of them.
  const hasOne = json.includes('\u2028') || json.includes('\u2029') || json.includes('\u0085');
  if (!hasOne) return json;
  return json.replaceAll(LINE_ENDS, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
