import type { ApiKey } from './readers.js';
import type { Settings } from './settings.js';
import { variables } from './variable.js';

/** Shorter secrets are placeholders like EMPTY, and would be found in ordinary words. */
const SHORTEST = 6;

/** Stands in a secret's place. */
const MASK = '***';

/**
 * Takes this service's own secrets out of what is kept and logged. Engines and what stands before them repeat a key that
 * they refuse, and drivers repeat addresses. One pattern looks for all secrets in one pass, a tenth of a microsecond for
 * a line of the log.
 */
export class SecretMask {
  readonly #inTexts: RegExp | undefined;
  readonly #inBytes: RegExp | undefined;

  /** @param settings every setting that is marked as secret is masked */
  constructor(settings: Settings) {
    const forms = variables
      .filter(({ secret }) => secret)
      .flatMap(({ field }) => secretsIn(settings[field as keyof Settings]))
      .filter((secret) => secret.length >= SHORTEST)
      .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
    this.#inTexts = anyOf(forms);
    this.#inBytes = anyOf(forms.map((form) => Buffer.from(form).toString('latin1')));
  }

  /** The text with three stars for every secret, as it is, as JSON or as a part of an address. */
  text(text: string): string {
    return this.#inTexts ? text.replace(this.#inTexts, MASK) : text;
  }

  /** The same for UTF-8; the bytes themselves where they hold no secret. */
  bytes(bytes: Buffer): Buffer {
    if (!this.#inBytes) return bytes;
    // One character for a byte: nothing is decoded, and what is no secret stays as it is.
    const text = bytes.toString('latin1');
    const masked = text.replace(this.#inBytes, MASK);
    return masked === text ? bytes : Buffer.from(masked, 'latin1');
  }
}

/** The secrets of a setting: itself, the password in an address, or what is secret of each key. */
function secretsIn(value: Settings[keyof Settings]): string[] {
  if (typeof value === 'string') return value.includes('://') ? passwordsIn(value) : [value];
  return Array.isArray(value) ? (value as readonly ApiKey[]).map(({ secret }) => secret) : [];
}

/** As it is written in an address, before the host or behind the question mark, and as it is meant. */
function passwordsIn(address: string): string[] {
  const written = [/:\/\/[^/?#]*?:([^/?#]*)@/.exec(address)?.[1], /[?&]password=([^&#]*)/.exec(address)?.[1]];
  return written.flatMap((password) => (password ? [password, decoded(password)] : []));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function anyOf(texts: readonly string[]): RegExp | undefined {
  // The longest first: a secret that begins with another one would be masked in part.
  const longestFirst = [...new Set(texts)].toSorted((a, b) => b.length - a.length);
  return longestFirst.length > 0 ? new RegExp(longestFirst.map(literally).join('|'), 'g') : undefined;
}

function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}
