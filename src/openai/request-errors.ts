import type { FieldError } from '../common/errors.js';
import type { Finding } from '../schema/checker.js';
import { pointerTo } from '../schema/json-pointer.js';
import { nearestName } from '../common/nearest-name.js';
import { quote } from '../common/quote.js';
import { LABEL, NAME, PROSE, TOKEN_ID } from './request-fields.js';

/** What is told of a value that people send for a reason. */
export interface Hint {
  /** Paths of such values. */
  readonly at: RegExp;
  /** The keyword of the schema that they do not fit. @default any */
  readonly keyword?: string;
  /** The sentence, which goes on from the field's name. */
  readonly words: string;
  /** The field that is named instead of the value itself. */
  readonly field?: string;
}

/** Findings that are looked at: whoever has more than these is told enough. */
const MAX_READ = 500;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
};

const PATTERNS: Readonly<Record<string, string>> = {
  [LABEL]: 'must be text of 1 to 200 characters without control characters',
  [NAME]: 'must be 1 to 64 of the characters a-z, A-Z, 0-9, _ and -',
  [PROSE]: 'must be text that is not blank and well-formed Unicode',
  [TOKEN_ID]: 'must have ids of tokens as its keys',
};

/** Turns what was found in a body into sentences: one for each value, with its path, quoting nothing of it. */
export function toErrors(
  findings: readonly Finding[],
  refused: Readonly<Record<string, string>>,
  hints: readonly Hint[],
): FieldError[] {
  const byPath = new Map<string, FieldError>();
  for (const finding of withoutSiblings(findings.slice(0, MAX_READ))) {
    const error = hinted(finding, toError(finding, refused), hints);
    if (!byPath.has(error.path)) byPath.set(error.path, error);
  }
  return [...byPath.values()];
}

function hinted({ keyword }: Finding, error: FieldError, hints: readonly Hint[]): FieldError {
  const hint = hints.find((one) => one.at.test(error.path) && (one.keyword ?? keyword) === keyword);
  if (!hint) return error;
  const path = hint.field === undefined ? error.path : `/${hint.field}`;
  return { path, message: named(path, hint.words) };
}

/**
 * Of a union's findings leaves those of the alternative that was meant, which is the only one of the value's own type,
 * or else the union's own one.
 */
function withoutSiblings(findings: readonly Finding[]): readonly Finding[] {
  const dropped = new Set<Finding>();
  for (const union of findings.filter(({ keyword }) => keyword === 'anyOf')) {
    const prefix = `${union.schemaPath}/`;
    const inside = findings.filter(
      ({ schemaPath, instancePath }) =>
        schemaPath.startsWith(prefix) && isWithin(instancePath, union.instancePath),
    );
    const memberOf = ({ schemaPath }: Finding): string =>
      /^\d+/.exec(schemaPath.slice(prefix.length))?.[0] ?? '';
    const ofOtherType = new Set(
      inside
        .filter(({ keyword, instancePath }) => keyword === 'type' && instancePath === union.instancePath)
        .map(memberOf),
    );
    const meant = new Set(inside.map(memberOf).filter((member) => !ofOtherType.has(member)));
    for (const finding of inside) if (meant.size !== 1 || !meant.has(memberOf(finding))) dropped.add(finding);
    if (meant.size === 1) dropped.add(union);
  }
  return findings.filter((finding) => !dropped.has(finding));
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}

function toError(finding: Finding, refused: Readonly<Record<string, string>>): FieldError {
  const { instancePath, keyword, parentSchema } = finding;
  const params = finding.params as Readonly<Record<string, unknown>>;
  if (keyword === 'additionalProperties') {
    const name = String(params.additionalProperty);
    const path = pointerTo(instancePath, name);
    return { path, message: unknownField(name, instancePath, refused, parentSchema?.properties) };
  }
  const [path, words] = placeAndWords(finding, params);
  return { path, message: named(path, words) };
}

function unknownField(
  name: string,
  parent: string,
  refused: Readonly<Record<string, string>>,
  properties: unknown,
): string {
  const reason = parent === '' && Object.hasOwn(refused, name) ? refused[name] : undefined;
  if (reason !== undefined) return `${name} is not taken: ${reason}`;
  const near = nearestName(name, Object.keys(properties ?? {}));
  return `${quote(name)} is not a field ${parent === '' ? 'of this route' : 'here'}${near ? `; did you mean ${near}?` : ''}`;
}

function placeAndWords(
  { instancePath: path, keyword, schema, parentSchema }: Finding,
  params: Readonly<Record<string, unknown>>,
): [path: string, words: string] {
  switch (keyword) {
    case 'type':
      return [path, `must be ${TYPES[String(params.type)] ?? 'something else'}`];
    case 'anyOf':
      return [path, `must be ${typesOf(schema).join(' or ')}`];
    case 'required':
      return [pointerTo(path, String(params.missingProperty)), 'is missing'];
    case 'discriminator':
      return [
        pointerTo(path, String(params.tag)),
        `must be one of ${tagsOf(parentSchema, String(params.tag)).join(', ')}`,
      ];
    case 'enum':
      return [path, `must be one of ${(params.allowedValues as readonly unknown[]).join(', ')}`];
    case 'pattern':
      return [path, PATTERNS[String(params.pattern)] ?? 'does not fit this route'];
    case 'propertyNames':
      return [path, PATTERNS[TOKEN_ID] ?? 'does not fit this route'];
    default:
      return [path, boundOf(keyword, Number(params.limit))];
  }
}

function boundOf(keyword: string, limit: number): string {
  const empty = limit === 1 ? 'must not be empty' : undefined;
  switch (keyword) {
    case 'minimum':
      return `must not be less than ${limit}`;
    case 'maximum':
      return `must not be greater than ${limit}`;
    case 'exclusiveMinimum':
      return `must be greater than ${limit}`;
    case 'minLength':
      return empty ?? `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'minItems':
      return empty ?? `must have at least ${limit} items`;
    case 'maxItems':
      return `must have at most ${limit} items`;
    case 'maxProperties':
      return `must have at most ${limit} entries`;
    default:
      return 'does not fit this route';
  }
}

function typesOf(members: unknown): string[] {
  return (members as readonly { readonly type?: string }[]).map(
    ({ type }) => TYPES[type ?? ''] ?? 'something else',
  );
}

function tagsOf(schema: unknown, tag: string): readonly string[] {
  const { oneOf = [] } = schema as { oneOf?: { properties: Record<string, { enum: string[] }> }[] };
  return oneOf.flatMap(({ properties }) => properties[tag]?.enum ?? []);
}

/** A sentence about a value: its name and the words. Items of an array have no name; the path says which it is. */
export function named(path: string, words: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (path === '') return `the body ${words}`;
  return /^\d+$/.test(name) ? words : `${quote(name.replaceAll('~1', '/').replaceAll('~0', '~'))} ${words}`;
}
