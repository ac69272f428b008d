import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { EngineFault } from './engine-fault.js';
import type { ReplyGuard } from './reply-guard.js';

/** Engines close idle connections after 5 s without saying so; ours go first. */
const KEEP_ALIVE_MS = 4000;

/** Bytes that wait here for a slow reader; from there on they wait in the engine's socket. */
const MAX_WAITING_BYTES = 65_536;

/** What a pool of connections to one engine needs to know. */
export interface PoolOptions {
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

/** Requests that a pool has no connection for yet; it keeps them in line without a word. */
export interface WaitingLine {
  length: number;
}

/** Opens a pool of connections to the engine at an address. Time limits are the {@link ReplyGuard}'s. */
export function openPool(address: string, { connections, connectTimeoutMs }: PoolOptions): Pool {
  return new Pool(new URL(address).origin, {
    connections,
    connect: { timeout: connectTimeoutMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/**
 * The headers of every request to an engine; no other is sent.
 * @param apiKey goes out as Bearer
 */
export function wireHeaders(apiKey: string | undefined): Readonly<Record<string, string>> {
  return {
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': 'llm-service',
    ...(apiKey && { authorization: `Bearer ${apiKey}` }),
  };
}

/** What an engine sent back; its body is still to be read. A reader who stops before its end ends the request. */
export interface WireReply extends AsyncIterableIterator<Buffer, undefined> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** One request to an engine. */
interface WireRequest {
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Sees every piece of the reply, and may end the request at any time. */
  readonly guard: ReplyGuard;
  /** Counts the request until it has a connection or is given up. */
  readonly line: WaitingLine;
}

/**
 * Posts a request and waits for the head of its reply.
 *
 * The pool's `request()` would put a stream of Node's between the socket and the reader, for a tenth of a call's CPU,
 * and would keep a caller who has left in line for a connection.
 * @throws EngineFault where no reply came
 */
export function post(pool: Pool, { guard, line, ...request }: WireRequest): Promise<WireReply> {
  const exchange = new Exchange(guard, line);
  pool.dispatch({ ...request, method: 'POST' }, exchange);
  return exchange.begun;
}

/** A request on its way, and its reply while it comes. */
class Exchange implements Dispatcher.DispatchHandler, WireReply {
  status = 0;
  headers: IncomingHttpHeaders = {};
  readonly #begun = Promise.withResolvers<WireReply>();
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #wakeReader: (() => void) | undefined;
  #isOver = false;
  #isWaiting = true;
  #fault: EngineFault | undefined;

  constructor(
    private readonly guard: ReplyGuard,
    private readonly line: WaitingLine,
  ) {
    line.length++;
    guard.whenEnded((fault) => {
      this.#end(fault);
      this.#controller?.abort(fault);
    });
  }

  /** The head of the reply, once it is there. */
  get begun(): Promise<WireReply> {
    return this.#begun.promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#leaveLine();
    // It was ended while it waited for a connection.
    if (this.#fault) controller.abort(this.#fault);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx only announces the reply.
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    this.#begun.resolve(this);
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.guard.arrived(piece);
    if (this.#isOver) return;
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) controller.pause();
    this.#wakeReader?.();
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end(faultOfWire(error));
  }

  /** The next piece; what came before the connection broke comes before the fault. */
  async next(): Promise<IteratorResult<Buffer, undefined>> {
    while (this.#waiting.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    const piece = this.#waiting.shift();
    if (piece) {
      this.#waitingBytes -= piece.length;
      if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#controller?.resume();
      return { done: false, value: piece };
    }
    if (this.#fault) throw this.#fault;
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.guard.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #leaveLine(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.line.length--;
  }

  #end(fault?: EngineFault): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leaveLine();
    this.#fault = fault;
    if (fault) this.#begun.reject(fault);
    this.#wakeReader?.();
  }
}

/** Reads a body to its end. */
export async function readBytes(reply: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of reply) parts.push(part);
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Makes a fault of what the wire threw: a refused or impossible connection, or one that broke. */
export function faultOfWire(error: unknown): EngineFault {
  let cause = error as Partial<NodeJS.ErrnoException> | undefined;
  for (; cause; cause = cause.cause as typeof cause) {
    if (cause instanceof EngineFault) return cause;
    const code = typeof cause.code === 'string' ? cause.code : '';
    const facts = { cause: error, seen: `${code} ${cause.message ?? ''}`.trim() };
    if (UNREACHABLE.has(code) || /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) {
      return new EngineFault('unreachable', facts);
    }
    if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
      return new EngineFault('bad-response', facts);
    if (code.startsWith('UND_ERR') || code === 'ECONNRESET' || code === 'EPIPE') {
      return new EngineFault('connection-lost', facts);
    }
  }
  return new EngineFault('bad-response', { cause: error, said: String(error) });
}

/** What OpenSSL finds where no TLS is spoken. Its own text is a line of its source. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/** Why an engine could not be looked at, for an operator. */
export function wireProblem(error: Error): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (NO_TLS.has(code)) return 'its address says https, but what answers there speaks no TLS: write http';
  return code.startsWith('ERR_SSL') ? `TLS with it fails (${code})` : error.message;
}
