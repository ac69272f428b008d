import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Dialect } from './dialect.js';
import type { Fault } from './faults.js';
import { authorize, pathOf, respondJson } from './http.js';
import { modelRoutes } from './model-routes.js';
import { openaiDialect } from './openai/dialect.js';
import { Refusal } from './refusal.js';
import { controlRoutes, nativeRoutes, openRoutes, type Handler, type Routes } from './routes.js';
import { sglangDialect } from './sglang/dialect.js';
import { type ReceivedRequest, Traffic } from './traffic.js';

export interface StubOptions {
  /** @default 0 (any free one) */
  port?: number;
  /** @default '127.0.0.1' */
  host?: string;
  /** The served model; `-stub` is added to it on the wire. */
  modelName: string;
  /** @default 32768 */
  contextLength?: number;
  /** @default 'sglang' */
  dialect?: 'sglang' | 'openai';
  /** The key that callers must send. Without it the server is open. */
  apiKey?: string;
  /**
   * Whether other processes may write the script and read the requests, under `/control`.
   *
   * @default false
   */
  control?: boolean;
  /**
   * The milliseconds that each token takes.
   *
   * @default 0
   */
  tokenDelayMs?: number;
  /**
   * The requests to the model held at a time; more are refused as by a full queue.
   *
   * @default Infinity
   */
  maxRequests?: number;
  /**
   * Milliseconds after which an idle connection is closed.
   *
   * @default 5000 (Uvicorn's, which no header announces: a client that keeps idle connections longer meets a reset)
   */
  keepAliveMs?: number;
}

const DIALECTS: Record<'sglang' | 'openai', Dialect> = { sglang: sglangDialect, openai: openaiDialect };

/** Connections that may wait to be accepted, as many as with Uvicorn: Node.js takes 511, and a burst has more. */
const BACKLOG = 2048;

/**
 * An OpenAI-compatible engine without a model: real HTTP, SGLang's bytes, scripted faults.
 *
 * @example
 * const stub = await StubServer.start({ modelName: 'Qwen/Qwen3-32B' });
 * stub.script({ kind: 'status', status: 503 }, { kind: 'reply', content: 'Hello' });
 * // ... two calls to `${stub.url}/v1/chat/completions`
 * await stub.waitFor(() => stub.requests.length === 2);
 * await stub.close();
 */
export class StubServer {
  readonly #options: Required<Omit<StubOptions, 'apiKey'>> & StubOptions;
  readonly #dialect: Dialect;
  readonly #traffic: Traffic;
  readonly #openRoutes: Routes;
  readonly #guardedRoutes: Routes;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<() => void>();

  static async start(options: StubOptions): Promise<StubServer> {
    const stub = new StubServer(options);
    const { port, host } = stub.#options;
    stub.#server.listen({ port, host, backlog: BACKLOG });
    await once(stub.#server, 'listening');
    return stub;
  }

  private constructor(options: StubOptions) {
    this.#options = {
      port: 0,
      host: '127.0.0.1',
      contextLength: 32_768,
      dialect: 'sglang',
      control: false,
      tokenDelayMs: 0,
      maxRequests: Infinity,
      keepAliveMs: 5000,
      ...options,
    };
    this.#dialect = DIALECTS[this.#options.dialect];
    this.#traffic = new Traffic(this.#dialect, this.#options, options.apiKey, () => {
      this.#notify();
    });
    const { modelName, contextLength, control } = this.#options;
    const isNative = this.#dialect.hasNativeRoutes;
    this.#openRoutes = {
      ...modelRoutes(this.#traffic, this.#dialect, this.#options),
      ...(isNative && openRoutes(this.#traffic)),
      ...(control && controlRoutes(this.#traffic)),
    };
    this.#guardedRoutes = {
      '/v1/models': {
        GET: (_request, response) => {
          respondJson(response, 200, this.#dialect.models(modelName, contextLength));
        },
      },
      ...(isNative && nativeRoutes(this.#traffic, modelName)),
    };
    this.#server = createServer(
      { keepAliveTimeout: this.#options.keepAliveMs, keepAliveTimeoutBuffer: 0 },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on('connection', (socket) => {
      this.#track(socket);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address without a path: the OpenAI routes are under `/v1`. */
  get url(): string {
    return `http://${this.#options.host}:${this.port}`;
  }

  /** The requests for chat, completions and embeddings received, the last thousand of them. */
  get requests(): readonly ReceivedRequest[] {
    return this.#traffic.requests;
  }

  /** How many of them are being answered now. */
  get running(): number {
    return this.#traffic.running;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Queues faults: each request to the model that is not refused consumes one, in order. */
  script(...faults: Fault[]): void {
    this.#traffic.script.push(...faults);
  }

  /** Resolves once the condition holds. It is looked at whenever a request to the model or a connection comes or goes. */
  waitFor(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return;
        this.#watchers.delete(check);
        resolve();
      };
      this.#watchers.add(check);
      check();
    });
  }

  /** Stops listening and ends every connection, running requests included. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#traffic.dropAll();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #notify(): void {
    for (const check of this.#watchers) check();
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#notify();
    });
    this.#notify();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Uvicorn names neither the connection's fate nor its time limit.
    response.removeHeader('connection');
    response.setHeaders(new Map(Object.entries(this.#dialect.headers())));
    try {
      await this.#route(request)(request, response);
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(String(error), { status: 500 });
      if (response.headersSent) response.destroy();
      else respondJson(response, refusal.status, this.#dialect.errorBody(refusal, pathOf(request)));
    }
  }

  #route(request: IncomingMessage): Handler {
    const { method = '' } = request;
    const path = pathOf(request);
    const guarded = this.#guardedRoutes[path];
    if (guarded) authorize(request, this.#options.apiKey);
    const methods = guarded ?? this.#openRoutes[path];
    const handler = methods?.[method];
    if (handler) return handler;
    throw new Refusal(`Invalid URL (${method} ${path})`, { status: methods ? 405 : 404 });
  }
}
