import type { FastifyInstance } from 'fastify';
import { ServiceError } from './errors.js';

/** Levels of nesting that a body may have. */
const MAX_DEPTH = 32;

/**
 * Keys and items that a body may have in all; the longest conversation has some 800. Checking a value costs a thousand
 * times the bytes that name it, so a body of one megabyte in tiny values must not get that far.
 */
const MAX_VALUES = 5000;

/** Characters of a broken body in which its break is looked for; the search parses it some twenty times. */
const MAX_SEARCHED = 100_000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** Replaces Fastify's JSON parser by one that refuses what must never get further, each with its own sentence. */
export function registerJsonBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      refuseCompression(request.headers['content-encoding']);
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

function refuseCompression(encoding: string | undefined): void {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new ServiceError(
    'UNSUPPORTED_MEDIA_TYPE',
    'The body has a Content-Encoding: send it uncompressed, without that header.',
  );
}

/**
 * Parses a request body.
 * @throws ServiceError MALFORMED_JSON, FORBIDDEN_JSON, VALIDATION_FAILED
 */
function parseJsonBody(body: Buffer): Record<string, unknown> {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new ServiceError(
      'MALFORMED_JSON',
      'The body is not UTF-8: encode it as UTF-8 (not EUC-KR or CP949).',
    );
  }
  if (text.trim() === '') throw new ServiceError('MALFORMED_JSON', 'The body is empty.');
  refuseCostly(text);

  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const place = positionIn(error) ?? (text.length <= MAX_SEARCHED ? findBreak(text) : undefined);
    const where = place === undefined ? '' : `: it breaks at ${lineAndColumn(text, place)}`;
    throw new ServiceError('MALFORMED_JSON', `The body is not JSON${where}.`);
  }
  refuseHarmful(value);
  if (!isNested(value) || Array.isArray(value)) {
    throw new ServiceError('VALIDATION_FAILED', 'The body is JSON, but not an object.', {
      errors: [{ path: '', message: 'the body must be a JSON object' }],
    });
  }
  return value;
}

/** Where the parser says that it stopped; it does so for some faults only. */
function positionIn(error: unknown): number | undefined {
  const position = /at position (\d+)/.exec((error as SyntaxError).message)?.[1];
  return position === undefined ? undefined : Number(position);
}

/** Finds the first character that no JSON text could have there, by parsing beginnings of the text. */
function findBreak(text: string): number {
  let sound = 0;
  let broken = text.length + 1;
  while (broken - sound > 1) {
    const middle = Math.floor((sound + broken) / 2);
    if (mayBegin(text.slice(0, middle))) sound = middle;
    else broken = middle;
  }
  return sound;
}

function lineAndColumn(text: string, place: number): string {
  const lines = text.slice(0, place).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** Whether a text may be the beginning of a JSON text: then the parser complains of its end and of nothing before. */
function mayBegin(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const position = positionIn(error);
    return position === undefined
      ? (error as SyntaxError).message.includes('end of JSON')
      : position === text.length;
  }
}

/**
 * Refuses what is nested too deep or has too many values before it is parsed: half a million brackets would keep
 * everybody else waiting for 0.2 s. Strings are skipped at the speed of a search, and they are most of any question.
 */
function refuseCostly(text: string): void {
  let depth = 0;
  let commas = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at);
        break;
      case '[':
      case '{':
        if (++depth > MAX_DEPTH) {
          throw new ServiceError('FORBIDDEN_JSON', `The body is nested more than ${MAX_DEPTH} levels deep.`);
        }
        break;
      case ']':
      case '}':
        depth--;
        break;
      case ',':
        if (++commas >= MAX_VALUES) throw tooManyValues();
        break;
    }
  }
}

/** Where a string's closing quote is, or the end of the text. */
function endOfString(text: string, start: number): number {
  let end = start;
  do end = text.indexOf('"', end + 1);
  while (end !== -1 && isEscaped(text, end));
  return end === -1 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

/** Goes through the levels one by one; there are not too many. */
function refuseHarmful(body: unknown): void {
  let values = 0;
  for (let level = [body].filter(isNested); level.length > 0;) {
    const keys = level.flatMap(Object.keys);
    values += keys.length;
    if (values > MAX_VALUES) throw tooManyValues();
    const inherited = keys.find((key) => key in Object.prototype);
    if (inherited !== undefined) {
      throw new ServiceError(
        'FORBIDDEN_JSON',
        `The body has the key ${inherited}, which every object has by nature.`,
      );
    }
    level = level.flatMap((item) => Object.values(item)).filter(isNested);
  }
}

function tooManyValues(): ServiceError {
  return new ServiceError('FORBIDDEN_JSON', `The body has more than ${MAX_VALUES} values.`);
}

type Nested = Record<string, unknown>;

function isNested(value: unknown): value is Nested {
  return typeof value === 'object' && value !== null;
}
