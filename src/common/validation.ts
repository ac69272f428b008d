import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import type { FieldError } from './errors.js';
import { quote } from './quote.js';
import { refusal } from './refusal.js';
import { isLabel } from './validators.js';

/** Checks every body against its DTO: unknown fields are refused, and every finding is told with its path. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    // Read below to tell which items of an array are wrong; nothing of it is sent.
    validationError: { target: false, value: true },
    exceptionFactory: (found) => refusal(flatten(found, '')),
  });
}

/** Constraints on the items of an array, which class-validator reports for the array as a whole. */
const ITEM_CHECKS: Readonly<Record<string, { check: (item: unknown) => boolean; message: string }>> = {
  isLabel: { check: isLabel, message: 'must be text of 1 to 200 characters without control characters' },
  isObject: {
    check: (item) => typeof item === 'object' && item !== null && !Array.isArray(item),
    message: 'must be an object',
  },
};

/**
 * One finding per value, with what is inside it only where it is itself in order. Of several constraints the one
 * written first counts (class-validator lists them from the last to the first): the type before its bounds.
 */
function flatten(found: readonly ValidationError[], parent: string): FieldError[] {
  return found.flatMap((error) => {
    const path = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const own = Object.entries(error.constraints ?? {})
      .filter(([name]) => name !== 'nestedValidation')
      .at(-1);
    if (!own) return flatten(error.children ?? [], path);
    const [name, message] = own;
    if (Array.isArray(error.value) && ITEM_CHECKS[name]) {
      const items = [
        ...wrongItems(error.value, path, ITEM_CHECKS[name]),
        ...flatten(error.children ?? [], path),
      ];
      // None where the field is no list, and a list of sound items stands in its place.
      if (items.length > 0) return items;
    }
    const isUnknown = name === 'whitelistValidation';
    return [
      { path, message: isUnknown ? `${quote(error.property)} is not a field of this request` : message },
    ];
  });
}

function wrongItems(
  items: readonly unknown[],
  path: string,
  { check, message }: { check: (item: unknown) => boolean; message: string },
): FieldError[] {
  return items.flatMap((item, index) => (check(item) ? [] : [{ path: `${path}/${index}`, message }]));
}
