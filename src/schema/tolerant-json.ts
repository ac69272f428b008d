/**
 * Takes off what models and servers put around or into an otherwise whole JSON text: a byte order mark, a closed
 * think block before it, a Markdown fence around it, raw control characters inside its strings. What the JSON says
 * stays as it is: line breaks and tabs are escaped, other control characters (noise of a grammar that admits them)
 * are dropped. Nothing is completed, cut out of prose, or guessed.
 */
export function stripWrapping(text: string): string {
  const bare = text.replace(/^\uFEFF/, '').trim();
  return escapeControlCharacters(withoutFence(withoutThinkBlock(bare)));
}

function withoutThinkBlock(text: string): string {
  if (!text.startsWith('<think>')) return text;
  const end = text.indexOf('</think>');
  return end === -1 ? text : text.slice(end + '</think>'.length).trim();
}

function withoutFence(text: string): string {
  if (!text.startsWith('```') || !text.endsWith('```')) return text;
  const firstLine = text.indexOf('\n');
  const language = text.slice(3, firstLine === -1 ? undefined : firstLine).trim();
  if (firstLine === -1 || !/^(json|JSON)?$/.test(language)) return text;
  return text.slice(firstLine + 1, -3).trim();
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
