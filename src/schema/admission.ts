import { createHash } from 'node:crypto';
import type { FieldError } from '../common/errors.js';
import { checkAgainst } from './caller-check.js';
import { readCallerSchema } from './caller-schema.js';
import { isRecord } from './caller-source.js';
import { deepFreeze } from './deep-freeze.js';
import { RecentlyUsed } from './recently-used.js';
import { refusal } from '../common/refusal.js';
import { findUnsound } from './sound-json.js';

/** Bytes of one schema's JSON. */
const MAX_BYTES = 64 * 1024;

/** Schemas that are kept ready, and the characters of their JSON in all; what is read of one takes some ten times that. */
const KEPT = { maxEntries: 200, maxWeight: 2 * 1024 * 1024 };

/** A caller's schema that may go to an engine. */
export interface AdmittedSchema {
  /** What to send: the same object as long as the schema is kept, and the same bytes always. Deeply frozen. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** First 12 hex digits of the SHA-256 of the schema's JSON as it came. */
  readonly hash: string;
  /** Checks a parsed value against the whole schema as it came; empty exactly when it is valid. */
  readonly check: (value: unknown) => readonly FieldError[];
}

const kept = new RecentlyUsed<AdmittedSchema>(KEPT);

/**
 * Admits a JSON schema of a caller's, before an engine's grammar compiler sees it: bad ones crash or hold up schedulers,
 * and keywords that a grammar ignores would make its guarantee void. What pydantic, zod and the `parse` helpers of the
 * OpenAI SDKs write is admitted, in any draft (but for pydantic's Decimal, whose pattern needs lookahead, and conditions);
 * the reasons below were measured on xgrammar 0.2.7 (SGLang 0.5.23) and 0.2.8 (vLLM 0.32).
 *
 * **Enforced by the grammar**: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties` (absent means
 * false to the grammars), one `patternProperties`, `items`, `prefixItems`, `minItems`, `maxItems`, the bounds of numbers,
 * `anyOf`, `oneOf` (as `anyOf`), one `allOf`, local `$ref`, the shapes of dates, times, IP addresses and UUIDs, and short
 * plain patterns that are anchored at both ends.
 *
 * **Not sent, but checked by {@link AdmittedSchema.check}**, because they only narrow what a model mostly keeps to, and
 * engines refuse them, break over them or take seconds: `minLength`, `maxLength`, `multipleOf`, `uniqueItems`,
 * `minProperties`, `maxProperties`, `propertyNames`, other patterns, bounds beyond 2^53. A `oneOf` of which several fit
 * is found here too. Further keys that `additionalProperties` allows beside properties are valid and never written.
 *
 * **Neither sent nor checked**: every other `format`; a pattern that RE2 cannot run, beside a format of JSON Schema;
 * keywords that JSON Schema does not know. Formats are never checked here, so they hold where there is a grammar.
 *
 * **Refused**: what is too large, too deep or too costly; `$ref` that leads nowhere, out of the document or in a loop;
 * several `allOf`, `not`, `if` and its like; restrictions beside `$ref` or a union, or without their `type`, where the
 * grammars ignore them; bounds that leave no value.
 *
 * @param schema what the body parser made of it
 * @param path JSON pointer to it in the request
 * @throws ServiceError VALIDATION_FAILED with the pointer to every keyword that is refused
 */
export function admitSchema(schema: unknown, path: string): AdmittedSchema {
  if (!isRecord(schema)) throw refusal([{ path, message: 'must be a JSON schema, which is an object' }]);
  const json = JSON.stringify(schema);
  if (Buffer.byteLength(json) > MAX_BYTES) {
    throw refusal([{ path, message: `must have at most ${MAX_BYTES} bytes of JSON` }]);
  }
  const key = createHash('sha256').update(json).digest('hex');
  const known = kept.get(key);
  if (known) return known;

  const unsound = findUnsound(schema, path);
  if (unsound.length > 0) throw refusal(unsound);
  const { root, sent, errors } = readCallerSchema(schema, path);
  if (errors.length > 0) throw refusal(errors);
  const admitted: AdmittedSchema = {
    schema: deepFreeze(sent),
    hash: key.slice(0, 12),
    check: (value) => checkAgainst(root, value),
  };
  kept.add(key, admitted, json.length);
  return admitted;
}
