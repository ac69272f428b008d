/** An answer and what was measured of it. */
export interface Answer<T> {
  readonly body: T;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly latencyMs: number;
  readonly attempts: number;
}

/** What answers at an address. */
export interface ServerHealth {
  readonly ready: boolean;
  /** `llm-service`, or what else speaks OpenAI's API. */
  readonly kind: 'llm-service' | 'openai-compatible';
  /** As people call it: LLM Service, SGLang, vLLM, OpenAI's API. */
  readonly name: string;
  /** Why it is not ready. */
  readonly reason: string | null;
  /** Names of the models that it lists; none where it does not say. */
  readonly models: readonly string[];
  /** What the service says of itself; of other servers the first model's card. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** A piece of a conversation's next message. */
export type ChatPiece =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'end';
      readonly model: string | null;
      readonly finishReason: string | null;
      readonly promptTokens: number | null;
      readonly completionTokens: number | null;
    };

/** The service's structured routes. */
export type StructuredTask = 'step' | 'feedback' | 'report';

/** An event of a structured reply's stream, as docs/streaming.md has it. */
export interface StructuredEvent {
  readonly name: 'field.delta' | 'field.done' | 'reset' | 'result';
  readonly data: Readonly<Record<string, unknown>>;
}
