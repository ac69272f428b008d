import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { readChatRequest } from './chat-request.js';
import { ChatTurn, type ModelOptions } from './chat-turn.js';
import type { Dialect } from './dialect.js';
import { Exchange } from './exchange.js';
import type { Fault } from './faults.js';
import { authorize, parseBody, readBody } from './http.js';
import { playFault } from './play-fault.js';
import { Refusal } from './refusal.js';

/** A chat request as it arrived, refused ones included. */
export interface ReceivedRequest {
  headers: IncomingHttpHeaders;
  rawBody: string;
  /** Null where the body is not a JSON object or the key was wrong. */
  body: unknown;
  /** Whether the client closed the connection before the response was complete. */
  clientLeft: boolean;
}

/** Old ones are forgotten, so that a load test does not fill the memory. */
const KEPT_REQUESTS = 1000;

/** `POST /v1/chat/completions`, with its memory of what came and its script of what to answer. */
export class ChatEndpoint {
  requests: ReceivedRequest[] = [];
  script: Fault[] = [];
  readonly #exchanges = new Set<Exchange>();
  readonly #exchangesById = new Map<string, Exchange>();

  constructor(
    private readonly dialect: Dialect,
    private readonly model: ModelOptions,
    private readonly apiKey: string | undefined,
    private readonly onChange: () => void,
  ) {}

  get running(): number {
    return this.#exchanges.size;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await readBody(request);
    const received = this.#record(request.headers, bytes);
    const exchange = this.#open(response, received);
    authorize(request, this.apiKey);
    const body = parseBody(bytes, request.headers['content-type']);
    received.body = body;
    const turn = new ChatTurn(
      readChatRequest(body, this.model.contextLength),
      exchange,
      this.dialect,
      this.model,
    );
    this.#register(turn.request.id, exchange, response);
    try {
      this.dialect.check(body, turn.request);
      this.#admit();
    } catch (error) {
      if (error instanceof Refusal) return turn.refuse(error);
      throw error;
    }
    await playFault(this.script.shift() ?? { kind: 'reply' }, turn);
  }

  /** Ends the request with this id early, if there is one. */
  abort(id: string): void {
    this.#exchangesById.get(id)?.stop();
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

  #record(headers: IncomingHttpHeaders, bytes: Buffer): ReceivedRequest {
    const received = { headers, rawBody: bytes.toString(), body: null, clientLeft: false };
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

  #register(id: string, exchange: Exchange, response: ServerResponse): void {
    if (this.#exchangesById.has(id)) throw new Refusal(`Duplicate request ID detected: ${id}`);
    this.#exchangesById.set(id, exchange);
    response.on('close', () => this.#exchangesById.delete(id));
  }
}
