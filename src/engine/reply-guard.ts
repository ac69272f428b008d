import { EngineFault, type FaultKind } from './engine-fault.js';

/** Bounds of one try at an engine. */
export interface ReplyBounds {
  /** `performance.now()` at which the whole call's time is up. */
  readonly deadlineAt: number;
  /** Milliseconds until the first token; not set where the reply comes as a whole. */
  readonly firstTokenMs?: number;
  /** Milliseconds between two pieces of a stream; not set where the reply comes as a whole. */
  readonly stallMs?: number;
  /** Bytes of the reply, on the wire and once they are unpacked. */
  readonly maxBytes: number;
  /**
   * Tells the engine that the caller left, where it answers to that with what it had: the only way to learn how many
   * tokens the reply has cost. Not set where the request is just ended.
   */
  readonly tellEngine?: () => void;
}

/** How long an engine that was told to end a request may take to answer with what it had. */
const GRACE_MS = 500;

/**
 * Watches over one try: its deadline, its silence, its size, its caller. The first bound that is passed decides
 * the fault and aborts the request. Time is looked at with every piece that arrives, because on a busy event loop
 * timers come late; the one timer is for replies that send nothing at all.
 */
export class ReplyGuard {
  readonly #onLeave = (): void => {
    this.#left();
  };
  #timer: NodeJS.Timeout | undefined;
  #fault: EngineFault | undefined;
  #bytes = 0;
  #unpackedBytes = 0;
  #lastSign = performance.now();
  #goneAt = Infinity;
  #stop: ((fault: EngineFault) => void) | undefined;
  #isEnded = false;
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

  /** Whether the request was ended before its reply was. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /**
   * Names what ends the request on the wire; called at once where the request is ended already.
   * @param stop gets the fault that ended it, or `cancelled` where what had come was enough
   */
  whenEnded(stop: (fault: EngineFault) => void): void {
    if (this.#isEnded) stop(this.#fault ?? new EngineFault('cancelled'));
    else this.#stop = stop;
  }

  /** Throws when a bound was passed. */
  check(): void {
    this.#look();
    if (this.#fault) throw this.#fault;
  }

  /** Takes note of bytes from the wire. */
  arrived(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.bounds.maxBytes) this.fail('too-large');
    this.#look();
    if (this.#started) this.#lastSign = performance.now();
  }

  /**
   * Takes note of bytes of a reply that came compressed.
   * @throws EngineFault where a bound was passed
   */
  unpacked(chunk: Buffer): void {
    this.#unpackedBytes += chunk.length;
    if (this.#unpackedBytes > this.bounds.maxBytes) this.fail('too-large');
    this.check();
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
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.close();
    this.#stop?.(this.#fault ?? new EngineFault('cancelled'));
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
    if (this.#goneAt < Math.min(silentAt, deadlineAt)) return { at: this.#goneAt, kind: 'cancelled' };
    return silentAt < deadlineAt
      ? { at: silentAt, kind: this.#started ? 'stalled' : 'first-token-timeout' }
      : { at: deadlineAt, kind: 'deadline' };
  }

  /** An engine that can be told that the caller left has a moment to answer with what it had. */
  #left(): void {
    const { tellEngine } = this.bounds;
    if (!tellEngine) {
      this.fail('cancelled');
      return;
    }
    tellEngine();
    this.#goneAt = performance.now() + GRACE_MS;
    clearTimeout(this.#timer);
    this.#watch();
  }

  #look(): void {
    if (this.#isEnded) return;
    const { at, kind } = this.#nextBound();
    if (performance.now() >= at) this.fail(kind);
  }

  #watch(): void {
    const wait = Math.max(0, this.#nextBound().at - performance.now());
    this.#timer = setTimeout(() => {
      this.#look();
      if (!this.#isEnded) this.#watch();
    }, Math.ceil(wait));
  }
}
