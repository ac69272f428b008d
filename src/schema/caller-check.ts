import type { FieldError } from '../common/errors.js';
import { type CallerNode, type CallerSchema, canonicalJson, type JsonType } from './caller-node.js';
import { PatternRunner } from './caller-pattern.js';
import { pointerTo } from './json-pointer.js';

/** Levels of nesting that a value may have. */
const MAX_DEPTH = 128;

/**
 * Work that one check may take, in steps of some 100 ns: a schema held against a value, sixteen characters of a text, or
 * four RE2 instructions at one character. A union within itself takes exponential time without such a bound.
 */
const MAX_STEPS = 200_000;

/** Schemas that are held against values one inside another; a level of a value takes some five. */
const MAX_VISITS = 1000;

/** Findings that are told of one value. */
const MAX_TOLD = 20;

/** The bound on the work was reached. */
class OutOfSteps extends Error {}

/**
 * Checks a value against a caller's schema.
 * @param value what JSON.parse made of a text
 * @returns what is wrong, at most twenty things; empty exactly when the value is valid
 */
export function checkAgainst(root: CallerNode, value: unknown): readonly FieldError[] {
  if (isNestedDeeper(value, MAX_DEPTH)) {
    return [{ path: '', message: `is nested more than ${MAX_DEPTH} levels deep` }];
  }
  try {
    return new Check().findErrors(root, value);
  } catch (error) {
    if (error instanceof OutOfSteps) {
      return [{ path: '', message: 'takes too long to be checked against this schema' }];
    }
    throw error;
  }
}

/** Goes through the levels one by one, so that no nesting exhausts the stack. */
function isNestedDeeper(value: unknown, depth: number): boolean {
  const isNested = (item: unknown): item is object => typeof item === 'object' && item !== null;
  let level = [value].filter(isNested);
  for (let at = 0; level.length > 0; at++) {
    if (at >= depth) return true;
    level = level.flatMap((item) => Object.values(item) as unknown[]).filter(isNested);
  }
  return false;
}

/** One check of one value: the errors so far and the work that is left. */
class Check {
  readonly #patterns = new PatternRunner();
  #steps = MAX_STEPS;
  #visits = 0;
  #errors: FieldError[] = [];

  findErrors(root: CallerNode, value: unknown): readonly FieldError[] {
    this.#visit(root, value, '');
    return this.#errors;
  }

  #tell(path: string, message: string): void {
    if (this.#errors.length < MAX_TOLD) this.#errors.push({ path, message });
  }

  #spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new OutOfSteps();
  }

  #visit(schema: CallerSchema, value: unknown, path: string): void {
    this.#spend(1);
    if (++this.#visits > MAX_VISITS) throw new OutOfSteps();
    if (schema === false) this.#tell(path, 'is not in the schema');
    else this.#hold(schema, value, path);
    this.#visits--;
  }

  #hold(schema: CallerNode, value: unknown, path: string): void {
    if (schema.types && !hasType(value, schema.types)) {
      this.#tell(path, `must be ${[...schema.types].join(' or ')}`);
      return;
    }
    if (schema.$ref) this.#visit(schema.$ref, value, path);
    for (const member of schema.allOf ?? []) this.#visit(member, value, path);
    if (schema.anyOf) this.#alternatives(schema.anyOf, value, path, 'any');
    if (schema.oneOf) this.#alternatives(schema.oneOf, value, path, 'one');
    this.#values(schema, value, path);
    if (typeof value === 'string') this.#text(schema, value, path);
    else if (typeof value === 'number') this.#number(schema, value, path);
    else if (Array.isArray(value)) this.#array(schema, value, path);
    else if (typeof value === 'object' && value !== null) {
      this.#object(schema, value as Readonly<Record<string, unknown>>, path);
    }
  }

  #alternatives(members: readonly CallerSchema[], value: unknown, path: string, wanted: 'any' | 'one'): void {
    const outer = this.#errors;
    const failures: FieldError[][] = [];
    let fitting = 0;
    for (const member of members) {
      this.#errors = [];
      this.#visit(member, value, path);
      if (this.#errors.length > 0) failures.push(this.#errors);
      else if (++fitting === 1 && wanted === 'any') break;
    }
    this.#errors = outer;
    if (fitting > 1) this.#tell(path, 'must fit one of the alternatives, not several');
    if (fitting > 0) return;
    // The alternative that was meant is the only one that the value itself fits; what is inside it is wrong.
    const meant = failures.filter((errors) => errors.every((error) => error.path !== path));
    if (meant.length === 1) for (const { path: where, message } of meant.flat()) this.#tell(where, message);
    else this.#tell(path, 'must fit one of the alternatives');
  }

  #values({ values = [] }: CallerNode, value: unknown, path: string): void {
    for (const { plain, nested, shown } of values) {
      const isNested = typeof value === 'object' && value !== null;
      if (isNested ? !nested.has(this.#canonical(value)) : !plain.has(value)) {
        this.#tell(path, `must be one of ${shown}`);
      }
    }
  }

  #canonical(value: unknown): string {
    const text = canonicalJson(value);
    this.#spend(text.length / 16);
    return text;
  }

  #text({ minLength = 0, maxLength = Infinity, pattern }: CallerNode, value: string, path: string): void {
    if (minLength > 0 || maxLength < Infinity) {
      this.#spend(value.length / 16);
      const length = characters(value);
      if (length < minLength) this.#tell(path, `must have at least ${minLength} characters`);
      if (length > maxLength) this.#tell(path, `must have at most ${maxLength} characters`);
    }
    if (pattern) {
      this.#spend((value.length * pattern.states) / 4);
      if (!this.#patterns.occurs(pattern, value)) this.#tell(path, 'must match the pattern');
    }
  }

  #number(node: CallerNode, value: number, path: string): void {
    const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum, exclusiveMaximum, multipleOf } = node;
    if (value < minimum) this.#tell(path, `must be >= ${minimum}`);
    if (value > maximum) this.#tell(path, `must be <= ${maximum}`);
    if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
      this.#tell(path, `must be > ${exclusiveMinimum}`);
    if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
      this.#tell(path, `must be < ${exclusiveMaximum}`);
    if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
      this.#tell(path, `must be a multiple of ${multipleOf}`);
    }
  }

  #array(node: CallerNode, value: readonly unknown[], path: string): void {
    const { prefixItems = [], items, minItems = 0, maxItems = Infinity, uniqueItems } = node;
    if (value.length < minItems) this.#tell(path, `must have at least ${minItems} items`);
    if (value.length > maxItems) this.#tell(path, `must have at most ${maxItems} items`);
    value.forEach((item, index) => {
      const schema = index < prefixItems.length ? prefixItems[index] : items;
      if (schema !== undefined) this.#visit(schema, item, pointerTo(path, index));
    });
    if (uniqueItems && new Set(value.map((item) => this.#canonical(item))).size < value.length) {
      this.#tell(path, 'must not have an item twice');
    }
  }

  #object(node: CallerNode, value: Readonly<Record<string, unknown>>, path: string): void {
    const { properties, required = [], patternProperties = [], additionalProperties, propertyNames } = node;
    const { minProperties = 0, maxProperties = Infinity } = node;
    const keys = Object.keys(value);
    if (keys.length < minProperties) this.#tell(path, `must have at least ${minProperties} keys`);
    if (keys.length > maxProperties) this.#tell(path, `must have at most ${maxProperties} keys`);
    this.#spend(required.length);
    for (const name of required)
      if (!Object.hasOwn(value, name)) this.#tell(pointerTo(path, name), 'is missing');
    for (const key of keys) {
      const where = pointerTo(path, key);
      if (propertyNames !== undefined) this.#visit(propertyNames, key, where);
      const own = properties?.get(key);
      if (own !== undefined) this.#visit(own, value[key], where);
      const patterned = patternProperties.filter(([pattern]) => {
        this.#spend((key.length * pattern.states) / 4);
        return this.#patterns.occurs(pattern, key);
      });
      for (const [, schema] of patterned) this.#visit(schema, value[key], where);
      const isOther = own === undefined && patterned.length === 0;
      if (isOther && additionalProperties !== undefined) this.#visit(additionalProperties, value[key], where);
    }
  }
}

function hasType(value: unknown, types: ReadonlySet<JsonType>): boolean {
  if (value === null) return types.has('null');
  if (typeof value === 'number')
    return types.has('number') || (types.has('integer') && Number.isInteger(value));
  if (Array.isArray(value)) return types.has('array');
  return types.has(typeof value as JsonType);
}

/** Characters as JSON Schema counts them: code points. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Leaves room for what a double cannot hold: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}
