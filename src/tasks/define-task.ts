import type { FieldError } from '../common/errors.js';
import type { Sampling } from '../engine/engine-request.js';
import type { ReplySchema } from '../schema/define-schema.js';

/** Who waits for whom when the engine is busy: a live turn before chat and feedback, these before reports. */
type Lane = 'live' | 'interactive' | 'background';

/** What every kind of question fixes for itself. */
export interface Task {
  readonly name: string;
  readonly lane: Lane;
  /**
   * How the engine is asked where the caller waits for the whole reply. A stream shows a frozen engine within
   * FIRST_TOKEN_TIMEOUT; a whole reply saves the work of one event per token (docs/adr/0001-how-engines-are-asked.md).
   */
  readonly delivery: 'stream' | 'whole';
  readonly thinking: boolean;
  /** Temperature where the caller names none; absent: DEFAULT_TEMPERATURE. */
  readonly temperature?: number;
  /** Tokens of a reply where the caller names no ceiling; absent: DEFAULT_MAX_TOKENS. */
  readonly maxTokens?: number;
}

/** A rule about what a reply means, which no schema can say. `I` is what the caller's request brings to it. */
export type MeaningRule<T, I> = (reply: T, input: I) => FieldError | undefined;

/** A question whose answer is an object. */
export interface StructuredTask<T = unknown, I = unknown> extends Task {
  readonly schema: ReplySchema<T>;
  /** The fixed output contract that follows the caller's system prompt. */
  readonly contract: string;
  /** Sentences that this call adds to the contract, for instance its pass mark. */
  readonly terms?: (input: I) => readonly string[];
  readonly rules: readonly MeaningRule<T, I>[];
  /** The field that is spoken to the candidate as it streams; what was spoken is never taken back. */
  readonly spoken?: keyof T & string;
}

/** Checks a task at definition, so that a mistake in it stops the start and not a call. */
export function defineTask<T, I>(task: StructuredTask<T, I>): StructuredTask<T, I> {
  const fields = Object.keys(task.schema.grammar.properties ?? {});
  const missing = fields.filter((field) => !new RegExp(String.raw`\b${field}\b`).test(task.contract));
  if (missing.length > 0) {
    throw new Error(`The contract of ${task.name} does not explain ${missing.join(', ')}.`);
  }
  return Object.freeze(task);
}

/**
 * Qwen's recommendation for replies without thinking; penalties stay neutral because structured replies must repeat
 * words. https://huggingface.co/Qwen/Qwen3-32B#best-practices
 */
export const NO_THINKING_SAMPLING = {
  topP: 0.8,
  topK: 20,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repetitionPenalty: 1,
} as const satisfies Sampling;

/** The same for replies with thinking. Greedy decoding makes Qwen3 repeat itself without end there. */
export const THINKING_SAMPLING = { ...NO_THINKING_SAMPLING, topP: 0.95 } as const satisfies Sampling;
