import type { RelayBody } from '../engine-request.js';
import { explicitSampling, finishOf, relayedBody, responseFormat, sharedBody } from './common.js';
import type { Dialect } from './dialect.js';
import { faultOf } from './signs.js';

/** SGLang, as 0.5.23 speaks. */
export const sglang: Dialect = {
  provider: 'sglang',
  healthPath: '/ready',
  abortPath: '/abort_request',

  body: (request, requestId) => ({
    ...sharedBody(request),
    ...explicitSampling(request),
    ...responseFormat(request),
    max_tokens: request.maxTokens,
    // The id by which a running request can be aborted. It must be fresh: a live one twice is an error.
    rid: requestId,
    chat_template_kwargs: { enable_thinking: request.thinking },
    // Its reasoning parser looks for think marks anywhere in the text, even with thinking off: an object that quotes
    // one would come back as no content, or torn in two. A text needs the parser: a template may always think.
    separate_reasoning: request.thinking || request.format === undefined,
  }),

  relayed: (body, requestId) => ({
    ...relayedBody(body),
    rid: requestId,
    separate_reasoning: body.separate_reasoning ?? (isThinkingOff(body) ? false : undefined),
  }),

  finishOf,

  faultOf,
};

function isThinkingOff({ chat_template_kwargs: template, reasoning_effort: effort }: RelayBody): boolean {
  return template?.enable_thinking === false || effort === 'none';
}
