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

/** What every request to an engine says, whoever wrote its body. */
interface RequestBounds {
  readonly model: string;
  /** Whether the engine sends its reply as a stream of tokens or as a whole. */
  readonly delivery: 'stream' | 'whole';
  /** Tokens of thinking, of those in `maxTokens`, after which the watchdog breaks a stream off. @default maxTokens */
  readonly reasoningTokens?: number | undefined;
}

/** A question of the service's own, in no engine's dialect. */
export interface OwnRequest extends RequestBounds {
  readonly messages: readonly ChatMessage[];
  readonly format?: ReplyFormat;
  /** What the caller named. */
  readonly sampling: Sampling;
  /** What the task fixes where the caller named nothing; engines of our own get all of it explicitly. */
  readonly samplingDefaults: Required<Omit<Sampling, 'seed' | 'stop'>>;
  readonly maxTokens: number;
  readonly thinking: boolean;
}

/** A checked body of OpenAI's own API, without the fields that only engines know. */
export interface RelayBody {
  readonly model?: string;
  readonly stream?: boolean;
  readonly stream_options?: object;
  readonly chat_template_kwargs?: Readonly<Record<string, unknown>>;
  readonly reasoning_effort?: string;
  readonly separate_reasoning?: boolean;
}

/** Routes of OpenAI's API that are passed on. */
export type RelayPath = '/v1/chat/completions' | '/v1/completions' | '/v1/embeddings';

/** A request that is passed on in OpenAI's own shape. */
export interface RelayRequest extends RequestBounds {
  readonly path: RelayPath;
  readonly body: RelayBody;
  /** Tokens that the reply may have, where the caller named a number. */
  readonly maxTokens?: number | undefined;
  /** Choices that a stream brings to an end. @default 1 */
  readonly choices?: number;
  /** Whether the caller of a stream gets the event with its usage. */
  readonly wantsUsage?: boolean;
}

/** One request to an engine. */
export type EngineRequest = OwnRequest | RelayRequest;

/** Tokens as the engine counted them. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/**
 * How a reply ended. Only `stop` may be whole; a stop string cuts wherever it occurs. `content-filter` is the engine's
 * own; `runaway` means that the watchdog broke a stream off, `refused` that the listener did.
 */
export type Finish =
  'stop' | 'stop-string' | 'length' | 'content-filter' | 'abort' | 'runaway' | 'refused' | 'other';

/** What an engine answered, in no engine's dialect. */
export interface EngineReply {
  /** The answer. What of a reply is the answer, `AnswerReader` says. */
  readonly content: string;
  /** What the model thought. */
  readonly reasoning: string;
  /** Why the model gives no answer, in its own words; empty where it does, and where a text was asked for. */
  readonly refusal: string;
  /** Whether the answer stood where the engine puts thinking. */
  readonly isMisplaced: boolean;
  readonly finish: Finish;
  /** Why the watchdog broke the reply off, where it did. */
  readonly runaway?: RunawayReason;
  readonly usage: Usage;
  /** The model that answered, by its own word. */
  readonly model: string;
  /** Tokens that the reply could have had: fewer than asked for where the context had no more room. */
  readonly maxTokens: number | undefined;
  /** The JSON that came as a whole, as the engine wrote it; empty for a stream. */
  readonly json: string;
  /** Milliseconds until the first token; streams only. */
  readonly firstTokenMs?: number;
}
