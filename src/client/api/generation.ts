/** A message of a conversation, as OpenAI's API has it. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How a model is to answer; left out, the server decides. The names are those of OpenAI's API. */
export interface Sampling {
  /** The first that the server lists, where it is left out. */
  readonly model?: string | undefined;
  /** 0 to 2. */
  readonly temperature?: number | undefined;
  /** 0 to 1. */
  readonly top_p?: number | undefined;
  /** Tokens of the answer at the most; 1,024 for /v1/completions where it is left out. */
  readonly max_tokens?: number | undefined;
  readonly stop?: string | readonly string[] | undefined;
  readonly seed?: number | undefined;
}

/** One thing to ask: a prompt or a conversation, with settings of its own. */
export interface PromptRequest extends Sampling {
  /** The caller's own name for it, given back with the result. */
  readonly id?: string | undefined;
  readonly prompt?: string | undefined;
  readonly messages?: readonly Message[] | undefined;
  /** Asked as a conversation, it comes before the prompt. */
  readonly system?: string | undefined;
}

/** Any number of things to ask; a source that has to be waited for may give many at once. */
export type Prompts =
  | Iterable<string | PromptRequest>
  | AsyncIterable<string | PromptRequest | readonly (string | PromptRequest)[]>;

/** What came of one request, in the form in which results are written to files. */
export interface RequestResult {
  /** Which prompt it was, from 1. */
  readonly index: number;
  /** Which time this prompt was asked, from 1. */
  readonly repeat: number;
  readonly id: string | null;
  /** The prompt; of a conversation the last message. */
  readonly prompt: string;
  readonly success: boolean;
  readonly response: string | null;
  /** A sentence: what happened and what to do next. */
  readonly error: string | null;
  /** What a program branches on: the server's code, or one of `FaultKind`. */
  readonly error_code: string | null;
  readonly model: string | null;
  /** Milliseconds from the first attempt's start to the answer's end, waits between attempts included. */
  readonly latency_ms: number;
  readonly prompt_tokens: number | null;
  readonly completion_tokens: number | null;
  readonly total_tokens: number | null;
  /** `stop`, or `length` where max_tokens cut it. */
  readonly finish_reason: string | null;
  /** The service's X-Call-Id, under which the call log has it. */
  readonly call_id: string | null;
  readonly attempts: number;
  /** When it began, ISO 8601. */
  readonly timestamp: string;
}

/** How many are asked, and how. */
export interface BatchOptions extends Sampling {
  /** Requests at once, at least 1; 1 where it is left out. */
  readonly concurrent?: number | undefined;
  /**
   * How many requests an answer may be ahead of the oldest that has none yet, at least 1: whoever puts results in order
   * holds no more than these. Any number where it is left out.
   */
  readonly ahead?: number | undefined;
  /** How often each prompt is asked; 1 where it is left out. */
  readonly repeat?: number | undefined;
  /** By /v1/chat/completions instead of /v1/completions. What has messages or a system prompt goes there anyway. */
  readonly chat?: boolean | undefined;
  /** Put before every prompt that has no system prompt of its own. */
  readonly system?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}
