import { EngineFault } from '../engine-fault.js';
import {
  contextFacts,
  faultByStatus,
  finishOf,
  numberIn,
  relayedBody,
  responseFormat,
  sharedBody,
} from './common.js';
import type { Dialect, EngineError } from './dialect.js';

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

  faultOf(error: EngineError) {
    const { message } = error;
    const context = numberIn(message, /maximum context length is (\d+) tokens/i);
    if (context !== undefined) {
      const prompt = numberIn(message, /((?<=resulted in )\d+|\d+(?= in the messages| of text input))/i);
      return new EngineFault('context-too-long', { said: message, ...contextFacts(prompt, context) });
    }
    // The model's own ceiling, which may be lower than its context.
    const ceiling = numberIn(message, /supports at most (\d+) completion tokens/i);
    if (ceiling !== undefined)
      return new EngineFault('no-room', { said: message, ...contextFacts(0, ceiling) });
    if (error.status === 404 && /model/i.test(message))
      return new EngineFault('model-not-found', { said: message });
    return faultByStatus(error);
  },
};
