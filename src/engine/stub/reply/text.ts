export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** Shortens a text to a length, at a space where there is one. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.slice(0, length).toWellFormed();
  const space = cut.lastIndexOf(' ');
  return `${cut.slice(0, space > length / 2 ? space : undefined)}…`;
}
