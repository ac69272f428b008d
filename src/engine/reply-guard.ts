import { EngineFault, type FaultKind } from './engine-fault.js';

/** Bounds of one try at an engine. */
export interface ReplyBounds {
  /** `performance.now()` at which the whole call's time is up. */
  readonly deadlineAt: number;
  /** Milliseconds until the first token; not set where the reply comes as a whole. */
  readonly firstTokenMs?: number;
  /** Milliseconds between two pieces of a stream; not set where the reply comes as a whole. */
  readonly stallMs?: number;
  /** Bytes on the wire. */
  readonly maxBytes: number;
}

/**
 * Watches over one try: its deadline, its silence, its size, its caller. The first bound that is passed decides
 * the fault and aborts the request. Time is looked at with every piece that arrives, because on a busy event loop
 * timers come late; the one timer is for replies that send nothing at all.
 */
export class ReplyGuard {
  readonly #abort = new AbortController();
  readonly #onLeave = (): void => {
    this.fail('cancelled');
  };
  #timer: NodeJS.Timeout | undefined;
  #fault: EngineFault | undefined;
  #bytes = 0;
  #lastSign = performance.now();
  #started = false;
  #paused = false;

  constructor(
    private readonly bounds: ReplyBounds,
    private readonly caller: AbortSignal,
  ) {
    if (caller.aborted) this.fail('cancelled');
    else {
      caller.addEventListener('abort', this.#onLeave, { once: true });
      this.#watch();
    }
  }

  /** Aborts the request to the engine. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Throws when a bound was passed. */
  check(): void {
    if (!this.#fault) this.#look();
    if (this.#fault) throw this.#fault;
  }

  /** Takes note of bytes from the wire. */
  arrived(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.bounds.maxBytes) this.fail('too-large');
    this.check();
    if (this.#started) this.#lastSign = performance.now();
  }

  /** Takes note of the first token: from here on silence is a stall. */
  started(): void {
    if (this.#started) return;
    this.#started = true;
    this.#lastSign = performance.now();
    // The timer still waits for a first token; a stall may be due before.
    clearTimeout(this.#timer);
    this.#watch();
  }

  /** Silence does not count from now on: nobody reads. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#lastSign = performance.now();
  }

  /** Aborts with a fault; the first one counts. */
  fail(kind: FaultKind): void {
    this.#fault ??= new EngineFault(kind);
    this.end();
  }

  /** Ends the request without a fault: what has come is enough. */
  end(): void {
    this.#abort.abort();
    this.close();
  }

  /** Ends the watch; to be called when the try is over, however it ended. */
  close(): void {
    clearTimeout(this.#timer);
    this.caller.removeEventListener('abort', this.#onLeave);
  }

  /** The next moment at which silence or the deadline becomes a fault. */
  #nextBound(): { at: number; kind: FaultKind } {
    const { deadlineAt, firstTokenMs, stallMs } = this.bounds;
    const limit = this.#started ? stallMs : firstTokenMs;
    const from = this.#paused ? performance.now() : this.#lastSign;
    const silentAt = limit === undefined ? Infinity : from + limit;
    return silentAt < deadlineAt
      ? { at: silentAt, kind: this.#started ? 'stalled' : 'first-token-timeout' }
      : { at: deadlineAt, kind: 'deadline' };
  }

  #look(): void {
    const { at, kind } = this.#nextBound();
    if (performance.now() >= at) this.fail(kind);
  }

  #watch(): void {
    const wait = Math.max(0, this.#nextBound().at - performance.now());
    this.#timer = setTimeout(() => {
      this.#look();
      if (!this.#fault) this.#watch();
    }, Math.ceil(wait));
  }
}
