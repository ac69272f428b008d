/** What calls with the same prompt version or model come to. */
export interface CallAverages {
  /** '' for calls that name none. */
  readonly name: string;
  readonly calls: number;
  /** Milliseconds; null where no call has an answer. */
  readonly latencyMs: number | null;
  /** Of prompt and answer together; null where no call has an answer. */
  readonly tokens: number | null;
}

/** A call log in numbers. */
export interface CallStats {
  readonly byPromptVersion: readonly CallAverages[];
  readonly byModel: readonly CallAverages[];
}
