import { format, type Logform } from 'winston';
import type { SecretMask } from '../config/secret-mask.js';

/** winston's level -> the word that LOG_LEVEL uses. */
const WORDS: Readonly<Record<string, string>> = {
  error: 'ERROR',
  warn: 'WARNING',
  info: 'INFO',
  debug: 'DEBUG',
};

const COLOURS: Readonly<Record<string, string>> = {
  error: '\u001b[31m',
  warn: '\u001b[33m',
  debug: '\u001b[2m',
};

/** One JSON object a line: time (ISO 8601, UTC), level, message, context and the facts. */
export function jsonLines(secrets: SecretMask): Logform.Format {
  return format.printf(({ level, message, context, ...facts }) => {
    const line = JSON.stringify({
      time: new Date().toISOString(),
      level: WORDS[level] ?? level,
      message,
      context,
      ...facts,
    });
    return secrets.text(printable(line));
  });
}

/** A line for eyes: time, level, message, then the facts as name=value. */
export function prettyLines(secrets: SecretMask, { colour }: { colour: boolean }): Logform.Format {
  return format.printf(({ level, message, context: _, stack, ...facts }) => {
    const time = new Date().toTimeString().slice(0, 8);
    const rest = Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ` ${name}=${printable(shown(value))}`)
      .join('');
    const text = `${(WORDS[level] ?? level).padEnd(7)} ${printable(String(message))}${rest}`;
    const trace = typeof stack === 'string' ? `\n${stack}` : '';
    const ink = colour ? COLOURS[level] : undefined;
    return secrets.text(ink ? `${time} ${ink}${text}\u001b[0m${trace}` : `${time} ${text}${trace}`);
  });
}

/** A text with blanks, quotes or `=` is quoted: a caller's id must not look like other facts. */
function shown(value: unknown): string {
  return typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
}

/**
 * Callers' ids and words stand in log lines: nothing of theirs may end a line (U+2028 does for some readers) or
 * reach the terminal as a command. The escapes are JSON's, so that a JSON line still means the same.
 */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
