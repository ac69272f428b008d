import type { Usage } from '../../engine/engine-request.js';

/** The event with the tokens of a stream that ends before the engine could tell them. */
export function usageEvent(last: string, { prompt_tokens, completion_tokens, total_tokens }: Usage): string {
  const { id, object, created, model } = JSON.parse(last) as Record<string, unknown>;
  return JSON.stringify({
    id,
    object,
    created,
    model,
    choices: [],
    usage: { prompt_tokens, completion_tokens, total_tokens },
  });
}
