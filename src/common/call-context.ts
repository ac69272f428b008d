/** What a key may do: ask the model, look at what runs, change anything. */
export type Scope = 'inference' | 'read' | 'admin';

/** Who asks, as far as the key tells. */
export interface Caller {
  /** The key's name, or how the caller got in without one. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** What the caller says about a call besides its question. The log keeps it. */
export interface CallLabels {
  readonly interviewId?: string;
  readonly turn?: number;
  readonly userId?: string;
  readonly tags?: readonly string[];
}

/** Facts about a call that are not its answer. Over HTTP they travel in headers. */
export interface CallFacts {
  readonly callId: string;
  model: string;
  provider: string;
  /** How often an engine was asked, retries included. */
  attempts: number;
  /** Why the model stopped, for callers of free text. */
  finishReason?: string;
  /** Milliseconds: before the engine was first asked, spent on the engine, and in all. */
  timing: { queue: number; engine: number; total: number };
}

/** Why the work on a call ended before its answer was delivered. */
export type LeavingReason = 'disconnected' | 'cancelled' | 'too slow';

/**
 * Who asks for a call, and whether they still wait. This is all that the pipeline knows of where a call comes from:
 * the HTTP side makes one for a request, a background job makes one for itself.
 */
export class CallContext {
  /** Set by the pipeline once the call has begun, and kept current; it is there for a call that failed, too. */
  facts: CallFacts | undefined;
  readonly #left = new AbortController();
  #leftBecause: LeavingReason | undefined;

  constructor(
    /** Ties the call to what caused it: the request's X-Request-Id, or the job's id. */
    readonly requestId: string,
    readonly caller: Caller | undefined,
    readonly labels: CallLabels = {},
  ) {}

  /** Aborted when no caller waits for the answer any longer. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** Why no caller waits for the answer any longer. */
  get leftBecause(): LeavingReason | undefined {
    return this.#leftBecause;
  }

  /** Ends the work on the call; the first reason counts. */
  leave(reason: LeavingReason): void {
    this.#leftBecause ??= reason;
    this.#left.abort();
  }
}
