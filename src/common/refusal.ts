import { type FieldError, ServiceError } from './errors.js';
import { quotePointer } from './quote.js';

/** Findings that are told of one request; whoever has more corrects these first. */
const MAX_TOLD = 50;

/** Fields that the sentence itself names. */
const MAX_NAMED = 5;

/** The error of a request in which something is wrong; messages quote themselves what they repeat of the request. */
export function refusal(found: readonly FieldError[]): ServiceError {
  const errors = found
    .slice(0, MAX_TOLD)
    .map(({ path, message }): FieldError => ({ path: quotePointer(path), message }));
  const named = errors.slice(0, MAX_NAMED).map(({ path }) => path || 'the body');
  const more = found.length - named.length;
  const sentence = `Wrong in this request: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
  return new ServiceError('VALIDATION_FAILED', sentence, { errors });
}
