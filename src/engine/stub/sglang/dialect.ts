import type { Dialect, Embeddings } from '../dialect.js';
import type { GenerationRequest } from '../generation-request.js';
import type { JsonObject } from '../json.js';
import { stubName } from '../model-options.js';
import { chat } from './chat.js';
import { errorBody, errorEvent } from './errors.js';
import { compileGrammar } from './grammar.js';
import { text } from './text.js';
import { usage } from './usage.js';

/** SGLang 0.5.23 as measured on the wire. Embeddings excepted: it gives them only with a model made for them. */
export const sglangDialect: Dialect = {
  hasNativeRoutes: true,
  chat,
  text,
  errorBody,
  errorEvent,

  headers: () => ({ server: 'uvicorn', vary: 'Origin' }),

  checkChat: checkSchema,
  checkCompletion: checkSchema,
  checkEmbedding: () => undefined,

  embeddings({ model, vectors, promptTokens }: Embeddings) {
    return {
      data: vectors.map((embedding, index) => ({ embedding, index, object: 'embedding' })),
      model,
      object: 'list',
      usage: usage(promptTokens, 0, 0),
    };
  },

  models(modelName, contextLength) {
    const id = stubName(modelName);
    const created = Math.floor(Date.now() / 1000);
    const model = {
      id,
      object: 'model',
      created,
      owned_by: 'stub',
      root: id,
      parent: null,
      max_model_len: contextLength,
    };
    return { object: 'list', data: [model] };
  },
};

function checkSchema(_body: JsonObject, { schema }: GenerationRequest): void {
  if (schema) compileGrammar(schema as JsonObject);
}
