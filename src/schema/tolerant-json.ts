/**
 * Takes off what models put around or into an otherwise whole JSON text: a byte order mark, a Markdown fence around it,
 * raw control characters inside its strings. What the JSON says stays as it is: line breaks and tabs are escaped, other
 * control characters (noise of a grammar that admits them) are dropped. Nothing is completed, cut out of prose, or
 * guessed.
 */
export function stripWrapping(text: string): string {
  const bare = text.replace(/^\uFEFF/, '').trim();
  return escapeControlCharacters(withoutFence(bare));
}

/** The beginning of a fence with JSON's names for its language, on a line of its own or right before a bracket. */
const FENCE = /^(`{3,}|~{3,})[ \t]*(?:json[\w-]*|javascript|js)?[ \t]*(?:\r?\n|(?=[[{]))/i;

function withoutFence(text: string): string {
  const [beginning, fence = ''] = FENCE.exec(text) ?? [''];
  const isClosed = fence !== '' && text.endsWith(fence) && text.length >= beginning.length + fence.length;
  return isClosed ? text.slice(beginning.length, -fence.length).trim() : text;
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One pass by hand: a regular expression over an unclosed string would try every quote as its start. */
function escapeControlCharacters(text: string): string {
  let out = '';
  let copied = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') inString = !inString;
    else if (inString && character === '\\') at++;
    else if (inString && character < ' ') {
      out += text.slice(copied, at) + (ESCAPES[character] ?? '');
      copied = at + 1;
    }
  }
  return out + text.slice(copied);
}
