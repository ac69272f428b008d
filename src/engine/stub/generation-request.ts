import { randomUUID } from 'node:crypto';
import { field, isBoolean, isInteger, isNumber, isString, isTextOrTexts } from './fields.js';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import type { Tool } from './tools.js';
import type { ChatMessage, JsonSchema } from './types.js';

/** What the model is to go on from. */
export interface Prompt {
  /** A completion's prompt is one message of the user's. */
  messages: ChatMessage[];
  tokens: number;
}

/** The fields of a chat or a completion request that the stub acts on. As in SGLang, others are ignored. */
export interface GenerationRequest extends CommonFields {
  /** Chat has one, completions may have several. */
  prompts: Prompt[];
  /** One for each choice of each prompt. By it the choice can be aborted. */
  ids: string[];
  /** Absent, a reply may fill the context. */
  maxTokens: number | undefined;
  schema: JsonSchema | undefined;
  /** The function that the reply has to call instead of saying something. */
  tool: Tool | undefined;
  /** Whether a completion begins with its prompt. */
  echo: boolean;
  /** How many other likely tokens are told with each token; absent, not even the token's own likelihood is. */
  topLogprobs: number | undefined;
}

interface CommonFields {
  model: string | undefined;
  /** How many choices each prompt gets. */
  n: number;
  stop: string[];
  stream: boolean;
  includeUsage: boolean;
  continuousUsage: boolean;
}

/** OpenAI's limit; SGLang has none. */
const MOST_CHOICES = 128;

/** OpenAI's limit; SGLang has none. */
const MOST_TOP_LOGPROBS = 20;

/** Reads what chat and completions have in common; throws a {@link Refusal} with SGLang's sentence. */
export function readCommonFields(body: JsonObject): CommonFields {
  checkSampling(body);
  const stop = field(body, 'stop', isTextOrTexts, 'string or list of strings') ?? [];
  const streamOptions = field(body, 'stream_options', isJsonObject, 'dictionary') ?? {};
  return {
    model: field(body, 'model', isString, 'string'),
    n: readChoiceCount(body),
    stop: isString(stop) ? [stop] : stop,
    stream: field(body, 'stream', isBoolean, 'boolean') ?? false,
    includeUsage: field(streamOptions, 'include_usage', isBoolean, 'boolean') ?? false,
    continuousUsage: field(streamOptions, 'continuous_usage_stats', isBoolean, 'boolean') ?? false,
  };
}

function checkSampling(body: JsonObject): void {
  const temperature = field(body, 'temperature', isNumber, 'number');
  if (temperature !== undefined && temperature < 0) {
    const got = pythonFloat(temperature);
    throw new Refusal(`temperature must be a non-negative finite number, got ${got}.`, {
      param: 'temperature',
    });
  }
  const topP = field(body, 'top_p', isNumber, 'number');
  if (topP !== undefined && (topP <= 0 || topP > 1)) {
    throw new Refusal(`top_p must be in (0, 1], got ${pythonFloat(topP)}.`, { param: 'top_p' });
  }
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function readChoiceCount(body: JsonObject): number {
  const n = field(body, 'n', isInteger, 'integer') ?? 1;
  if (n === 0) throw new Refusal('range() arg 3 must not be zero', { param: 'n' });
  if (n >= 1 && n <= MOST_CHOICES) return n;
  throw new Refusal(`The stub gives 1 to ${MOST_CHOICES} choices, got n ${n}.`, { param: 'n' });
}

/**
 * The ids of all choices, out of the caller's own `rid`: a list of prompts makes it `rid_0`, `rid_1` and so on, and
 * with `n` above 1 it is lost, all as in SGLang.
 */
export function readIds(body: JsonObject, promptCount: number, n: number, isList = false): string[] {
  const rid = field(body, 'rid', isTextOrTexts, 'string or list of strings');
  if (Array.isArray(rid) && rid.length !== promptCount) {
    throw new Refusal('The specified rids length mismatch with the batch_size for batch processing.');
  }
  const prompts = Array.from({ length: promptCount }, (_, index) => index);
  if (rid === undefined || n > 1) return prompts.flatMap(() => Array.from({ length: n }, newId));
  if (Array.isArray(rid)) return rid;
  return isList ? prompts.map((index) => `${rid}_${index}`) : [rid];
}

function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** As many other tokens as the caller may be told. */
export function clampTopLogprobs(count: number): number {
  return Math.min(Math.max(count, 0), MOST_TOP_LOGPROBS);
}

/** Throws the refusal of a prompt that leaves no room in the context. */
export function checkRoom(promptTokens: number, maxTokens: number | undefined, contextLength: number): void {
  if (maxTokens !== undefined && maxTokens < 0) {
    throw new Refusal(`max_new_tokens must be at least 0, got ${maxTokens}.`, { param: 'max_tokens' });
  }
  if (promptTokens >= contextLength) {
    throw new Refusal(
      `The input (${promptTokens} tokens) is longer than the model's context length (${contextLength} tokens).`,
      { param: 'messages', code: 'context_length_exceeded' },
    );
  }
  if (maxTokens !== undefined && promptTokens + maxTokens > contextLength) {
    throw new Refusal(
      `Requested token count exceeds the model's maximum context length of ${contextLength} tokens. ` +
        `You requested a total of ${promptTokens + maxTokens} tokens: ${promptTokens} tokens from the input ` +
        `messages and ${maxTokens} tokens for the completion. Please reduce the number of tokens in the input ` +
        'messages or the completion to fit within the limit.',
      { param: 'max_tokens', code: 'context_length_exceeded' },
    );
  }
}
