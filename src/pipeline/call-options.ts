/** What a caller may say about an answer besides the question; the same for all kinds. */
export interface CallOptions {
  readonly model?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  /** Tokens that no reply to this call exceeds. */
  readonly maxTokens?: number;
  /** JSON pointers of the top-level fields that a streaming caller gets; undefined: all. */
  readonly streamFields?: readonly string[];
}

/** The options under the names in which callers send them. */
export function optionsAsSent(options: CallOptions): object {
  return {
    model: options.model,
    temperature: options.temperature,
    top_p: options.topP,
    stop: options.stop,
    seed: options.seed,
    max_tokens: options.maxTokens,
    stream_fields: options.streamFields,
  };
}
