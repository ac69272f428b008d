import { randomUUID } from 'node:crypto';
import type { Dialect, Embeddings } from '../dialect.js';
import { stubName } from '../model-options.js';
import type { Refusal } from '../refusal.js';
import { chat } from './chat.js';
import { checkStrictly, checkCompletionStrictly, checkEmbeddingStrictly } from './strict.js';
import { text } from './text.js';

/** OpenAI's own API, as strict as it is with its newer models. */
export const openaiDialect: Dialect = {
  hasNativeRoutes: false,
  chat,
  text,

  headers: () => ({ 'x-request-id': `req_${randomUUID().replaceAll('-', '')}` }),

  checkChat: checkStrictly,
  checkCompletion: checkCompletionStrictly,
  checkEmbedding: checkEmbeddingStrictly,

  embeddings({ model, vectors, promptTokens }: Embeddings) {
    return {
      object: 'list',
      data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
      model,
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
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

function nestedError({ status, message, param, code }: Refusal): object {
  const type = status < 500 ? 'invalid_request_error' : 'server_error';
  return { error: { message, type, param, code } };
}
