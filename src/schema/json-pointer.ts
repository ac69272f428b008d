/** The JSON pointer (RFC 6901) of a value inside another. */
export function pointerTo(parent: string, key: string | number): string {
  const name = String(key);
  const plain = name.includes('~') || name.includes('/');
  return `${parent}/${plain ? name.replaceAll('~', '~0').replaceAll('/', '~1') : name}`;
}
