import type { ChatRequest } from './chat-request.js';
import type { Generation } from './generation.js';
import type { JsonObject } from './json.js';
import type { Refusal } from './refusal.js';

/** What a stream's chunk adds to the message. */
export interface Delta {
  role?: 'assistant';
  content?: string;
  reasoning_content?: string;
}

export interface ChunkOptions {
  /** The chunk that carries the generation's finish reason. */
  finished?: boolean;
  /** The tokens generated so far, where the client asked for usage with every chunk. */
  usageAfter?: number | undefined;
}

/** An engine's way of saying things over HTTP: everything that differs between SGLang and OpenAI. */
export interface Dialect {
  /** Headers of every response. */
  headers(): Record<string, string>;

  /** Throws the refusals that only this engine makes, for a request whose values are right. */
  check(body: JsonObject, request: ChatRequest): void;

  completion(generation: Generation): object;
  chunk(generation: Generation, request: ChatRequest, delta: Delta, options?: ChunkOptions): object;
  usageChunk(generation: Generation): object;

  errorBody(refusal: Refusal): object;
  /** An error inside a stream, as the text after `data: `. */
  errorEvent(refusal: Refusal): string;

  models(modelName: string, contextLength: number): object;
  /** Whether the engine has SGLang's own routes besides those under /v1. */
  readonly hasNativeRoutes: boolean;
}
