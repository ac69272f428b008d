/** What a caller may say about a call besides its question; the same on all routes. */
export interface CallOptions {
  readonly model?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** Tokens that no reply to this call exceeds. */
  readonly maxTokens?: number;
  readonly interviewId?: string;
  readonly turn?: number;
  readonly userId?: string;
  readonly tags?: readonly string[];
}
