import { explicitSampling, finishOf, relayedBody, responseFormat, sharedBody } from './common.js';
import type { Dialect } from './dialect.js';
import { faultOf } from './signs.js';

/** vLLM, as 0.32 speaks. */
export const vllm: Dialect = {
  provider: 'vllm',
  healthPath: '/health',

  body: (request, requestId) => ({
    ...sharedBody(request),
    ...explicitSampling(request),
    ...responseFormat(request),
    max_tokens: request.maxTokens,
    request_id: requestId,
    chat_template_kwargs: { enable_thinking: request.thinking },
  }),

  relayed: (body, requestId) => ({ ...relayedBody(body), request_id: requestId }),

  finishOf,

  faultOf,
};
