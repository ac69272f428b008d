import { type Answer, idOf, promptTokensOf, sumOver } from '../answer.js';
import { countReasoning, countTokens } from '../generation.js';

/** What a reply says of itself first. All choices of a reply have its id, in a stream too. */
export function head(answer: Answer, object: string): object {
  const prefix = object === 'text_completion' ? 'cmpl' : 'chatcmpl';
  return { id: `${prefix}-${idOf(answer)}`, object, created: answer.created, model: answer.model };
}

/** The usage of all choices together. */
export function usageOf(answer: Answer): object {
  const tokens = sumOver(answer, countTokens);
  const promptTokens = promptTokensOf(answer);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: tokens,
    total_tokens: promptTokens + tokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: sumOver(answer, countReasoning),
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

export const FINGERPRINT = { system_fingerprint: 'fp_stub' };
