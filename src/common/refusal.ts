import { type FieldError, ServiceError } from './errors.js';

/** Findings that are told of one request; whoever has more corrects these first. */
const MAX_TOLD = 50;

/** Fields that the sentence itself names. */
const MAX_NAMED = 5;

/** The error of a request in which something is wrong. */
export function refusal(errors: readonly FieldError[]): ServiceError {
  const named = errors.slice(0, MAX_NAMED).map(({ path }) => path || 'the body');
  const more = errors.length - named.length;
  const sentence = `Wrong in this request: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
  return new ServiceError('VALIDATION_FAILED', sentence, { errors: errors.slice(0, MAX_TOLD) });
}
