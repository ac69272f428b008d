import type { FieldError } from '../common/errors.js';
import type { CallerNode } from './caller-node.js';
import { PatternBudget } from './caller-pattern.js';
import { findReferenceLoop } from './caller-references.js';
import { assign, readNumber, readText, readTypes, readValues } from './caller-scalars.js';
import { isRecord, SchemaSource } from './caller-source.js';
import { type ChildReader, readArray, readObject, type ReadSchema, sentOf } from './caller-structure.js';
import { pointerTo } from './json-pointer.js';

/** Schemas inside one another. */
const MAX_LEVELS = 16;

/** Schemas in one document, definitions and properties included. */
const MAX_SCHEMAS = 1000;

/** Findings that are told of one schema. */
const MAX_TOLD = 20;

/** Keywords of which a schema has one at the most, because the grammars obey one alone. */
const UNIONS = ['$ref', 'anyOf', 'oneOf', 'allOf'] as const;

/** Keywords that restrict a value and are ignored beside one of {@link UNIONS}. */
const RESTRICTIONS: readonly string[] = [
  'enum',
  'const',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'uniqueItems',
  'properties',
  'required',
  'patternProperties',
  'additionalProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
];

const CONDITION = 'is ignored or refused by the engines: the reply would not follow it';
const MOVED_REFERENCE = 'is not followed by the engines: name a definition by $ref';

const UNKNOWN_REFERENCE =
  'must name a schema of this document that engines find: not in a list, and by names without /, ~ and %';

/** Keywords that no grammar enforces and that change what a value may be. */
const REFUSED: Readonly<Record<string, string>> = {
  not: CONDITION,
  if: CONDITION,
  then: CONDITION,
  else: CONDITION,
  dependentRequired: CONDITION,
  dependentSchemas: CONDITION,
  dependencies: CONDITION,
  contains: CONDITION,
  minContains: CONDITION,
  maxContains: CONDITION,
  unevaluatedItems: CONDITION,
  unevaluatedProperties: `${CONDITION}; write additionalProperties`,
  additionalItems: `${CONDITION}; write items`,
  nullable: 'is ignored by the engines: write "null" into type',
  $anchor: MOVED_REFERENCE,
  $dynamicAnchor: MOVED_REFERENCE,
  $dynamicRef: MOVED_REFERENCE,
  $recursiveAnchor: MOVED_REFERENCE,
  $recursiveRef: MOVED_REFERENCE,
};

/** Keywords that say nothing about a value, and that templates show to the model. */
const ANNOTATIONS = ['title', 'description', 'default', 'examples'] as const;

/** A caller's schema, read. Both are of use only where there are no errors. */
export interface CallerDocument {
  readonly root: CallerNode;
  /** What an engine gets: what its grammar enforces, and the annotations. */
  readonly sent: Readonly<Record<string, unknown>>;
  readonly errors: readonly FieldError[];
}

/**
 * Reads a caller's schema.
 * @param schema what JSON.parse made of a text that is not nested deeply
 */
export function readCallerSchema(schema: Readonly<Record<string, unknown>>, path: string): CallerDocument {
  return new DocumentReader().read(schema, path);
}

class DocumentReader {
  readonly #errors: FieldError[] = [];
  /** What a `$ref` can name, by the reference. Engines find neither items of arrays nor escaped names. */
  readonly #targets = new Map<string, CallerNode>();
  readonly #references: { readonly source: SchemaSource; readonly node: CallerNode }[] = [];
  readonly #patterns = new PatternBudget();
  #schemas = 0;

  read(schema: Readonly<Record<string, unknown>>, path: string): CallerDocument {
    const root: CallerNode = {};
    const source = new SchemaSource(schema, path, this.#tell);
    this.#schema(source, root, '#', 1);
    for (const { source: from, node } of this.#references) this.#resolve(from, node);
    const loop = findReferenceLoop(this.#references.map(({ node }) => node));
    const looping = this.#references.find(({ node }) => node === loop);
    looping?.source.refuse('$ref', 'must not lead back to itself with no object or array between');
    if (this.#schemas > MAX_SCHEMAS) this.#tell(path, `must hold at most ${MAX_SCHEMAS} schemas`);
    return { root, sent: source.sent(), errors: this.#errors };
  }

  readonly #tell = (path: string, message: string): void => {
    if (this.#errors.length < MAX_TOLD) this.#errors.push({ path, message });
  };

  /** @param reference by which a `$ref` names this schema; none where engines would not find it */
  #schema(source: SchemaSource, node: CallerNode, reference: string | undefined, level: number): void {
    if (reference !== undefined) this.#targets.set(reference, node);
    for (const keyword of Object.keys(source.keywords)) {
      const words = Object.hasOwn(REFUSED, keyword) ? REFUSED[keyword] : undefined;
      const saysNothing = keyword === 'nullable' && source.keywords[keyword] === false;
      if (words !== undefined && !saysNothing) source.refuse(keyword, words);
    }
    if (level > 1 && source.has('$id')) source.refuse('$id', 'must stand at the root or nowhere');
    for (const keyword of ANNOTATIONS) source.send(keyword);

    const child = this.#childReader(reference, level);
    for (const keyword of ['$defs', 'definitions']) {
      const definitions = child.map(source, keyword);
      if (definitions) source.send(keyword, sentOf(definitions));
    }
    assign(node, 'types', readTypes(source));
    const [union, ...more] = UNIONS.filter((keyword) => source.has(keyword));
    if (union) {
      for (const other of [...more, ...RESTRICTIONS.filter((keyword) => source.has(keyword))]) {
        source.refuse(other, `stands beside ${union}, where engines ignore it: write it inside`);
      }
      this.#union(source, node, union, child);
      return;
    }
    const values = readValues(source);
    if (values.length > 0) node.values = values;
    readText(source, node, this.#patterns);
    readNumber(source, node);
    readArray(source, node, child);
    readObject(source, node, child, this.#patterns);
  }

  #union(source: SchemaSource, node: CallerNode, union: (typeof UNIONS)[number], child: ChildReader): void {
    if (union === '$ref') {
      this.#references.push({ source, node });
      source.send('$ref');
      return;
    }
    const members = child.list(source, union);
    if (!members) return;
    if (union === 'allOf' && members.length > 1) {
      source.refuse(
        'allOf',
        'must have one member: with several the engines take any value; merge them into one schema',
      );
    }
    node[union] = members.map((member) => member.node);
    source.send(
      union,
      members.map(({ sent }) => sent),
    );
  }

  #resolve(source: SchemaSource, node: CallerNode): void {
    const reference = source.text('$ref');
    if (reference === undefined) return;
    const target = this.#targets.get(reference);
    if (target) node.$ref = target;
    else if (!reference.startsWith('#')) source.refuse('$ref', 'must begin with #: nothing is fetched');
    else source.refuse('$ref', UNKNOWN_REFERENCE);
  }

  #childReader(reference: string | undefined, level: number): ChildReader {
    const read = (value: unknown, path: string, at: string | undefined, mayBeFalse = false): ReadSchema => {
      this.#schemas++;
      if (value === true) return { node: {}, sent: true };
      if (value === false && mayBeFalse) return { node: false, sent: false };
      const node: CallerNode = {};
      if (!isRecord(value)) {
        this.#tell(path, value === false ? 'must not be false: engines refuse it' : 'must be a schema');
      } else if (level === MAX_LEVELS) {
        this.#tell(path, `must not be nested more than ${MAX_LEVELS} levels deep`);
      } else if (this.#schemas <= MAX_SCHEMAS) {
        const source = new SchemaSource(value, path, this.#tell);
        this.#schema(source, node, at, level + 1);
        return { node, sent: source.sent() };
      }
      return { node, sent: value };
    };
    const nameOf = (keyword: string, name?: string): string | undefined => {
      if (reference === undefined || /[/~%]/.test(name ?? '')) return undefined;
      return `${reference}/${keyword}${name === undefined ? '' : `/${name}`}`;
    };
    return {
      one: (source, keyword, options) => {
        if (!source.has(keyword)) return undefined;
        const path = pointerTo(source.path, keyword);
        const { mayBeFalse, isSent = true } = options ?? {};
        return read(source.keywords[keyword], path, isSent ? nameOf(keyword) : undefined, mayBeFalse);
      },
      list: (source, keyword) => {
        const path = pointerTo(source.path, keyword);
        return source.array(keyword)?.map((item, index) => read(item, pointerTo(path, index), undefined));
      },
      map: (source, keyword) => {
        const schemas = source.object(keyword);
        if (!schemas) return undefined;
        const path = pointerTo(source.path, keyword);
        return new Map(
          Object.entries(schemas).map(([name, schema]) => [
            name,
            read(schema, pointerTo(path, name), nameOf(keyword, name)),
          ]),
        );
      },
    };
  }
}
