import type { IncomingHttpHeaders } from 'node:http';
import { Client, type Dispatcher } from 'undici';
import { CallFailed, interrupted } from './call-failed.js';
import { Deadlines, type Timed } from './deadlines.js';
import { failureOfWire } from './wire-failure.js';

/** Python servers close idle connections after 5 s without saying so; ours go first. */
const KEEP_ALIVE_MS = 4000;

/** Milliseconds for a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Milliseconds within which a connection that was closed before its request breaks; one that breaks later had been asked. */
const STALE_WITHIN_MS = 1000;

/** Bytes of a whole answer at the most; one of the longest context has a hundredth of it. */
const MAX_ANSWER_BYTES = 67_108_864;

/** Bytes that wait here for a slow reader; from there on they wait in the server's socket. */
const MAX_WAITING_BYTES = 65_536;

export interface WireRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string | undefined;
  /** How often it went out. */
  sent: number;
}

/** What a server sent back. */
export interface WireHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface WholeAnswer extends WireHead {
  readonly body: Buffer;
}

/** An answer that comes in pieces. A reader who stops before its end ends the request. */
export interface StreamedAnswer extends WireHead, AsyncIterable<Buffer> {
  /**
   * Reads it to its end, in what is left of the time for one answer.
   * @throws CallFailed where it is no whole answer or too large a one
   */
  whole(): Promise<Buffer>;
  /** Whoever stops reading from now on leaves an end that means nothing: the connection is kept where it comes. */
  leaveEnd(): void;
}

/** The connections to one server. */
export class Wire {
  /** Time limits of the requests under way. */
  readonly deadlines: Deadlines;
  /** Whether the server has ever answered. */
  hasAnswered = false;
  readonly #lanes: Lane[] = [];
  readonly #idle: Lane[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #heard = new Map<AbortSignal, () => void>();

  constructor(
    readonly root: string,
    readonly timeoutMs: number,
    private readonly connections: number,
  ) {
    this.deadlines = new Deadlines(timeoutMs);
  }

  /** @throws CallFailed where no whole answer came in time */
  send(request: WireRequest, signal?: AbortSignal): Promise<WholeAnswer> {
    const lane = this.#take(signal);
    return lane
      ? new WholeExchange(this, lane, request, signal).begin()
      : this.#wait(signal).then((next) => new WholeExchange(this, next, request, signal).begin());
  }

  /**
   * Waits for the head only. The time limit is one for the head, and for each piece behind it.
   * @throws CallFailed where no head came in time
   */
  async open(request: WireRequest, signal?: AbortSignal): Promise<StreamedAnswer> {
    const lane = this.#take(signal) ?? (await this.#wait(signal));
    return new StreamedExchange(this, lane, request, signal).begin();
  }

  /** Takes back a connection whose request is over. */
  release(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(lane);
    else this.#idle.push(lane);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** One that is free, where there is one and somebody still wants it. */
  #take(signal: AbortSignal | undefined): Lane | undefined {
    if (signal?.aborted) return undefined;
    const idle = this.#idle.pop();
    return idle ?? (this.#lanes.length < this.connections ? this.#open() : undefined);
  }

  #open(): Lane {
    const lane = new Lane(new URL(this.root).origin);
    this.#lanes.push(lane);
    this.deadlines.watch(lane);
    return lane;
  }

  #wait(signal: AbortSignal | undefined): Promise<Lane> {
    if (signal?.aborted) return Promise.reject(interrupted({ cause: signal.reason }));
    if (signal) this.hear(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ signal, resolve, reject });
    });
  }

  /** Listens to a signal once, however many calls it is for; and no more to those that are for none. */
  hear(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return;
    this.#forgetUnused();
    const stop = (): void => {
      const failure = interrupted({ cause: signal.reason });
      for (const one of this.#waiting.filter((waiting) => waiting.signal === signal)) {
        this.#waiting.splice(this.#waiting.indexOf(one), 1);
        one.reject(failure);
      }
      for (const { exchange } of this.#lanes) if (exchange?.signal === signal) exchange.stop(failure);
    };
    this.#heard.set(signal, stop);
    signal.addEventListener('abort', stop, { once: true });
  }

  #forgetUnused(): void {
    const used = new Set([
      ...this.#lanes.map(({ exchange }) => exchange?.signal),
      ...this.#waiting.map(({ signal }) => signal),
    ]);
    for (const [signal, stop] of this.#heard) {
      if (used.has(signal)) continue;
      signal.removeEventListener('abort', stop);
      this.#heard.delete(signal);
    }
  }
}

/** A call for which no connection is free. */
interface Waiting {
  readonly signal: AbortSignal | undefined;
  resolve(lane: Lane): void;
  reject(failure: CallFailed): void;
}

/** What is on a connection. */
interface Running {
  readonly signal: AbortSignal | undefined;
  expire(): void;
  stop(failure: CallFailed): void;
}

/** One connection, kept between requests and made anew when it is gone. It carries one request at a time. */
class Lane implements Timed {
  due = Infinity;
  /** What is on it now. */
  exchange: Running | undefined;
  /** Answers that came over the connection that is open now. */
  answers = 0;
  #client: Client;

  constructor(private readonly origin: string) {
    this.#client = this.#connect();
  }

  dispatch(request: WireRequest, handler: Dispatcher.DispatchHandler): void {
    const { method, path, headers, body = null } = request;
    this.#client.dispatch({ method, path, headers, body }, handler);
  }

  /** Forgets a request that still waits for its connection. */
  renew(error: Error): void {
    const old = this.#client;
    this.#client = this.#connect();
    void old.destroy(error);
  }

  expire(): void {
    this.exchange?.expire();
  }

  close(): Promise<void> {
    return this.#client.destroy();
  }

  #connect(): Client {
    this.answers = 0;
    const client = new Client(this.origin, {
      connect: { timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    client.on('disconnect', () => {
      this.answers = 0;
    });
    return client;
  }
}

/**
 * One request and its answer.
 *
 * undici's `request()` would put a stream of Node's between the socket and the reader, which costs more than the rest.
 */
abstract class Exchange<T> implements Dispatcher.DispatchHandler, Running {
  status = 0;
  headers: IncomingHttpHeaders = {};
  protected readonly answer = Promise.withResolvers<T>();
  protected controller: Dispatcher.DispatchController | undefined;
  protected isOver = false;
  #began = 0;

  constructor(
    protected readonly wire: Wire,
    protected readonly lane: Lane,
    private readonly request: WireRequest,
    readonly signal: AbortSignal | undefined,
  ) {}

  begin(): Promise<T> {
    const { lane, signal, wire } = this;
    lane.exchange = this;
    if (signal) wire.hear(signal);
    wire.deadlines.set(lane);
    if (signal?.aborted) this.stop(interrupted({ cause: signal.reason }));
    else this.#dispatch();
    return this.answer.promise;
  }

  expire(): void {
    const { method, path } = this.request;
    const { root, timeoutMs } = this.wire;
    const seconds = timeoutMs / 1000;
    const sentence =
      method === 'GET'
        ? `${new URL(path, root).href} gave no answer within ${seconds} s: the server may be starting or busy. Ask again in a moment, or name another one with --url.`
        : `${root} gave no answer within ${seconds} s: allow more with --timeout, or ask for fewer tokens.`;
    this.stop(new CallFailed('timeout', sentence));
  }

  /** Ends the request, wherever it is. */
  stop(failure: CallFailed): void {
    if (this.isOver) return;
    this.#over();
    this.failed(failure);
    if (this.controller) this.controller.abort(failure);
    else this.lane.renew(failure);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx only announces the answer.
    if (status < 200) return;
    this.wire.hasAnswered = true;
    this.status = status;
    this.headers = headers;
    this.begun();
  }

  abstract onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void;

  onResponseEnd(): void {
    if (this.isOver) return;
    this.lane.answers++;
    this.#over();
    this.ended();
  }

  onResponseError(_: unknown, error: Error): void {
    if (this.isOver) return;
    const failure = failureOfWire(error, this.wire.root, this.wire.hasAnswered);
    if (failure.facts.passing && this.#wasUnheard()) {
      this.controller = undefined;
      // The connection is not done with its end yet.
      setImmediate(() => {
        if (!this.isOver) this.#dispatch();
      });
      return;
    }
    this.#over();
    this.failed(failure);
  }

  protected abstract begun(): void;
  protected abstract ended(): void;
  protected abstract failed(error: CallFailed): void;

  #dispatch(): void {
    this.#began = performance.now();
    this.request.sent++;
    this.lane.dispatch(this.request, this);
  }

  /**
   * Whether the server had closed the connection before the request was on it. A break without a byte of an answer looks
   * the same where it had just been read, so that a call may run twice: every client that keeps connections repeats these.
   */
  #wasUnheard(): boolean {
    return this.status === 0 && this.lane.answers > 0 && performance.now() - this.#began < STALE_WITHIN_MS;
  }

  #over(): void {
    this.isOver = true;
    this.lane.due = Infinity;
    this.lane.exchange = undefined;
    this.wire.release(this.lane);
  }
}

const EMPTY = Buffer.alloc(0);

class WholeExchange extends Exchange<WholeAnswer> implements WholeAnswer {
  body: Buffer = EMPTY;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  override onResponseData(_: unknown, piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.stop(tooLarge(this.wire.root));
  }

  protected override begun(): void {
    // The body's end is awaited too.
  }

  protected override ended(): void {
    const [first] = this.#pieces;
    this.body = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.answer.resolve(this);
  }

  protected override failed(error: CallFailed): void {
    this.answer.reject(error);
  }
}

/** `streaming` · `whole`: its pieces are one answer · `left`: nobody reads what still comes. */
type Reading = 'streaming' | 'whole' | 'left';

class StreamedExchange extends Exchange<StreamedAnswer> implements StreamedAnswer {
  readonly #pieces: Buffer[] = [];
  #reading: Reading = 'streaming';
  #waitingBytes = 0;
  #wakeReader: (() => void) | undefined;
  #error: Error | undefined;

  override onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#waitingBytes += piece.length;
    if (this.#reading === 'left') {
      if (this.#waitingBytes > MAX_WAITING_BYTES) this.stop(interrupted());
      return;
    }
    this.#pieces.push(piece);
    if (this.#reading === 'streaming') {
      this.wire.deadlines.set(this.lane);
      if (this.#waitingBytes > MAX_WAITING_BYTES) this.#pause(controller);
    }
    this.#wakeReader?.();
  }

  async whole(): Promise<Buffer> {
    this.#reading = 'whole';
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of this) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_ANSWER_BYTES) throw tooLarge(this.wire.root);
    }
    return Buffer.concat(parts);
  }

  leaveEnd(): void {
    this.#reading = 'left';
    this.#resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece) {
          this.#taken(piece);
          yield piece;
        } else if (this.#error) throw this.#error;
        else if (this.isOver) return;
        else await this.#arrival();
      }
    } finally {
      if (this.#reading !== 'left') this.stop(interrupted());
    }
  }

  protected override begun(): void {
    this.wire.deadlines.set(this.lane);
    this.answer.resolve(this);
  }

  protected override ended(): void {
    this.#wakeReader?.();
  }

  protected override failed(error: CallFailed): void {
    this.#error = error;
    this.answer.reject(error);
    this.#wakeReader?.();
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  /** A reader who takes their time is no silent server. */
  #pause(controller: Dispatcher.DispatchController): void {
    controller.pause();
    this.lane.due = Infinity;
  }

  #taken(piece: Buffer): void {
    this.#waitingBytes -= piece.length;
    if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#resume();
  }

  #resume(): void {
    if (this.isOver || !this.controller?.paused) return;
    this.controller.resume();
    this.wire.deadlines.set(this.lane);
  }
}

function tooLarge(root: string): CallFailed {
  return new CallFailed(
    'not_understood',
    `${root} sent more than ${MAX_ANSWER_BYTES / 1_048_576} MiB as one answer, and was not read further: ask for fewer tokens.`,
  );
}
