import type { CallerNode, CallerSchema } from './caller-node.js';
import type { PatternBudget } from './caller-pattern.js';
import { assign, hasAny, refuseCrossed } from './caller-scalars.js';
import type { SchemaSource } from './caller-source.js';

/** Items that may be demanded or allowed by count. */
const MAX_ITEMS = 1000;

const KEY_PATTERN =
  'must have a short pattern from ^ to $ without repeated groups: engines match it against the whole key';

/** A schema inside another, read: what it asks for, and what the engine gets. */
export interface ReadSchema {
  readonly node: CallerSchema;
  readonly sent: unknown;
}

/** Reads the schemas inside a schema. */
export interface ChildReader {
  /** One at a keyword. What is not sent cannot be referred to. */
  one(
    source: SchemaSource,
    keyword: string,
    options?: { readonly mayBeFalse?: boolean; readonly isSent?: boolean },
  ): ReadSchema | undefined;
  /** An array of them. */
  list(source: SchemaSource, keyword: string): ReadSchema[] | undefined;
  /** An object of them, by name. */
  map(source: SchemaSource, keyword: string): Map<string, ReadSchema> | undefined;
}

/** Reads what an array must be. `uniqueItems` is checked and not sent: both engines refuse it. */
export function readArray(source: SchemaSource, node: CallerNode, child: ChildReader): void {
  if (Array.isArray(source.keywords.items)) {
    source.refuse('items', 'must be one schema: write a list of them as prefixItems, engines refuse it here');
    return;
  }
  const prefix = child.list(source, 'prefixItems');
  if (prefix) {
    node.prefixItems = prefix.map((item) => item.node);
    source.send(
      'prefixItems',
      prefix.map(({ sent }) => sent),
    );
  }
  const items = child.one(source, 'items', { mayBeFalse: true });
  if (items) {
    node.items = items.node;
    source.send('items', items.sent);
  }
  assign(node, 'uniqueItems', source.boolean('uniqueItems'));
  readItemCounts(source, node);
}

function readItemCounts(source: SchemaSource, node: CallerNode): void {
  for (const keyword of ['minItems', 'maxItems'] as const) {
    const count = source.count(keyword);
    if (count === undefined) continue;
    if (count > MAX_ITEMS) source.refuse(keyword, `must be at most ${MAX_ITEMS}`);
    if (!hasAny(source, 'items', 'prefixItems')) {
      source.refuse(keyword, 'needs items beside it: engines allow no item at all without');
    }
    node[keyword] = count;
    source.send(keyword);
  }
  refuseCrossed(source, 'minItems', 'maxItems');
  const prefix = node.prefixItems?.length;
  if (prefix === undefined) return;
  if (!node.items && (node.minItems ?? 0) > prefix) {
    source.refuse(
      'minItems',
      'must not be greater than the number of prefixItems: engines allow no further item',
    );
  }
  if ((node.maxItems ?? prefix) < prefix) {
    source.refuse('maxItems', 'must not be less than the number of prefixItems: engines refuse it');
  }
}

/**
 * Reads what an object must be. `propertyNames`, `minProperties` and `maxProperties` are checked and not sent: engines
 * refuse them beside properties. Neither is an open `additionalProperties` beside properties: xgrammar takes 0.1 s for
 * every property then, and replies go on without end; without it the grammars write the declared ones alone.
 */
export function readObject(
  source: SchemaSource,
  node: CallerNode,
  child: ChildReader,
  patterns: PatternBudget,
): void {
  const properties = child.map(source, 'properties');
  if (properties) {
    node.properties = nodesOf(properties);
    source.send('properties', sentOf(properties));
  }
  const isSent = source.keywords.additionalProperties === false || !node.properties?.size;
  const others = child.one(source, 'additionalProperties', { mayBeFalse: true, isSent });
  if (others) {
    node.additionalProperties = others.node;
    if (isSent) source.send('additionalProperties', others.sent);
  }
  readRequired(source, node);
  readPatternProperties(source, node, child, patterns);
  assign(node, 'propertyNames', child.one(source, 'propertyNames', { isSent: false })?.node);
  assign(node, 'minProperties', source.count('minProperties'));
  assign(node, 'maxProperties', source.count('maxProperties'));
  refuseCrossed(source, 'minProperties', 'maxProperties');
}

function readRequired(source: SchemaSource, node: CallerNode): void {
  if (!source.has('required')) return;
  const { required } = source.keywords;
  if (!Array.isArray(required) || !required.every((name) => typeof name === 'string')) {
    source.refuse('required', 'must be an array of texts');
    return;
  }
  if (!required.every((name) => node.properties?.has(name))) {
    source.refuse('required', 'must name none but properties: the grammars can write no other');
    return;
  }
  node.required = required;
  source.send('required');
}

function readPatternProperties(
  source: SchemaSource,
  node: CallerNode,
  child: ChildReader,
  patterns: PatternBudget,
): void {
  const patterned = child.map(source, 'patternProperties');
  if (!patterned) return;
  if (patterned.size > 1) source.refuse('patternProperties', 'must have one pattern: engines refuse several');
  if (node.properties) {
    source.refuse('patternProperties', 'must not stand beside properties: engines refuse the pair');
  }
  node.patternProperties = [...patterned].flatMap(([pattern, { node: own }]) => {
    const taken = patterns.take(pattern);
    if (typeof taken === 'string') source.refuse('patternProperties', taken);
    else if (patterns.send(pattern, taken)) return [[taken, own] as const];
    else source.refuse('patternProperties', KEY_PATTERN);
    return [];
  });
  source.send('patternProperties', sentOf(patterned));
}

/** The nodes of a map of schemas. */
function nodesOf(schemas: ReadonlyMap<string, ReadSchema>): Map<string, CallerSchema> {
  return new Map([...schemas].map(([name, { node }]) => [name, node]));
}

/** What the engine gets of a map of schemas. */
export function sentOf(schemas: ReadonlyMap<string, ReadSchema>): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...schemas].map(([name, { sent }]) => [name, sent]));
}
