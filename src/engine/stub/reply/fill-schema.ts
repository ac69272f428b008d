import { isJsonObject, type JsonObject } from '../json.js';
import type { JsonSchema } from '../types.js';
import { fillInteger, fillNumber } from './fill-number.js';
import { fillString } from './fill-string.js';

/** What a value is filled from. */
interface Source {
  root: JsonSchema;
  /** Values by the name of their field, for a field at any depth. */
  known: JsonObject;
  /** A string for a field that is not known. */
  sample: (name: string) => string;
}

/** From this depth on, a value is made as small as its schema allows, so that recursive schemas end. */
const SMALL_DEPTH = 6;
const MOST_DEPTH = 64;

/** Makes a value that a schema accepts, out of known values where their names, types and bounds agree. */
export function fillSchema(root: JsonSchema, known: JsonObject, sample: Source['sample']): unknown {
  return fill(root, known, '', { root, known, sample }, 0);
}

/** `suggestion` is what should be there; it gives way wherever the schema wants something else. */
function fill(schema: JsonSchema, suggestion: unknown, name: string, source: Source, depth: number): unknown {
  if (depth > MOST_DEPTH) throw new Error('The schema accepts no finite value.');
  if (schema.$ref !== undefined) {
    return fill(resolve(schema.$ref, source.root), suggestion, name, source, depth + 1);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.includes(suggestion) ? suggestion : schema.enum[0];
  if (schema.anyOf !== undefined || schema.oneOf !== undefined || schema.allOf !== undefined) {
    return fill(combine(schema, source.root, depth), suggestion, name, source, depth + 1);
  }
  switch (typeOf(schema)) {
    case 'object':
      return fillObject(schema, suggestion, source, depth);
    case 'array':
      return fillArray(schema, suggestion, name, source, depth);
    case 'integer':
      return fillInteger(schema, suggestion);
    case 'number':
      return fillNumber(schema, suggestion);
    case 'boolean':
      return typeof suggestion === 'boolean' ? suggestion : true;
    case 'null':
      return null;
    default:
      return fillString(schema, typeof suggestion === 'string' ? suggestion : source.sample(name));
  }
}

function fillObject(schema: JsonSchema, suggestion: unknown, source: Source, depth: number): JsonObject {
  const suggested = isJsonObject(suggestion) ? suggestion : {};
  const { properties = {}, required = [], additionalProperties } = schema;
  const other = isJsonObject(additionalProperties) ? additionalProperties : {};
  const unnamed = required.filter((name) => !Object.hasOwn(properties, name));
  const wanted = { ...properties, ...Object.fromEntries(unnamed.map((name) => [name, other])) };
  const entries = Object.entries(wanted).map(([name, property]) => {
    const value = Object.hasOwn(suggested, name) ? suggested[name] : ownValue(source.known, name);
    return [name, fill(property, value, name, source, depth + 1)];
  });
  return Object.fromEntries(entries) as JsonObject;
}

function ownValue(values: JsonObject, name: string): unknown {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function fillArray(
  schema: JsonSchema,
  suggestion: unknown,
  name: string,
  source: Source,
  depth: number,
): unknown[] {
  const { items = { type: 'string' }, minItems = 0, maxItems = Infinity } = schema;
  const suggestions: unknown[] = Array.isArray(suggestion) ? suggestion : [];
  const wanted = suggestions.length > 0 ? suggestions.length : depth < SMALL_DEPTH ? 1 : 0;
  const length = Math.min(Math.max(wanted, minItems), maxItems);
  return Array.from({ length }, (_, index) =>
    fill(items, suggestions[index % Math.max(suggestions.length, 1)], name, source, depth + 1),
  );
}

/** Deep down in a recursive schema, the branch that ends it. */
function branchOf(branches: JsonSchema[], depth: number): JsonSchema {
  const ending = branches.find(({ $ref, type }) => $ref === undefined && type !== 'object');
  const [first = {}] = branches;
  return depth < SMALL_DEPTH ? first : (ending ?? first);
}

/** A schema without its combinations: one branch of each choice, and all parts of a whole, become its own. */
function combine(schema: JsonSchema, root: JsonSchema, depth: number): JsonSchema {
  const { anyOf, oneOf, allOf = [], ...own } = schema;
  const branches = [anyOf, oneOf].flatMap((choice) => (choice ? [branchOf(choice, depth)] : []));
  return [...allOf, ...branches]
    .map((part) => (part.$ref === undefined ? part : resolve(part.$ref, root)))
    .reduce(
      (all, part) => ({
        ...all,
        ...part,
        ...((all.properties ?? part.properties) && {
          properties: { ...all.properties, ...part.properties },
        }),
        ...((all.required ?? part.required) && {
          required: [...(all.required ?? []), ...(part.required ?? [])],
        }),
      }),
      own,
    );
}

function typeOf({ type, properties, items }: JsonSchema): string | undefined {
  if (type !== undefined) return Array.isArray(type) ? type[0] : type;
  if (properties !== undefined) return 'object';
  return items === undefined ? undefined : 'array';
}

/** A local reference, such as `#/$defs/question`. */
function resolve(reference: string, root: JsonSchema): JsonSchema {
  const keys = reference
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const target = keys.reduce<unknown>(
    (value, key) => (isJsonObject(value) ? ownValue(value, key) : undefined),
    root,
  );
  if (isJsonObject(target)) return target;
  throw new Error(`The schema has no ${reference}.`);
}
