import type { Answer } from './answer.js';
import type { EmbeddingRequest } from './embedding/embedding-request.js';
import type { Generation } from './generation.js';
import type { GenerationRequest } from './generation-request.js';
import type { JsonObject } from './json.js';
import type { Refusal } from './refusal.js';
import type { Step } from './speech.js';

/** The shapes of a chat reply. */
export interface ChatShapes {
  whole(answer: Answer): object;
  /** What introduces a choice in a stream. */
  role(answer: Answer, generation: Generation): object;
  delta(answer: Answer, step: Step): object;
  /** What a stream says of the token that ends a choice, where the client asked how likely tokens are. */
  end?(answer: Answer, generation: Generation): object;
  finish(answer: Answer, generation: Generation): object;
  usage(answer: Answer): object;
}

/** The shapes of a text completion. */
export interface TextShapes {
  whole(answer: Answer): object;
  delta(answer: Answer, step: Step): object;
  /** What ends a choice in a stream. `step` is its last token where the same event has to carry that. */
  finish(answer: Answer, generation: Generation, step?: Step): object;
  usage(answer: Answer): object;
}

/** The vectors of an embedding reply and what they cost. */
export interface Embeddings {
  model: string;
  /** Numbers, or their float32 bytes in base64, as the request asked. */
  vectors: (number[] | string)[];
  promptTokens: number;
}

/** An engine's way of saying things over HTTP: everything that differs between SGLang and OpenAI. */
export interface Dialect {
  /** Headers of every response. */
  headers(): Record<string, string>;

  // These throw the refusals that only this engine makes, for a request whose values are right.
  checkChat(body: JsonObject, request: GenerationRequest): void;
  checkCompletion(body: JsonObject, request: GenerationRequest): void;
  checkEmbedding(body: JsonObject, request: EmbeddingRequest): void;

  readonly chat: ChatShapes;
  readonly text: TextShapes;
  embeddings(embeddings: Embeddings): object;

  /** @param path - where the refused request was sent to */
  errorBody(refusal: Refusal, path: string): object;
  /** An error inside a stream, as the text after `data: `. */
  errorEvent(refusal: Refusal): string;

  models(modelName: string, contextLength: number): object;
  /** Whether the engine has SGLang's own routes besides those under /v1. */
  readonly hasNativeRoutes: boolean;
}
