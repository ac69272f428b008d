import { ValidateBy, type ValidationOptions } from 'class-validator';
import { registeredTask, registeredTasks } from '../calls/task-registry.js';
import { isLabel } from '../common/validators.js';
import { momentOf } from './moment.js';

// A parameter that is there twice arrives as an array, which none of these takes.

/** A text to compare with. */
export function IsSearchText(options?: ValidationOptions): PropertyDecorator {
  return check(
    'isSearchText',
    isLabel,
    'must be one text of 1 to 200 characters without control characters',
    options,
  );
}

/** A date or date-time of ISO 8601. */
export function IsMoment(options?: ValidationOptions): PropertyDecorator {
  return check(
    'isMoment',
    (value) => typeof value === 'string' && momentOf(value) !== undefined,
    'must be a date or date-time of ISO 8601, like 2026-11-21 or 2026-11-21T09:30:00Z',
    options,
  );
}

/** A whole number in decimal digits, both bounds included. */
export function IsWholeNumber(least: number, most: number, options?: ValidationOptions): PropertyDecorator {
  return check(
    'isWholeNumber',
    (value) =>
      typeof value === 'string' &&
      /^\d{1,15}$/.test(value) &&
      Number(value) >= least &&
      Number(value) <= most,
    `must be a whole number from ${least} to ${most}`,
    options,
  );
}

/** A number in decimal digits, both bounds included. */
export function IsNumber(least: number, most: number, options?: ValidationOptions): PropertyDecorator {
  return check(
    'isNumber',
    (value) =>
      typeof value === 'string' &&
      /^-?\d{1,15}(\.\d{1,15})?$/.test(value) &&
      Number(value) >= least &&
      Number(value) <= most,
    `must be a number from ${least} to ${most}`,
    options,
  );
}

/** The name of a task. Which ones there are is known once every module is loaded, so each value is looked up. */
export function IsTask(options?: ValidationOptions): PropertyDecorator {
  return check(
    'isTask',
    (value) => typeof value === 'string' && registeredTask(value) !== undefined,
    () =>
      `must be one of the following values: ${registeredTasks()
        .map(({ name }) => name)
        .join(', ')}`,
    options,
  );
}

function check(
  name: string,
  validate: (value: unknown) => boolean,
  words: string | (() => string),
  options?: ValidationOptions,
): PropertyDecorator {
  const defaultMessage = () => `$property ${typeof words === 'string' ? words : words()}`;
  return ValidateBy({ name, validator: { validate, defaultMessage } }, options);
}
