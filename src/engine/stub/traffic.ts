import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Dialect } from './dialect.js';
import { Exchange } from './exchange.js';
import type { Fault } from './faults.js';
import { authorize, parseBody, pathOf, readBody } from './http.js';
import type { JsonObject } from './json.js';
import type { ModelOptions } from './model-options.js';
import { playFault } from './play-fault.js';
import { Refusal } from './refusal.js';
import type { Speaker } from './speaker.js';
import { Turn } from './turn.js';

/** A request to the model as it arrived, refused ones included. */
export interface ReceivedRequest {
  /** Such as `/v1/chat/completions`. */
  path: string;
  headers: IncomingHttpHeaders;
  rawBody: string;
  /** Null where the body is not a JSON object or the key was wrong. */
  body: unknown;
  /** Whether the client closed the connection before the response was complete. */
  clientLeft: boolean;
}

/** Checks a body and finds who answers it; throws the {@link Refusal} of a wrong one. */
export type SpeakerFor = (body: JsonObject, exchange: Exchange) => Speaker;

/** Old ones are forgotten, so that a load test does not fill the memory. */
const KEPT_REQUESTS = 1000;

/** Everything that is asked of the model: what came, what is under way, and the script of what to answer. */
export class Traffic {
  requests: ReceivedRequest[] = [];
  script: Fault[] = [];
  readonly #exchanges = new Set<Exchange>();
  readonly #aborts = new Map<string, () => void>();

  constructor(
    private readonly dialect: Dialect,
    private readonly model: ModelOptions,
    private readonly apiKey: string | undefined,
    private readonly onChange: () => void,
  ) {}

  /** The requests that are being answered. */
  get running(): number {
    return this.#exchanges.size;
  }

  /** What an engine counts as running: every choice of every request. */
  get sequences(): number {
    return [...this.#exchanges].reduce((sum, { sequences }) => sum + sequences, 0);
  }

  /** Answers a request to the model, however the script wants it. */
  async answer(request: IncomingMessage, response: ServerResponse, speakerFor: SpeakerFor): Promise<void> {
    const bytes = await readBody(request);
    const received = this.#record(request, bytes);
    const exchange = this.#open(response, received);
    authorize(request, this.apiKey);
    const body = parseBody(bytes, request.headers['content-type']);
    received.body = body;
    const speaker = speakerFor(body, exchange);
    this.#register(speaker, exchange, response);
    const turn = new Turn(exchange, speaker, this.dialect, received.path);
    try {
      speaker.check();
      this.#admit();
    } catch (error) {
      if (error instanceof Refusal) return turn.refuse(error);
      throw error;
    }
    await playFault(this.script.shift() ?? { kind: 'reply' }, turn, this.model.contextLength);
  }

  /** Ends the request, or the choice, with this id early, if there is one. */
  abort(id: string): void {
    this.#aborts.get(id)?.();
  }

  abortAll(): void {
    for (const exchange of this.#exchanges) exchange.stop();
  }

  /** Breaks off every response that is under way. */
  dropAll(): void {
    for (const exchange of this.#exchanges) exchange.drop();
  }

  #admit(): void {
    if (this.running <= this.model.maxRequests) return;
    throw new Refusal('The request queue is full.', { status: 503, late: true });
  }

  #record(request: IncomingMessage, bytes: Buffer): ReceivedRequest {
    const { headers } = request;
    const path = pathOf(request);
    const received = { path, headers, rawBody: bytes.toString(), body: null, clientLeft: false };
    this.requests.push(received);
    if (this.requests.length > KEPT_REQUESTS) this.requests.shift();
    return received;
  }

  #open(response: ServerResponse, received: ReceivedRequest): Exchange {
    const exchange = new Exchange(response, (clientLeft) => {
      received.clientLeft = clientLeft;
      this.#exchanges.delete(exchange);
      this.onChange();
    });
    this.#exchanges.add(exchange);
    this.onChange();
    return exchange;
  }

  #register(speaker: Speaker, exchange: Exchange, response: ServerResponse): void {
    const known = speaker.ids.find((id) => this.#aborts.has(id));
    if (known !== undefined) throw new Refusal(`Duplicate request ID detected: ${known}`);
    exchange.sequences = speaker.ids.length;
    for (const id of speaker.ids) {
      this.#aborts.set(id, () => {
        speaker.abort(id);
      });
    }
    response.on('close', () => {
      for (const id of speaker.ids) this.#aborts.delete(id);
    });
  }
}
