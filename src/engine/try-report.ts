import type { FaultKind } from './engine-fault.js';
import type { Usage } from './engine-request.js';

/** What became of one try at an engine. */
export interface TryReport {
  /** By this id the engine knows it. */
  readonly id: string;
  /** Address of the engine. */
  readonly engine: string;
  /** Milliseconds from the request to the end. */
  readonly ms: number;
  /** Why it failed, where it did. */
  readonly fault: FaultKind | undefined;
  /** Its tokens, as far as they are known. */
  readonly usage: Usage;
  /** The JSON that was sent, as bytes: encoding it twice would cost more than all else about it. */
  readonly request: Buffer;
  /** The JSON that came as a whole, or the text that a stream had brought by then, or what came and is no JSON. */
  readonly reply: Buffer | string;
}
