import { DEFAULT_RETRIES, DEFAULT_TIMEOUT_S, DEFAULT_URL } from '../defaults.js';
import { wrongUse } from '../faults/fault.js';
import type { Answer, ChatPiece, ServerHealth, StructuredEvent, StructuredTask } from './answers.js';
import { rootOf } from './base-url.js';
import { CallFailed, interrupted } from './call-failed.js';
import { readChat } from './chat-stream.js';
import { explained } from './explained.js';
import { generateEach } from './generate-each.js';
import { compose, generateOnce, type RequestPlace, samplingOf } from './generate-once.js';
import type { BatchOptions, Message, PromptRequest, Prompts, RequestResult, Sampling } from './generation.js';
import { namesOf, readModelList } from './model-list.js';
import { Models } from './models.js';
import type { Retry } from './retry.js';
import { Server } from './server.js';
import { readHealth } from './server-health.js';
import { readStructured, STRUCTURED_PATHS } from './structured-stream.js';
import type { WireHead } from './wire-answer.js';

export type { Answer, ChatPiece, Retry, ServerHealth, StructuredEvent, StructuredTask };

/** A server that is well says so at once. */
const PROBE_TIMEOUT_MS = 5000;

/** Which server is asked, and how patiently. */
export interface LLMClientOptions {
  /** With or without http://, /v1 or a path behind it; http://localhost:8000 where it is left out. */
  readonly baseUrl?: string | undefined;
  readonly apiKey?: string | undefined;
  /** Milliseconds for one attempt at one answer, and in a stream between two pieces; 120,000 where it is left out. */
  readonly timeoutMs?: number | undefined;
  /** How often a call is sent again; 3 where it is left out. */
  readonly retries?: number | undefined;
  /** Connections at once; as many as there are calls at once where it is left out. */
  readonly connections?: number | undefined;
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The part of the client that other programs import; the commands are written on it. */
export class LLMClient {
  readonly #server: Server;
  /** The same, for what somebody waits for to see whether it is there at all. */
  readonly #probe: Server;
  readonly #models: Models;

  /** @throws ClientFault where baseUrl is no address, or apiKey none that HTTP can carry */
  constructor({
    baseUrl = DEFAULT_URL,
    apiKey,
    timeoutMs = DEFAULT_TIMEOUT_S * 1000,
    retries = DEFAULT_RETRIES,
    connections = Infinity,
    onRetry = () => undefined,
  }: LLMClientOptions = {}) {
    if (apiKey !== undefined) requireSendable(apiKey);
    const settings = { root: rootOf(baseUrl), apiKey, timeoutMs, retries, connections, onRetry };
    this.#server = new Server(settings);
    this.#probe = new Server({ ...settings, timeoutMs: Math.min(timeoutMs, PROBE_TIMEOUT_MS) });
    this.#models = new Models(this.#server);
  }

  /** The server's address as it is asked: without /v1 and without a slash at its end. */
  get root(): string {
    return this.#server.root;
  }

  /** Whether a server answers there and is ready. It does not throw. */
  async healthCheck(): Promise<boolean> {
    try {
      return (await this.health()).ready;
    } catch {
      return false;
    }
  }

  /**
   * Looks once, for 5 s at the most, without waiting for a server that may come. One that refuses the key is not ready.
   * @param model which will be asked: a server then need not list any
   * @throws CallFailed where nothing answers, or what is no such server
   */
  health(signal?: AbortSignal, model?: string): Promise<ServerHealth> {
    return readHealth(this.#probe, model, signal);
  }

  /**
   * Names of the models that the server lists. Asked once, for 5 s at the most, without waiting for a server that may come.
   * @throws CallFailed
   */
  async models(signal?: AbortSignal): Promise<string[]> {
    return namesOf(await readModelList(this.#probe, { signal, retries: 0 }));
  }

  /**
   * Asks once. A call without an answer is a result with `success: false`.
   * @throws ClientFault where the request asks nothing
   */
  async generateSingle(prompt: string | PromptRequest, options: BatchOptions = {}): Promise<RequestResult> {
    return this.#generate(prompt, { index: 1, repeat: 1 }, options, options.signal);
  }

  /**
   * Asks all. Results are in the order of the prompts, and of each prompt in that of its repetitions.
   * @throws CallFailed where it is interrupted, or the server is gone for good; `facts.answered` has what was answered
   */
  async generateBatch(
    prompts: readonly (string | PromptRequest)[],
    options: BatchOptions = {},
  ): Promise<RequestResult[]> {
    const results: RequestResult[] = [];
    const { repeat = 1, signal } = options;
    try {
      for await (const result of this.generateEach(prompts, options))
        results[(result.index - 1) * repeat + result.repeat - 1] = result;
      if (signal?.aborted) throw interrupted({ cause: signal.reason });
      return results;
    } catch (error) {
      throw error instanceof CallFailed ? withAnswers(error, results) : error;
    }
  }

  /**
   * Asks as many as come, without holding them: results come as the answers do, each with the number of its prompt.
   * Prompts are taken only as fast as they are answered. What is not answered when `signal` aborts is no result.
   * @throws CallFailed unreachable, where the server is gone for good
   */
  generateEach(prompts: Prompts, options: BatchOptions = {}): AsyncGenerator<RequestResult, void, undefined> {
    const { concurrent = 1, repeat = 1, ahead = Infinity } = options;
    return generateEach(prompts, {
      concurrent,
      repeat,
      ahead,
      signal: options.signal,
      root: this.root,
      ask: (prompt, place, signal) => this.#generate(prompt, place, options, signal),
    });
  }

  /**
   * The next message of a conversation, as it is written.
   * @throws CallFailed also where a stream ends too early or falls silent
   */
  async *chat(
    messages: readonly Message[],
    { signal, ...sampling }: Sampling & { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<ChatPiece, void, undefined> {
    const model = sampling.model ?? (await this.#models.first(signal));
    const body = {
      ...samplingOf(sampling),
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    };
    const call = {
      method: 'POST',
      path: '/v1/chat/completions',
      body: JSON.stringify(body),
      signal,
    } as const;
    try {
      yield* this.#server.stream(call, (answer) => readChat(answer, this.root));
    } catch (error) {
      throw error instanceof CallFailed ? await explained(error, this.#models, signal) : error;
    }
  }

  /**
   * A structured reply, field by field; the last event is `result`.
   * @throws CallFailed
   */
  async *structured(
    task: StructuredTask,
    body: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): AsyncGenerator<StructuredEvent, void, undefined> {
    const path = STRUCTURED_PATHS[task];
    const call = { method: 'POST', path, body: JSON.stringify({ ...body, stream: true }), signal } as const;
    yield* this.#server.stream(call, (answer) => readStructured(answer, this.root));
  }

  /**
   * Asks any route of the service and gives its JSON. `path` begins with a slash.
   * @throws CallFailed
   */
  async ask<T>(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Answer<T>> {
    const began = performance.now();
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const { json, headers, attempts } = await this.#server.ask({ method, path, body: sent, signal });
    return { body: json as T, headers, attempts, latencyMs: performance.now() - began };
  }

  /**
   * A route that streams a text of any length, in chunks of bytes.
   * @throws CallFailed
   */
  download(path: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array> & WireHead> {
    return this.#server.open({ method: 'GET', path, signal });
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await Promise.all([this.#server.close(), this.#probe.close()]);
  }

  #generate(
    prompt: string | PromptRequest,
    place: RequestPlace,
    options: BatchOptions,
    signal: AbortSignal | undefined,
  ): Promise<RequestResult> {
    return generateOnce(this.#server, compose(prompt, options), place, { models: this.#models, signal });
  }
}

/** The failure of a batch with the results that are there, in their order. */
function withAnswers(failure: CallFailed, results: readonly RequestResult[]): CallFailed {
  const { kind, message, facts } = failure;
  // What was not answered left holes.
  const answered = Object.values(results);
  return new CallFailed(kind, message, { ...facts, answered }, { cause: failure });
}

/** @throws ClientFault where a header of HTTP cannot carry the key; it does not repeat it */
function requireSendable(apiKey: string): void {
  if (/^[\x21-\x7e]*$/.test(apiKey)) return;
  throw wrongUse(
    'The key has a character that no key has, such as a space, a line break or a letter outside ASCII: copy it again into --api-key or LLM_SERVICE_API_KEY.',
  );
}
