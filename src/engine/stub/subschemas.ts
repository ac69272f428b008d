import { isJsonObject, type JsonObject } from './json.js';

interface Subschema {
  schema: JsonObject;
  /** The keys that lead to it, such as `['properties', 'score']`. */
  path: string[];
}

/** Walks a schema and every schema inside it, the outer ones first. */
export function* subschemas(schema: JsonObject, path: string[] = []): Generator<Subschema> {
  yield { schema, path };
  for (const keyword of ['properties', '$defs', 'anyOf']) {
    const named = schema[keyword];
    if (typeof named !== 'object' || named === null) continue;
    for (const [name, value] of Object.entries(named)) {
      if (isJsonObject(value)) yield* subschemas(value, [...path, keyword, name]);
    }
  }
  for (const keyword of ['items', 'additionalProperties']) {
    const value = schema[keyword];
    if (isJsonObject(value)) yield* subschemas(value, [...path, keyword]);
  }
}
