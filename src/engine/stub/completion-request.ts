import { field, isBoolean, isInteger, isString, isTextOrTexts, missingField } from './fields.js';
import {
  checkRoom,
  clampTopLogprobs,
  type GenerationRequest,
  readCommonFields,
  readIds,
} from './generation-request.js';
import type { JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import { readResponseFormat } from './response-format.js';
import { countTokens } from './tokens.js';

/** OpenAI's default, which is SGLang's too. */
const DEFAULT_MAX_TOKENS = 16;

/** Checks the values of a completion request; throws a {@link Refusal} with SGLang's sentence for the first wrong one. */
export function readCompletionRequest(body: JsonObject, contextLength: number): GenerationRequest {
  const texts = readPrompts(body);
  const maxTokens = readMaxTokens(body);
  const common = readCommonFields(body);
  const prompts = texts.map((content) => ({
    messages: [{ role: 'user', content }],
    tokens: countTokens(content),
  }));
  for (const { tokens } of prompts) checkRoom(tokens, maxTokens, contextLength);
  const logprobs = field(body, 'logprobs', isInteger, 'integer');
  return {
    ...common,
    prompts,
    ids: readIds(body, prompts.length, common.n, Array.isArray(body.prompt)),
    maxTokens,
    schema: readResponseFormat(body),
    tool: undefined,
    echo: field(body, 'echo', isBoolean, 'boolean') ?? false,
    topLogprobs: logprobs === undefined ? undefined : clampTopLogprobs(logprobs),
  };
}

function readPrompts(body: JsonObject): string[] {
  const prompt = field(body, 'prompt', isTextOrTexts, 'string or list of strings');
  if (prompt === undefined) throw missingField(body, 'prompt');
  const prompts = isString(prompt) ? [prompt] : prompt;
  // SGLang lets an empty one through when it has company, and its scheduler dies of it.
  if (prompts.length === 0 || prompts.includes('')) {
    throw new Refusal('Prompt cannot be empty', { param: 'prompt' });
  }
  if (prompts.every((text) => text.isWellFormed())) return prompts;
  throw new Refusal('Input should be a valid string', {
    param: 'prompt',
    issue: { type: 'string_unicode', location: ['body', 'prompt'], input: prompt },
  });
}

/** Unlike chat's it is not optional: null is refused, and so is 0. */
function readMaxTokens(body: JsonObject): number {
  const { max_tokens: maxTokens = DEFAULT_MAX_TOKENS } = body;
  const location = ['body', 'max_tokens'];
  if (!isInteger(maxTokens)) {
    throw new Refusal('Input should be a valid integer', {
      param: 'max_tokens',
      issue: { type: 'int_type', location, input: maxTokens },
    });
  }
  if (maxTokens > 0) return maxTokens;
  throw new Refusal('Value error, max_tokens must be positive', {
    param: 'max_tokens',
    issue: { type: 'value_error', location, input: maxTokens },
  });
}
