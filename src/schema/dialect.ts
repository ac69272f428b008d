/**
 * The part of JSON Schema that SGLang's and vLLM's grammars really enforce (xgrammar 0.2.7 and 0.2.8, measured
 * on both servers): closed objects with every key required, bounded arrays and numbers, plain strings, enums.
 * Everything else is ignored by one of them, lets raw control characters into strings (lengths), or makes the
 * whole value free (two allOf), so it is refused here, at definition, instead of in production.
 */
export interface DialectSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, DialectSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: DialectSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

/** Which keywords a type may carry; all others are refused. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['enum'],
  integer: ['minimum', 'maximum'],
  number: ['minimum', 'maximum'],
  boolean: [],
  null: [],
};

/** Property names are inserted into the grammar unescaped, and JavaScript would reorder names like "1". */
const PLAIN_NAME = /^[a-z][a-z0-9_]*$/;

/**
 * Says what in a schema the grammars would not enforce.
 * @returns one sentence per finding, each with its JSON pointer; empty when the schema is inside the dialect
 */
export function lintSchema(schema: unknown, path = ''): string[] {
  const here = path || 'the root';
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return [`${here} is not a schema object`];
  }
  const { type, description: _, ...keywords } = schema as Record<string, unknown>;
  const allowed = typeof type === 'string' ? ALLOWED[type] : undefined;
  if (!allowed) return [`${here} needs one type of ${Object.keys(ALLOWED).join(', ')}`];
  if (path === '' && type !== 'object') return ['the root must be an object'];

  const findings = Object.keys(keywords)
    .filter((keyword) => !allowed.includes(keyword))
    .map((keyword) => `${here} has ${keyword}, which the grammars do not enforce for type ${String(type)}`);
  const own = schema as DialectSchema;
  if (type === 'object') findings.push(...lintObject(own, path, here));
  if (type === 'array') findings.push(...lintArray(own, path, here));
  if (type === 'integer' || type === 'number') findings.push(...lintNumber(own, here));
  if (type === 'string' && own.enum) findings.push(...lintEnum(own.enum, here));
  return findings;
}

function lintEnum(words: readonly unknown[], here: string): string[] {
  const different = new Set(words.filter((word) => typeof word === 'string'));
  const isFine = words.length > 0 && different.size === words.length;
  return isFine ? [] : [`${here} needs an enum of different words`];
}

function lintObject(schema: DialectSchema, path: string, here: string): string[] {
  const names = Object.keys(schema.properties ?? {});
  const findings: string[] = [];
  if (names.length === 0) findings.push(`${here} needs properties: without them the grammar allows only {}`);
  if (schema.additionalProperties !== false) findings.push(`${here} needs additionalProperties: false`);
  if (names.join() !== (schema.required ?? []).join()) {
    findings.push(`${here} must require all of its properties, in their order`);
  }
  for (const name of names) {
    if (!PLAIN_NAME.test(name)) findings.push(`${path}/${name} is no plain snake_case name`);
    findings.push(...lintSchema(schema.properties?.[name], `${path}/${name}`));
  }
  return findings;
}

function lintArray(schema: DialectSchema, path: string, here: string): string[] {
  const findings = lintSchema(schema.items, `${path}/items`);
  if (schema.maxItems === undefined)
    findings.push(`${here} needs maxItems: an array without it may never end`);
  else if ((schema.minItems ?? 0) > schema.maxItems) findings.push(`${here} has minItems above maxItems`);
  return findings;
}

function lintNumber(schema: DialectSchema, here: string): string[] {
  const { minimum, maximum } = schema;
  if (minimum === undefined || maximum === undefined) {
    return [`${here} needs minimum and maximum: without them the digits may never end`];
  }
  return minimum <= maximum ? [] : [`${here} has minimum above maximum`];
}
