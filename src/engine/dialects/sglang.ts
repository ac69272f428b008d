import { EngineFault } from '../engine-fault.js';
import type { RelayBody } from '../engine-request.js';
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

  faultOf(error: EngineError) {
    const { message } = error;
    const tooLong = numberIn(message, /input \((\d+) tokens\) is longer than/i);
    if (tooLong !== undefined || /Input length .* exceeds the maximum allowed length/i.test(message)) {
      const context = numberIn(message, /(?:context length \(|maximum allowed length \()(\d+)/i);
      return new EngineFault('context-too-long', { said: message, ...contextFacts(tooLong, context) });
    }
    // max_tokens alone is over the context: SGLang says so before it counts the prompt.
    const ceiling = numberIn(message, /supports at most (\d+) completion tokens/i);
    if (ceiling !== undefined)
      return new EngineFault('no-room', { said: message, ...contextFacts(0, ceiling) });
    const context = numberIn(message, /maximum context length of (\d+) tokens/i);
    const prompt = numberIn(message, /(\d+) tokens from the input messages/i);
    if (context !== undefined && prompt !== undefined) {
      return new EngineFault('no-room', { said: message, ...contextFacts(prompt, context) });
    }
    return faultByStatus(error);
  },
};

function isThinkingOff({ chat_template_kwargs: template, reasoning_effort: effort }: RelayBody): boolean {
  return template?.enable_thinking === false || effort === 'none';
}
