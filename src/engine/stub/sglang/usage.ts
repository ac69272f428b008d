import { type Answer, promptTokensOf, sumOver } from '../answer.js';
import { countReasoning, countTokens } from '../generation.js';
import type { Step } from '../speech.js';

export function usage(promptTokens: number, tokens: number, reasoningTokens: number): object {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + tokens,
    completion_tokens: tokens,
    prompt_tokens_details: null,
    reasoning_tokens: reasoningTokens,
    completion_tokens_details: reasoningTokens > 0 ? { reasoning_tokens: reasoningTokens } : null,
  };
}

/** The usage of all choices together. */
export function usageOf(answer: Answer): object {
  return usage(promptTokensOf(answer), sumOver(answer, countTokens), sumOver(answer, countReasoning));
}

/** The usage of one choice so far. */
export function usageAfter({ generation, count }: Omit<Step, 'token'>): object {
  return usage(generation.promptTokens, count, Math.min(count, countReasoning(generation)));
}

/** What closes a whole reply; its token count is the first choice's, however many there are. */
export function metadata({ generations: [first] }: Answer): object {
  const weights = { version: 'default', start: 0, end: first ? countTokens(first) : 0 };
  return { weight_version: 'default', weight_versions: [weights] };
}
