import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { type FieldError, ServiceError } from './errors.js';

/** Checks every body against its DTO: unknown fields are refused, and every finding is told with its path. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    exceptionFactory: (found) => {
      const errors = flatten(found, '');
      const fields = errors.map(({ path }) => path || 'the body').join(', ');
      return new ServiceError('VALIDATION_FAILED', `Wrong in this request: ${fields}.`, { errors });
    },
  });
}

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
    return [
      {
        path,
        message:
          name === 'whitelistValidation' ? `${error.property} is not a field of this request` : message,
      },
    ];
  });
}
