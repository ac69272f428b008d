import { ValidateBy, type ValidationOptions } from 'class-validator';

const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();

/** Text that says something: not blank, no half surrogate pair (engines refuse it). */
export function IsProse(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isProse',
      validator: {
        validate: (value: unknown) => isText(value) && value.trim() !== '',
        defaultMessage: () => '$property must be text that is not blank and well-formed Unicode',
      },
    },
    options,
  );
}

/** Whether a value is a label, see {@link IsLabel}. */
export const isLabel = (value: unknown): boolean =>
  isText(value) && /^[^\p{Cc}\p{Zl}\p{Zp}]{1,200}$/u.test(value);

/** An id or label of the caller's: 1 to 200 characters without control characters. */
export function IsLabel(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isLabel',
      validator: {
        validate: isLabel,
        defaultMessage: () => '$property must be text of 1 to 200 characters without control characters',
      },
    },
    options,
  );
}

/** A stop string, or 1 to 4 of them, each of 1 to 100 characters. */
export function IsStop(options?: ValidationOptions): PropertyDecorator {
  const isOne = (value: unknown): boolean => isText(value) && value !== '' && value.length <= 100;
  return ValidateBy(
    {
      name: 'isStop',
      validator: {
        validate: (value: unknown) =>
          isOne(value) ||
          (Array.isArray(value) && value.length >= 1 && value.length <= 4 && value.every(isOne)),
        defaultMessage: () =>
          '$property must be a text of 1 to 100 characters, or an array of 1 to 4 such texts',
      },
    },
    options,
  );
}
