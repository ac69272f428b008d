import type { RunawayReason } from './watchdog.js';

/** One message of a conversation, as every engine takes it. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How the next token is chosen. What is absent is left to the task's defaults, or to OpenAI. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** The JSON schema that a reply must follow. */
interface ReplyFormat {
  readonly name: string;
  /** The same object at every call, so that its bytes hit the engine's grammar cache. */
  readonly grammar: object;
}

/** One question to an engine, in no engine's dialect. */
export interface EngineRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly format?: ReplyFormat;
  /** What the caller named. */
  readonly sampling: Sampling;
  /** What the task fixes where the caller named nothing; engines of our own get all of it explicitly. */
  readonly samplingDefaults: Required<Omit<Sampling, 'seed' | 'stop'>>;
  readonly maxTokens: number;
  readonly thinking: boolean;
  /** Tokens of thinking, of those in `maxTokens`, after which the watchdog breaks a stream off. @default maxTokens */
  readonly reasoningTokens?: number | undefined;
  /** Whether the engine sends its reply as a stream of tokens or as a whole. */
  readonly delivery: 'stream' | 'whole';
}

/** Tokens as the engine counted them. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/**
 * How a reply ended. Only `stop` may be whole; a stop string cuts wherever it occurs, `runaway` is the watchdog's word.
 */
export type Finish = 'stop' | 'stop-string' | 'length' | 'abort' | 'runaway' | 'other';

/** What an engine answered, in no engine's dialect. */
export interface EngineReply {
  readonly content: string;
  /** Text that the engine's reasoning parser set apart. */
  readonly reasoning: string;
  readonly finish: Finish;
  /** Why the watchdog broke the reply off, where it did. */
  readonly runaway?: RunawayReason;
  readonly usage: Usage;
  /** The model that answered, by its own word. */
  readonly model: string;
  /** Tokens that the reply could have had: less than asked for where the context had no more room. */
  readonly maxTokens: number;
  /** Milliseconds until the first token; streams only. */
  readonly firstTokenMs?: number;
}
