import { createHash, type Hash } from 'node:crypto';
import { type CallRow, wholeRow } from '../../call-store/call-row.js';
import { factOf, JSON_COLUMNS } from '../../calls/call-columns.js';
import { VERSION } from '../../common/version.js';
import { migrations } from '../../database/migrations/index.js';
import { StoreFault } from './store-fault.js';

/**
 * A backup is gzip of lines of JSON: what it is, the calls by their ids, and at the end their number and a checksum, by
 * which a file that was cut or damaged is known.
 */
const FORMAT = 'llm-service calls';

/** Changes where an older service would read it wrongly. */
const FORMAT_VERSION = 1;

/** The newest change of the schema that this version knows. */
const LATEST_MIGRATION = Object.keys(migrations).at(-1);

/** The first line. */
export function headerLine(): string {
  const header = {
    format: FORMAT,
    version: FORMAT_VERSION,
    migration: LATEST_MIGRATION,
    service: VERSION,
    made_at: new Date(),
  };
  return `${JSON.stringify(header)}\n`;
}

/** The line of a call; JSON of the store is a text in it, so that not a character of it changes. */
export function callLine(row: CallRow): string {
  const texts = JSON_COLUMNS.map((name) => `"${name}":${JSON.stringify(row[name])}`);
  return `{"facts":${row.facts},${texts.join(',')}}\n`;
}

/** What has been written or read before the last line. */
export class Tally {
  readonly #hash: Hash = createHash('sha256');
  rows = 0;

  update(bytes: Buffer | string): void {
    this.#hash.update(bytes);
  }

  /** The last line, which holds for what was counted before; nothing can be counted after it. */
  trailerLine(): string {
    return `${JSON.stringify({ rows: this.rows, sha256: this.#hash.digest('hex') })}\n`;
  }
}

/**
 * Looks at the first line.
 * @throws StoreFault where it begins no backup, or one of a newer version
 */
export function checkHeader(header: unknown, file: string): void {
  if (!isObject(header) || header.format !== FORMAT)
    throw new StoreFault(`${file} is no backup of this service's calls.`);
  const { version, migration } = header;
  if (version === FORMAT_VERSION && typeof migration === 'string' && migration in migrations) return;
  throw new StoreFault(
    `${file} was made by a newer version of the service${typeof header.service === 'string' ? ` (${header.service})` : ''}: restore it with that version.`,
  );
}

/** Whether a line is the last one. */
export function isTrailer(line: unknown): boolean {
  return isObject(line) && 'sha256' in line && !('facts' in line);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The call of a line; nothing where it holds none. A line that an older version wrote lacks what that did not know. */
export function callOf(line: unknown): CallRow | undefined {
  if (!isObject(line)) return undefined;
  const { facts, ...texts } = line;
  if (!isObject(facts) || !JSON_COLUMNS.every((name) => isText(texts[name] ?? null))) return undefined;
  const { id, outcome } = facts;
  if (typeof id !== 'string' || !UUID.test(id) || !isOutcome(outcome)) return undefined;
  return wholeRow({ ...texts, id, outcome, facts: JSON.stringify(facts) });
}

const OUTCOMES: readonly unknown[] = factOf('outcome').values ?? [];

function isOutcome(value: unknown): value is CallRow['outcome'] {
  return OUTCOMES.includes(value);
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
