import type { ChatRequest } from './chat-request.js';
import type { Dialect } from './dialect.js';
import type { Exchange } from './exchange.js';
import { endEarly, generate, tokensOf, type Generation, type ScriptedReply } from './generation.js';
import type { Refusal } from './refusal.js';

/** One piece of a reply's body: the whole JSON text or one event of a stream. */
export interface Part {
  name: 'whole' | 'role' | 'delta' | 'finish' | 'usage' | 'done';
  text: string;
}

/** What the stub's replies depend on besides the request. */
export interface ModelOptions {
  modelName: string;
  contextLength: number;
  tokenDelayMs: number;
  maxRequests: number;
}

const DONE = 'data: [DONE]\n\n';

/** One chat request and the way its reply goes out. */
export class ChatTurn {
  constructor(
    readonly request: ChatRequest,
    readonly exchange: Exchange,
    readonly dialect: Dialect,
    private readonly model: ModelOptions,
  ) {}

  /** Makes up the reply, in the stub's own words where the script has none. */
  generate(script: ScriptedReply): Generation {
    return generate(this.request, script, this.model);
  }

  /** Sends a reply as it is generated. The headers come with the first token, not before, as in SGLang. */
  async send(parts: AsyncIterable<Part>): Promise<void> {
    let begun = false;
    for await (const { text } of parts) {
      if (!begun) this.begin(text);
      begun = true;
      await this.exchange.write(text);
    }
    this.exchange.end();
  }

  /** Sends a reply's headers; a whole reply's tell its length. */
  begin(wholeBody: string): void {
    const length = this.request.stream ? {} : { 'content-length': Buffer.byteLength(wholeBody) };
    this.exchange.begin(200, { ...length, 'content-type': this.contentType });
  }

  get contentType(): string {
    return this.request.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
  }

  /** Speaks a generation at the engine's pace; an abort ends it early. */
  parts(generation: Generation): AsyncGenerator<Part> {
    return this.request.stream ? this.#events(generation) : this.#whole(generation);
  }

  async *#whole(generation: Generation): AsyncGenerator<Part> {
    const tokens = tokensOf(generation);
    let spoken = 0;
    while (spoken < tokens.length) {
      await this.#pace();
      if (this.exchange.stopped) break;
      spoken++;
    }
    const ended = spoken < tokens.length ? endEarly(generation, spoken, 'abort') : generation;
    yield { name: 'whole', text: JSON.stringify(this.dialect.completion(ended)) };
  }

  async *#events(generation: Generation): AsyncGenerator<Part> {
    const { dialect, request } = this;
    const tokens = tokensOf(generation);
    await this.#pace();
    yield event('role', dialect.chunk(generation, request, { role: 'assistant', content: '' }));
    let spoken = 0;
    for (const { field, text } of tokens) {
      if (spoken > 0) await this.#pace();
      if (this.exchange.stopped) break;
      spoken++;
      const usageAfter = request.includeUsage && request.continuousUsage ? spoken : undefined;
      yield event('delta', dialect.chunk(generation, request, { [field]: text }, { usageAfter }));
    }
    const ended = spoken < tokens.length ? endEarly(generation, spoken, 'abort') : generation;
    yield event('finish', dialect.chunk(ended, request, {}, { finished: true }));
    if (request.includeUsage) yield event('usage', dialect.usageChunk(ended));
    yield { name: 'done', text: DONE };
  }

  async #pace(): Promise<void> {
    if (this.model.tokenDelayMs > 0) await this.exchange.pause(this.model.tokenDelayMs);
  }

  /** Refuses the request; what the scheduler refuses, a stream's client learns inside a 200. */
  async refuse(refusal: Refusal): Promise<void> {
    if (refusal.late && this.request.stream) return this.sendErrorEvent(refusal);
    this.respondJson(refusal.status, this.dialect.errorBody(refusal));
  }

  /** Ends a stream, begun or not, with an error event. */
  async sendErrorEvent(refusal: Refusal, begun = false): Promise<void> {
    if (!begun) this.begin('');
    await this.exchange.write(`data: ${this.dialect.errorEvent(refusal)}\n\n${DONE}`);
    this.exchange.end();
  }

  respondJson(status: number, body: object, headers: Record<string, string> = {}): void {
    this.exchange.respond(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
  }
}

function event(name: Part['name'], chunk: object): Part {
  return { name, text: `data: ${JSON.stringify(chunk)}\n\n` };
}
