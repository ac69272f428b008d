/** Stands before and behind a text of several lines. */
const BLOCK = '"""';

/** Whether a text begins a block and has not ended it yet: Enter goes on in it. */
export function isOpenBlock(text: string): boolean {
  const trimmed = text.trim();
  return trimmed.startsWith(BLOCK) && (trimmed.length < 2 * BLOCK.length || !trimmed.endsWith(BLOCK));
}

/** A text without the marks of a block around it. */
export function withoutBlock(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith(BLOCK) || isOpenBlock(text)) return text;
  return trimmed.slice(BLOCK.length, -BLOCK.length).replace(/^\n/, '').replace(/\n$/, '');
}
