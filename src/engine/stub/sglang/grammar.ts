import type { JsonObject } from '../json.js';
import { Refusal } from '../refusal.js';
import { subschemas } from '../subschemas.js';

const SCHEMA_TYPES = new Set<unknown>([
  undefined,
  'object',
  'array',
  'string',
  'number',
  'integer',
  'boolean',
  'null',
]);

const UNSUPPORTED_KEYWORDS = new Set([
  'multipleOf',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
]);

/** Throws the refusal of a schema that SGLang's grammar does not know. */
export function compileGrammar(root: JsonObject): void {
  for (const { schema, path } of subschemas(root)) {
    const unknown = [schema.type ?? []].flat().find((type) => !SCHEMA_TYPES.has(type));
    if (unknown !== undefined) {
      const place = '[09:11:29] /project/cpp/json_schema_converter.cc:4175';
      throw grammarRefusal(`${place}: Unsupported type ${JSON.stringify(unknown)}\n`);
    }
    const unsupported = Object.keys(schema).filter((keyword) => UNSUPPORTED_KEYWORDS.has(keyword));
    if (unsupported.length > 0) {
      const place = ['#', ...path].join('/');
      const list = unsupported.join(', ');
      throw grammarRefusal(
        `JSON Schema at ${place} is not supported by xgrammar: keyword(s) ${list} would be ignored`,
      );
    }
  }
}

function grammarRefusal(reason: string): Refusal {
  return new Refusal(`Failed to compile json grammar: ${reason}`, { param: 'response_format', late: true });
}
