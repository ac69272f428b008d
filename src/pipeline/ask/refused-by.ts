import { ServiceError } from '../../common/errors.js';
import type { EngineReply } from '../../engine/engine-request.js';

/**
 * The error of a reply that is a refusal, by the model or a filter of its engine: asked again, it would only be refused
 * again. Undefined for any other reply.
 */
export function refusedBy({ finish, refusal }: EngineReply): ServiceError | undefined {
  if (finish === 'content-filter')
    return new ServiceError('MODEL_REFUSED', 'A content filter of the engine stopped the reply.');
  if (refusal.trim() === '') return undefined;
  return new ServiceError('MODEL_REFUSED', 'The model answered with a refusal instead of the object.');
}
