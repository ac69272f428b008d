import { Logger } from '@nestjs/common';
import { ServiceError } from './errors.js';

const logger = new Logger('Fault');

/**
 * Logs an unforeseen fault, and returns the error that a caller may see.
 * @param requestId id of the request or the job that met it
 */
export function unexpectedFault(thrown: unknown, requestId: string): ServiceError {
  logger.error({
    message: 'unexpected fault',
    request_id: requestId,
    stack: thrown instanceof Error ? thrown.stack : String(thrown),
  });
  return new ServiceError('INTERNAL_ERROR', 'Something failed that should not; the log has the details.');
}
