import type { JsonSchema } from '../types.js';

const FORMATS: Record<string, string> = {
  date: '2026-01-15',
  time: '09:30:00Z',
  'date-time': '2026-01-15T09:30:00Z',
  duration: 'PT30M',
  email: 'stub@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

const PADDING = '.';

/** The suggestion, cut or padded to a schema's lengths in characters; or a value of the format that it wants. */
export function fillString(schema: JsonSchema, suggestion: string): string {
  const { format, minLength = 0, maxLength = Infinity } = schema;
  const formatted = format === undefined ? undefined : FORMATS[format];
  if (formatted !== undefined) return formatted;
  const characters = Array.from(suggestion).slice(0, maxLength);
  return characters.join('') + PADDING.repeat(Math.max(minLength - characters.length, 0));
}
