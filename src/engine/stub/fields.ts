import type { JsonObject } from './json.js';
import { Refusal } from './refusal.js';

/** The value of a body's field, null being absent; throws the {@link Refusal} of a value of another kind. */
export function field<T>(
  body: JsonObject,
  name: string,
  is: (value: unknown) => value is T,
  kind: string,
): T | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || is(value)) return value;
  throw new Refusal(`Input should be a valid ${kind}`, {
    param: name,
    issue: { type: `${kind}_type`, location: ['body', name], input: value },
  });
}

/** The refusal of a body that lacks a field. */
export function missingField(body: JsonObject, name: string): Refusal {
  return new Refusal('Field required', {
    param: name,
    issue: { type: 'missing', location: ['body', name], input: body },
  });
}

export const isString = (value: unknown): value is string => typeof value === 'string';
export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isNumber = (value: unknown): value is number => typeof value === 'number';
export const isInteger = (value: unknown): value is number => Number.isInteger(value);
export const isList = (value: unknown): value is unknown[] => Array.isArray(value);
export const isTextOrTexts = (value: unknown): value is string | string[] =>
  isString(value) || (isList(value) && value.every(isString));
