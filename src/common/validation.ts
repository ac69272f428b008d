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
    stopAtFirstError: true,
    exceptionFactory: (found) => {
      const errors = flatten(found, '');
      const fields = errors.map(({ path }) => path || 'the body').join(', ');
      return new ServiceError('VALIDATION_FAILED', `Wrong in this request: ${fields}.`, { errors });
    },
  });
}

function flatten(found: readonly ValidationError[], parent: string): FieldError[] {
  return found.flatMap((error) => {
    const path = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const own = Object.entries(error.constraints ?? {}).map(([name, message]) => ({
      path,
      message: name === 'whitelistValidation' ? `${error.property} is not a field of this request` : message,
    }));
    return [...own, ...flatten(error.children ?? [], path)];
  });
}
