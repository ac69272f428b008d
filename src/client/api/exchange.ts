import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { CallFailed, interrupted } from './call-failed.js';
import type { Deadlines } from './deadlines.js';
import type { Lane, Running } from './lane.js';
import type { WireRequest } from './wire-answer.js';
import { failureOfWire } from './wire-failure.js';

/** Milliseconds within which a connection that was closed before its request breaks; one that breaks later had been asked. */
const STALE_WITHIN_MS = 1000;

/** Bytes of a whole answer at the most; one of the longest context has a hundredth of it. */
export const MAX_ANSWER_BYTES = 67_108_864;

/** The connections that it is one of. */
export interface Lanes {
  readonly root: string;
  readonly timeoutMs: number;
  readonly deadlines: Deadlines;
  /** Whether the server has ever answered. */
  hasAnswered: boolean;
  /** Listens to a signal for as long as an exchange has it. */
  hear(signal: AbortSignal): void;
  /** Takes back a connection whose request is over. */
  release(lane: Lane): void;
}

/**
 * One request and its answer.
 *
 * undici's `request()` would put a stream of Node's between the socket and the reader, which costs more than the rest.
 */
export abstract class Exchange<T> implements Dispatcher.DispatchHandler, Running {
  status = 0;
  headers: IncomingHttpHeaders = {};
  protected readonly answer = Promise.withResolvers<T>();
  protected controller: Dispatcher.DispatchController | undefined;
  protected isOver = false;
  #began = 0;

  constructor(
    protected readonly wire: Lanes,
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

/** An answer that is not read to its end. */
export function tooLarge(root: string): CallFailed {
  return new CallFailed(
    'not_understood',
    `${root} sent more than ${MAX_ANSWER_BYTES / 1_048_576} MiB as one answer, and was not read further: ask for fewer tokens.`,
  );
}
