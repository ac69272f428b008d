import { randomUUID } from 'node:crypto';
import type { Dialect, ChunkOptions, Delta } from './dialect.js';
import { completionTokens, stubName, type Generation } from './generation.js';
import { checkStrictly } from './openai-strict.js';
import type { Refusal } from './refusal.js';

/** OpenAI's own API, as strict as it is with its newer models. */
export const openaiDialect: Dialect = {
  hasNativeRoutes: false,

  headers: () => ({ 'x-request-id': `req_${randomUUID().replaceAll('-', '')}` }),

  check: checkStrictly,

  completion(generation) {
    const choice = {
      index: 0,
      message: {
        role: 'assistant',
        content: generation.content?.join('') ?? null,
        refusal: null,
        annotations: [],
      },
      logprobs: null,
      finish_reason: generation.finishReason,
    };
    return {
      ...head(generation, 'chat.completion'),
      choices: generation.hasChoices ? [choice] : [],
      usage: usage(generation),
      ...SERVICE,
    };
  },

  // Its models keep their reasoning to themselves, so that such a delta says nothing.
  chunk(generation, request, { role, content }: Delta, { finished = false }: ChunkOptions = {}) {
    const choice = {
      index: 0,
      delta: role ? { role, content, refusal: null } : content === undefined ? {} : { content },
      logprobs: null,
      finish_reason: finished ? generation.finishReason : null,
    };
    return {
      ...head(generation, 'chat.completion.chunk'),
      ...SERVICE,
      choices: generation.hasChoices ? [choice] : [],
      ...(request.includeUsage && { usage: null }),
    };
  },

  usageChunk(generation) {
    return {
      ...head(generation, 'chat.completion.chunk'),
      ...SERVICE,
      choices: [],
      usage: usage(generation),
    };
  },

  errorBody: nestedError,
  errorEvent: (refusal) => JSON.stringify(nestedError(refusal)),

  models(modelName) {
    const created = Math.floor(Date.now() / 1000);
    return {
      object: 'list',
      data: [{ id: stubName(modelName), object: 'model', created, owned_by: 'stub' }],
    };
  },
};

const SERVICE = { service_tier: 'default', system_fingerprint: 'fp_stub' };

function head({ id, created, model }: Generation, object: string): object {
  return { id: `chatcmpl-${id}`, object, created, model };
}

function usage(generation: Generation): object {
  const tokens = completionTokens(generation);
  return {
    prompt_tokens: generation.promptTokens,
    completion_tokens: tokens,
    total_tokens: generation.promptTokens + tokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: generation.reasoning?.length ?? 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function nestedError({ status, message, param, code }: Refusal): object {
  const type = status < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message, type, param, code } };
}
