import type { CallLabels } from '../calls/call-record.js';

/** What a caller may say about a call besides its question; the same on all routes. */
export interface CallOptions extends CallLabels {
  readonly model?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** Tokens that no reply to this call exceeds. */
  readonly maxTokens?: number;
  /** Whether the caller gets the answer as a stream of events. */
  readonly stream?: boolean;
  /** JSON pointers of the top-level fields that a streaming caller gets; absent: all. */
  readonly streamFields?: readonly string[];
}
