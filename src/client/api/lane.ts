import { Client, type Dispatcher } from 'undici';
import type { CallFailed } from './call-failed.js';
import type { Timed } from './deadlines.js';
import type { WireRequest } from './wire-answer.js';

/** Python servers close idle connections after 5 s without saying so; ours go first. */
const KEEP_ALIVE_MS = 4000;

/** Milliseconds for a connection. */
const CONNECT_TIMEOUT_MS = 10_000;

/** What is on a connection. */
export interface Running {
  readonly signal: AbortSignal | undefined;
  expire(): void;
  stop(failure: CallFailed): void;
}

/** One connection, kept between requests and made anew when it is gone. It carries one request at a time. */
export class Lane implements Timed {
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
