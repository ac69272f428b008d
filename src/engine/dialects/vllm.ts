import { EngineFault } from '../engine-fault.js';
import {
  contextFacts,
  explicitSampling,
  faultByStatus,
  finishOf,
  numberIn,
  relayedBody,
  responseFormat,
  sharedBody,
} from './common.js';
import type { Dialect, EngineError } from './dialect.js';

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

  faultOf(error: EngineError) {
    const { message, param } = error;
    const context = numberIn(message, /(?:max_model_len=|maximum context length is )(\d+)/i);
    if (param === 'input_tokens' || param === 'input_text') {
      const prompt = numberIn(message, /prompt contains (?:at least )?(\d+) input tokens/i);
      return new EngineFault('context-too-long', { said: message, ...contextFacts(prompt, context) });
    }
    // max_tokens alone is over the context; a prompt beside it is clamped by vLLM itself.
    if (param === 'max_tokens' && context !== undefined) {
      return new EngineFault('no-room', { said: message, ...contextFacts(0, context) });
    }
    return faultByStatus(error);
  },
};
