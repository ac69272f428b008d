/** The moment that a UUIDv7 tells: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
export function startOf(id: string): Date {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
}
