/** A checked body of OpenAI's own API, without what only engines know. */
export interface RelayBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: object;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>>;
  readonly reasoning_effort?: string;
}

/** One request that is passed on in OpenAI's own shape. */
export interface RelayRequest {
  readonly path: '/v1/chat/completions' | '/v1/completions' | '/v1/embeddings';
  readonly body: RelayBody;
  /** Tokens that the reply may have, where the caller named any. */
  readonly maxTokens?: number | undefined;
  /** Choices that a stream brings to an end. @default 1 */
  readonly choices?: number;
  /** Whether the caller of a stream gets the event with its usage. */
  readonly wantsUsage?: boolean;
}
