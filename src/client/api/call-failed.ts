import type { RequestResult } from './generation.js';
import type { WrongField } from './wrong-fields.js';

/**
 * What kept a call from its answer. `unreachable`: no connection, or one that broke · `timeout`: no answer in time ·
 * `refused`: the server's own error · `not_understood`: an answer that is none, such as a page of HTML · `interrupted`:
 * the caller gave up.
 */
export type FaultKind = 'unreachable' | 'timeout' | 'refused' | 'not_understood' | 'interrupted';

/** What is known of a failed call besides its kind. */
export interface FailureFacts {
  /** HTTP's. */
  readonly status?: number | undefined;
  /** The server's own, such as CONTEXT_TOO_LONG. */
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  /** How often it was sent. */
  readonly attempts?: number | undefined;
  /** Whether the same call may be answered a little later. */
  readonly passing?: boolean | undefined;
  /** Milliseconds after which the server wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
  /** What LLM Service found wrong in single fields of the request. */
  readonly fields?: readonly WrongField[] | undefined;
  /** Of a batch: the results that were there before it failed, in the order of the prompts. */
  readonly answered?: readonly RequestResult[] | undefined;
}

/** A call without an answer. The message says what happened, where, and what to do next. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';

  constructor(
    readonly kind: FaultKind,
    message: string,
    readonly facts: FailureFacts = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A call that its caller gave up. */
export function interrupted(options?: ErrorOptions): CallFailed {
  return new CallFailed('interrupted', 'It was interrupted before the answer was there.', {}, options);
}
