/** The seven names that `type` may have. */
export const JSON_TYPES = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'] as const;

export type JsonType = (typeof JSON_TYPES)[number];

/** The values of an `enum` or `const`. */
export interface ValueSet {
  /** Texts, numbers, true, false and null. */
  readonly plain: ReadonlySet<unknown>;
  /** Objects and arrays as canonical JSON, see {@link canonicalJson}. */
  readonly nested: ReadonlySet<string>;
  /** The first values, for a sentence. */
  readonly shown: string;
}

/** A pattern that runs in linear time. */
export interface LinearPattern {
  /** In RE2's syntax. */
  readonly source: string;
  /** Instructions of its program: the work that one character may cost. */
  readonly states: number;
}

/** A caller's schema as it was read: all that a value is checked for. What is not set allows everything. */
export interface CallerNode {
  types?: ReadonlySet<JsonType>;
  values?: readonly ValueSet[];
  minLength?: number;
  maxLength?: number;
  pattern?: LinearPattern;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  prefixItems?: readonly CallerSchema[];
  items?: CallerSchema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  properties?: ReadonlyMap<string, CallerSchema>;
  required?: readonly string[];
  patternProperties?: readonly (readonly [LinearPattern, CallerSchema])[];
  additionalProperties?: CallerSchema;
  propertyNames?: CallerSchema;
  minProperties?: number;
  maxProperties?: number;
  /** At most one of these four. */
  anyOf?: readonly CallerSchema[];
  oneOf?: readonly CallerSchema[];
  allOf?: readonly CallerSchema[];
  $ref?: CallerNode;
}

/** A node, or false: no value at all. (`true` is a node that asks for nothing.) */
export type CallerSchema = CallerNode | false;

/** JSON with the keys of every object in one order, so that equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, own: unknown) =>
    typeof own === 'object' && own !== null && !Array.isArray(own)
      ? Object.fromEntries(Object.entries(own).sort(([a], [b]) => (a < b ? -1 : 1)))
      : own,
  );
}
