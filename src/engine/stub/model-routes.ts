import { chatEvents } from './chat-events.js';
import { readChatRequest } from './chat-request.js';
import { readCompletionRequest } from './completion-request.js';
import type { Dialect } from './dialect.js';
import { readEmbeddingRequest } from './embedding/embedding-request.js';
import { EmbeddingSpeaker } from './embedding/embedding-speaker.js';
import { GenerationSpeaker, type Wording } from './generation-speaker.js';
import type { ModelOptions } from './model-options.js';
import type { Handler, Routes } from './routes.js';
import { textEvents } from './text-events.js';
import type { SpeakerFor, Traffic } from './traffic.js';

/** The routes that ask something of the model. They ask for the key themselves, after they recorded the request. */
export function modelRoutes(traffic: Traffic, dialect: Dialect, model: ModelOptions): Routes {
  const chat: Wording = {
    whole: (answer) => dialect.chat.whole(answer),
    events: (speech) => chatEvents(dialect.chat, speech),
  };
  const text: Wording = {
    whole: (answer) => dialect.text.whole(answer),
    events: (speech) => textEvents(dialect.text, speech),
  };
  const route = (speakerFor: SpeakerFor): Record<string, Handler> => ({
    POST: (request, response) => traffic.answer(request, response, speakerFor),
  });
  return {
    '/v1/chat/completions': route((body, exchange) => {
      const request = readChatRequest(body, model.contextLength);
      const check = () => {
        dialect.checkChat(body, request);
      };
      return new GenerationSpeaker(request, chat, check, exchange, model);
    }),
    '/v1/completions': route((body, exchange) => {
      const request = readCompletionRequest(body, model.contextLength);
      const check = () => {
        dialect.checkCompletion(body, request);
      };
      return new GenerationSpeaker(request, text, check, exchange, model);
    }),
    '/v1/embeddings': route((body, exchange) => {
      const request = readEmbeddingRequest(body);
      const check = () => {
        dialect.checkEmbedding(body, request);
      };
      return new EmbeddingSpeaker(request, dialect, check, exchange, model);
    }),
  };
}
