import type { FastifyInstance } from 'fastify';
import secureJson from 'secure-json-parse';
import { ServiceError } from './errors.js';

/** Levels of nesting that a body may have. */
const MAX_DEPTH = 32;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** Replaces Fastify's JSON parser by one that refuses what must never get further, each with its own sentence. */
export function registerJsonBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJsonBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

/**
 * Parses a request body.
 * @throws ServiceError MALFORMED_JSON, FORBIDDEN_JSON
 */
export function parseJsonBody(body: Buffer): unknown {
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

  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ServiceError('MALFORMED_JSON', `The body is not JSON${whereItBreaks(error, text)}.`);
  }
  if (secureJson.safeParse(text) === null) {
    throw new ServiceError(
      'FORBIDDEN_JSON',
      'The body has a key that is never accepted (__proto__ or constructor.prototype).',
    );
  }
  if (isDeeperThan(value, MAX_DEPTH)) {
    throw new ServiceError('FORBIDDEN_JSON', `The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  return value;
}

function whereItBreaks(error: unknown, text: string): string {
  const position = error instanceof SyntaxError && /at position (\d+)/.exec(error.message)?.[1];
  if (!position) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return `: it breaks at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value].filter(isNested);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => Object.values<unknown>({ ...item })).filter(isNested);
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
