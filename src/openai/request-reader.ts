import type { Static, TSchema } from 'typebox';
import type { FieldError } from '../common/errors.js';
import { compileChecker } from '../schema/checker.js';
import { pointerTo } from '../schema/json-pointer.js';
import { refusal } from '../common/refusal.js';
import { isSoundText, SOUND_TEXT } from '../schema/sound-json.js';
import { type Hint, named, toErrors } from './request-errors.js';

/** Keys of schemas, which admission looks at: a null in them is a value. */
const SCHEMAS: ReadonlySet<string> = new Set(['schema', 'parameters']);

/** What a route takes. */
export interface RequestForm<S extends TSchema> {
  readonly schema: S;
  /** Known fields that are not taken: the reason, and what to do instead. */
  readonly refused: Readonly<Record<string, string>>;
  readonly hints?: readonly Hint[];
  /** What no schema can say, told of a body that fits its schema. */
  readonly rules: (request: Static<S>) => readonly FieldError[];
}

/**
 * Compiles what reads the bodies of one route. It builds the request anew from known fields alone; null means absent.
 * @returns the function that reads a parsed body, or throws ServiceError VALIDATION_FAILED that names every wrong field
 */
export function requestReader<S extends TSchema>(form: RequestForm<S>): (body: unknown) => Static<S> {
  // The body parser bounds the values of a body, so that everything wrong in it can be looked for.
  const find = compileChecker(JSON.parse(JSON.stringify(form.schema)) as object, Infinity);
  return (body) => {
    const unsound: FieldError[] = [];
    const request = withoutNulls(body, '', unsound);
    const findings = find(request);
    const wrong = [...toErrors(findings, form.refused, form.hints ?? []), ...unsound];
    if (wrong.length > 0) throw refusal(wrong);
    const broken = form.rules(request as Static<S>);
    if (broken.length > 0) throw refusal(broken);
    return request as Static<S>;
  };
}

/** Copies a body without the fields that are null, and looks at each text on the way. */
function withoutNulls(value: unknown, path: string, unsound: FieldError[]): unknown {
  if (typeof value === 'string') {
    if (!isSoundText(value)) unsound.push({ path, message: named(path, SOUND_TEXT) });
    return value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((item, index) => withoutNulls(item, pointerTo(path, index), unsound));
  const copy: Record<string, unknown> = {};
  for (const [key, own] of Object.entries(value)) {
    if (own === null) continue;
    copy[key] = SCHEMAS.has(key) ? own : withoutNulls(own, pointerTo(path, key), unsound);
  }
  return copy;
}
