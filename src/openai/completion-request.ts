import Type, { type Static } from 'typebox';
import type { FieldError } from '../common/errors.js';
import { closed, engineFields, generationFields, REFUSED_FIELDS } from './request-fields.js';
import { requestReader } from './request-reader.js';
import { generationRules, tokenHint } from './request-rules.js';

/** Texts that one request may go on with, and replies that it may ask for in all. */
const MAX_REPLIES = 32;

const text = Type.String({ minLength: 1 });

/** Body of POST /v1/completions. null means absent. */
export const completionRequestSchema = closed(
  {
    ...generationFields,
    prompt: Type.Union([text, Type.Array(text, { minItems: 1, maxItems: MAX_REPLIES })], {
      description: 'The text to go on with, or 1 to 32 of them. No token ids.',
    }),
    echo: Type.Optional(Type.Boolean({ description: 'Whether the reply begins with the prompt.' })),
    logprobs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 5,
        description: 'Likeliest tokens to tell at every place, at most 5.',
      }),
    ),
    ...engineFields,
  },
  'A text to go on with. null means absent; without max_tokens the reply has 16 tokens.',
);

/** What a caller asks of /v1/completions, checked. */
export type CompletionRequest = Static<typeof completionRequestSchema>;

const read = requestReader({
  schema: completionRequestSchema,
  refused: {
    ...REFUSED_FIELDS,
    suffix: 'engines ignore it without a word; put what follows into the prompt',
    best_of: 'engines ignore it without a word; ask for n replies and choose among them',
  },
  hints: [tokenHint('prompt')],
  rules: completionRules,
});

/**
 * Reads a parsed body.
 * @throws ServiceError VALIDATION_FAILED
 */
export function readCompletionRequest(body: unknown): CompletionRequest {
  const request = read(body);
  return request.top_k === 0 ? { ...request, top_k: -1 } : request;
}

function completionRules(request: CompletionRequest): FieldError[] {
  const errors = generationRules(request);
  const prompts = Array.isArray(request.prompt) ? request.prompt.length : 1;
  if (prompts * (request.n ?? 1) > MAX_REPLIES) {
    errors.push({ path: '/n', message: `n times the prompts must not be greater than ${MAX_REPLIES}` });
  }
  return errors;
}
