import type { Static, TObject } from 'typebox';
import type { FieldError } from '../common/errors.js';
import { textHash } from '../common/text-hash.js';
import { compileChecker, type Finding } from './checker.js';
import { deepFreeze } from './deep-freeze.js';
import { type DialectSchema, lintSchema } from './dialect.js';
import type { JsonLeaf } from './json-reader.js';
import { leafChecker } from './leaf-checker.js';

/** A schema of a model's reply, ready for all that needs it. */
export interface ReplySchema<T = unknown> {
  /** Name that the engine is told; word characters only. */
  readonly name: string;
  /** With descriptions: what OpenAPI shows. */
  readonly documented: DialectSchema;
  /** Without descriptions: what the engine makes its grammar from. The same object, so the same bytes, at every call. */
  readonly grammar: DialectSchema;
  /** First 12 hex digits of the SHA-256 of the grammar's bytes. */
  readonly hash: string;
  /** Checks a parsed value; the errors (some twenty at the most) are empty exactly when it is a `T`. */
  check(value: unknown): readonly FieldError[];
  /**
   * Checks one leaf of a reply that is still being written. A value with a leaf that is refused here is refused by
   * {@link check} too; keys that the schema does not have are left to {@link check}.
   * @param path JSON pointer of the leaf
   */
  checkLeaf(path: string, value: JsonLeaf): readonly FieldError[];
  /** Never set: carries the type. */
  readonly type?: T;
}

/** The type of a schema's replies. */
export type ReplyOf<S> = S extends ReplySchema<infer T> ? T : never;

/** Values that a reply may have for everything wrong in it to be looked for: the largest report has some 200. */
const MAX_SEARCHED = 1000;

/** Findings that are told of one reply; they go into the next request and into the caller's error. */
const MAX_TOLD = 20;

/**
 * Makes one TypeBox object into type, check, documentation and grammar.
 *
 * @example
 * const verdict = defineSchema('verdict', Type.Object({ reason: Type.String(), score: Type.Integer({ minimum: 0, maximum: 10 }) }));
 * type Verdict = ReplyOf<typeof verdict>;
 *
 * @throws Error at definition when the grammars would not enforce all of it (see {@link lintSchema})
 */
export function defineSchema<T extends TObject>(name: string, type: T): ReplySchema<Static<T>> {
  const closed = close(JSON.parse(JSON.stringify(type)) as DialectSchema);
  const findings = lintSchema(closed);
  if (!/^\w+$/.test(name)) findings.push('the name has other than word characters');
  if (findings.length > 0) throw new Error(`Schema ${name} is outside the dialect: ${findings.join('; ')}`);

  const grammar = deepFreeze(withoutDescriptions(closed));
  const find = compileChecker(grammar, MAX_SEARCHED);
  const findInLeaf = leafChecker(grammar);
  return {
    name,
    documented: deepFreeze(closed),
    grammar,
    hash: textHash(JSON.stringify(grammar)),
    check: (value) => told(find(value)),
    checkLeaf: (path, value) => told(findInLeaf(path, value)),
  };
}

/** Objects are closed in this house: writing so in each would only be noise. */
function close(schema: DialectSchema): DialectSchema {
  if (schema.items) return { ...schema, items: close(schema.items) };
  if (schema.type !== 'object' || !schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(
    ([name, property]) => [name, close(property)] as const,
  );
  return { additionalProperties: false, ...schema, properties: Object.fromEntries(properties) };
}

function withoutDescriptions({ description: _, ...schema }: DialectSchema): DialectSchema {
  if (schema.items) return { ...schema, items: withoutDescriptions(schema.items) };
  if (!schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(
    ([name, own]) => [name, withoutDescriptions(own)] as const,
  );
  return { ...schema, properties: Object.fromEntries(properties) };
}

function told(findings: readonly Finding[]): FieldError[] {
  const errors = findings.map(toFieldError);
  const different = new Map(errors.map((error) => [`${error.path} ${error.message}`, error]));
  return [...different.values()].slice(0, MAX_TOLD);
}

function toFieldError(error: Finding): FieldError {
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'additionalProperties') {
    return { path: error.instancePath, message: 'has a key that is not in the schema' };
  }
  if (error.keyword === 'required') {
    return { path: `${error.instancePath}/${String(params.missingProperty)}`, message: 'is missing' };
  }
  if (error.keyword === 'enum') {
    return {
      path: error.instancePath,
      message: `must be one of ${(params.allowedValues as string[]).join(', ')}`,
    };
  }
  return { path: error.instancePath, message: error.message ?? 'is invalid' };
}
