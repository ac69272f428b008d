import type { Verdict } from '../calls/call-record.js';
import { registerTask, type TaskEntry } from '../calls/task-registry.js';
import type { FieldError } from '../common/errors.js';
import type { Sampling } from '../engine/engine-request.js';
import { textHash } from '../common/text-hash.js';
import type { ReplySchema } from '../schema/define-schema.js';
import { pickFields } from '../schema/pick-fields.js';

/** What every kind of question fixes for itself. */
export interface Task extends TaskEntry {
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
  /** Tokens of thinking after which the watchdog breaks a stream off; absent: those of the reply. */
  readonly reasoningTokens?: number;
}

/** A rule about what a reply means, which no schema can say. `I` is what the caller's request brings to it. */
export type MeaningRule<T, I> = (reply: T, input: I) => FieldError | undefined;

/** A structured task apart from the type of its reply. */
export interface StructuredShape extends Task {
  readonly schema: ReplySchema;
  /**
   * The field that is spoken to the candidate as it streams; what was spoken is never taken back. The fields of such
   * a task are texts, numbers and truth values, so that each can be asked for again alone.
   */
  readonly spoken?: string;
  /** Of such a task: for each field the schema of it and all that follow, to ask for when what came before was spoken. */
  readonly rests?: ReadonlyMap<string, ReplySchema> | undefined;
}

/** The parts of a task by which the ladder judges a reply. */
export interface Judged<T, I> {
  readonly thinking: boolean;
  readonly schema: Pick<ReplySchema<T>, 'check'>;
  readonly rules: readonly MeaningRule<T, I>[];
  readonly toReply?: (value: T) => T;
  readonly rests?: ReadonlyMap<string, ReplySchema> | undefined;
}

/** A question whose answer is an object. */
export interface StructuredTask<T = unknown, I = unknown> extends StructuredShape {
  readonly schema: ReplySchema<T>;
  /** The fixed output contract that follows the caller's system prompt. */
  readonly contract: string;
  /** Tells the contract's versions apart, see {@link textHash}. */
  readonly contractHash: string;
  /** Sentences that this call adds to the contract, for instance its pass mark. */
  readonly terms?: (input: I) => readonly string[];
  readonly rules: readonly MeaningRule<T, I>[];
  /** Puts the reply into the contract's order of keys. */
  readonly toReply?: (value: T) => T;
  readonly spoken?: keyof T & string;
  /** What an answer decides, for the log's columns. */
  readonly verdict?: (reply: T) => Verdict;
}

/**
 * Defines a question whose answer is free text.
 * @throws Error where another task has its name
 */
export function defineTextTask(definition: Task): Task {
  return registerTask(Object.freeze({ ...definition }));
}

/**
 * Defines a question whose answer is an object, and makes it known to the log, the metrics and the documentation.
 * @throws Error for a mistake in it, so that it stops the start and not a call
 */
export function defineTask<T, I>(
  definition: Omit<StructuredTask<T, I>, 'rests' | 'contractHash'>,
): StructuredTask<T, I> {
  const task = { ...definition, contractHash: textHash(definition.contract) };
  const fields = Object.keys(task.schema.grammar.properties ?? {});
  const missing = fields.filter((field) => !new RegExp(String.raw`\b${field}\b`).test(task.contract));
  if (missing.length > 0) {
    throw new Error(`The contract of ${task.name} does not explain ${missing.join(', ')}.`);
  }
  if (task.spoken === undefined) return registerTask(Object.freeze(task));
  requireFlat(task);
  const rests = fields.map((field, index) => [field, pickFields(task.schema, fields.slice(index))] as const);
  return registerTask(Object.freeze({ ...task, rests: new Map(rests) }));
}

function requireFlat({ name, schema }: StructuredShape): void {
  const nested = Object.entries(schema.grammar.properties ?? {}).filter(
    ([, { type }]) => type === 'object' || type === 'array',
  );
  if (nested.length === 0) return;
  const fields = nested.map(([field]) => field).join(', ');
  throw new Error(`${name} has a spoken field, so ${fields} cannot be an object or array.`);
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
