import { quote } from '../common/quote.js';
import { canonicalJson, type CallerNode, JSON_TYPES, type JsonType, type ValueSet } from './caller-node.js';
import type { PatternBudget } from './caller-pattern.js';
import type { SchemaSource } from './caller-source.js';

/** Values of one enum. Five hundred and five thousand compile in no time; the bound keeps lists out that are data. */
const MAX_ENUM = 500;

/**
 * Formats whose shape the grammars enforce in good time. Both know seven more and refuse all others; but those seven are
 * without end (`email` ran to max_tokens in 8 replies of 8) and each takes xgrammar up to 0.6 s, every time it occurs.
 */
const SENT_FORMATS: ReadonlySet<unknown> = new Set([
  'date',
  'date-time',
  'duration',
  'ipv4',
  'ipv6',
  'time',
  'uuid',
]);

/** Formats of JSON Schema for which libraries write patterns that need lookaround. */
const STANDARD_FORMATS: ReadonlySet<unknown> = new Set([
  ...SENT_FORMATS,
  'email',
  'hostname',
  'json-pointer',
  'relative-json-pointer',
  'uri',
  'uri-reference',
  'uri-template',
]);

/** Reads `type`. */
export function readTypes(source: SchemaSource): ReadonlySet<JsonType> | undefined {
  if (!source.has('type')) return undefined;
  const { type } = source.keywords;
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  const types = new Set(names.filter((name): name is JsonType => JSON_TYPES.some((known) => known === name)));
  if (types.size === 0 || types.size !== names.length) {
    source.refuse('type', `must be one or several of ${JSON_TYPES.join(', ')}`);
    return undefined;
  }
  source.send('type');
  return types;
}

/** Reads `enum` and `const`. */
export function readValues(source: SchemaSource): ValueSet[] {
  const sets: ValueSet[] = [];
  const values = source.array('enum');
  if (values && values.length > MAX_ENUM) source.refuse('enum', `must have at most ${MAX_ENUM} values`);
  else if (values) sets.push(valueSet(values));
  if (source.has('const')) sets.push(valueSet([source.keywords.const]));
  source.send('enum');
  source.send('const');
  return sets;
}

function valueSet(values: readonly unknown[]): ValueSet {
  const isNested = (value: unknown) => typeof value === 'object' && value !== null;
  const shown = values
    .slice(0, 10)
    .map((value) => quote(typeof value === 'string' ? value : JSON.stringify(value)));
  return {
    plain: new Set(values.filter((value) => !isNested(value))),
    nested: new Set(values.filter(isNested).map(canonicalJson)),
    shown: [...shown, ...(values.length > shown.length ? ['…'] : [])].join(', '),
  };
}

/**
 * Reads what a text must be. Lengths are checked and never sent: for them the grammars write strings without escapes and
 * with raw control characters, which is no JSON (13 and 32 replies of 40 were broken), and take seconds to compile.
 */
export function readText(source: SchemaSource, node: CallerNode, patterns: PatternBudget): void {
  const { format } = source.keywords;
  const sendsFormat = SENT_FORMATS.has(format) && node.types?.has('string') === true;
  if (sendsFormat) source.send('format');
  if (!hasAny(source, 'minLength', 'maxLength', 'pattern')) return;
  if (!needsType(source, node, ['string'], ['minLength', 'maxLength', 'pattern'])) return;

  assign(node, 'minLength', source.count('minLength'));
  assign(node, 'maxLength', source.count('maxLength'));
  refuseCrossed(source, 'minLength', 'maxLength');
  const pattern = source.text('pattern');
  if (pattern === undefined) return;
  const taken = patterns.take(pattern);
  if (typeof taken !== 'string') {
    node.pattern = taken;
    // Neither engine takes both.
    if (!sendsFormat && patterns.send(pattern, taken)) source.send('pattern');
  } else if (!STANDARD_FORMATS.has(format)) source.refuse('pattern', taken);
}

/** Reads what a number must be. `multipleOf` is checked and not sent: both engines refuse it. */
export function readNumber(source: SchemaSource, node: CallerNode): void {
  const bounds = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;
  if (!hasAny(source, ...bounds, 'multipleOf')) return;
  if (!needsType(source, node, ['number', 'integer'], [...bounds, 'multipleOf'])) return;

  const isWhole = node.types?.has('number') !== true;
  for (const keyword of bounds) {
    const bound = source.number(keyword);
    if (bound === undefined) continue;
    if (isWhole && !Number.isInteger(bound)) {
      source.refuse(keyword, 'must be a whole number beside type integer: engines refuse any other');
    }
    node[keyword] = bound;
    // Bounds that a double does not hold exactly are refused by the grammars, or cost them seconds.
    if (Math.abs(bound) <= Number.MAX_SAFE_INTEGER) source.send(keyword);
  }
  if (isEmptyRange(node, isWhole))
    source.refuse(
      bounds.find((keyword) => source.has(keyword)) ?? 'type',
      'leaves no number with the other bounds',
    );

  const step = source.number('multipleOf');
  if (step !== undefined && step <= 0) source.refuse('multipleOf', 'must be greater than 0');
  else assign(node, 'multipleOf', step);
}

function isEmptyRange(node: CallerNode, isWhole: boolean): boolean {
  const {
    minimum = -Infinity,
    maximum = Infinity,
    exclusiveMinimum = -Infinity,
    exclusiveMaximum = Infinity,
  } = node;
  if (isWhole) return Math.max(minimum, exclusiveMinimum + 1) > Math.min(maximum, exclusiveMaximum - 1);
  return (
    minimum > maximum ||
    exclusiveMinimum >= Math.min(maximum, exclusiveMaximum) ||
    minimum >= exclusiveMaximum
  );
}

/** Whether a schema has any of these keywords. */
export function hasAny(source: SchemaSource, ...keywords: readonly string[]): boolean {
  return keywords.some((keyword) => source.has(keyword));
}

/** Sets a field of a node, where there is something to set. */
export function assign<K extends keyof CallerNode>(
  node: CallerNode,
  key: K,
  value: CallerNode[K] | undefined,
): void {
  if (value !== undefined) node[key] = value;
}

/** Refuses a lower bound above its upper one. */
export function refuseCrossed(source: SchemaSource, lower: string, upper: string): void {
  const [low, high] = [source.keywords[lower], source.keywords[upper]];
  if (typeof low === 'number' && typeof high === 'number' && low > high) {
    source.refuse(lower, `must not be greater than ${upper}`);
  }
}

/** Engines ignore the keywords of a type where the schema does not name it. */
function needsType(
  source: SchemaSource,
  { types }: CallerNode,
  wanted: readonly JsonType[],
  keywords: readonly string[],
): boolean {
  if (wanted.some((type) => types?.has(type))) return true;
  const isTypeRefused = types === undefined && source.has('type');
  const found = keywords.find((keyword) => source.has(keyword));
  if (found !== undefined && !isTypeRefused) {
    source.refuse(found, `needs type ${wanted.join(' or ')} beside it: engines ignore it without`);
  }
  return false;
}
