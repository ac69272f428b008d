import { finishOf, relayedBody, responseFormat, sharedBody } from './common.js';
import type { Dialect } from './dialect.js';
import { faultOf } from './signs.js';

/** It refuses stream options that it does not know. */
const USAGE_AT_THE_END = { include_usage: true };

/** OpenAI itself. Newer models refuse sampling fields, so only what the caller named is sent. */
export const openai: Dialect = {
  provider: 'openai',

  body: (request) => ({
    ...sharedBody(request, USAGE_AT_THE_END),
    ...responseFormat(request, { strict: true }),
    max_completion_tokens: request.maxTokens,
    ...(request.sampling.temperature !== undefined && { temperature: request.sampling.temperature }),
    ...(request.sampling.topP !== undefined && { top_p: request.sampling.topP }),
  }),

  relayed: relayedBody,

  finishOf,

  faultOf,
};
