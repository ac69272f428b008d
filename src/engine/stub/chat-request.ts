import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import { countTokens } from './tokens.js';
import type { ChatMessage, JsonSchema } from './types.js';

/** The fields of a chat request that the stub acts on. As in SGLang, others are ignored and null is absent. */
export interface ChatRequest {
  model: string | undefined;
  messages: ChatMessage[];
  promptTokens: number;
  maxTokens: number | undefined;
  stop: string[];
  schema: JsonSchema | undefined;
  stream: boolean;
  includeUsage: boolean;
  continuousUsage: boolean;
  /** The caller's own `rid`, or a new one. By it the request can be aborted. */
  id: string;
}

// What Qwen3's chat template puts around a message, before the reply, and before it with thinking off.
const TOKENS_PER_MESSAGE = 5;
const TOKENS_BEFORE_REPLY = 3;
const TOKENS_OF_EMPTY_THINKING = 4;

/** Checks the values of a chat request; throws a {@link Refusal} with SGLang's sentence for the first wrong one. */
export function readChatRequest(body: JsonObject, contextLength: number): ChatRequest {
  const messages = readMessages(body);
  checkSampling(body);
  const maxTokens =
    field(body, 'max_completion_tokens', isInteger, 'integer') ??
    field(body, 'max_tokens', isInteger, 'integer');
  const promptTokens = countPromptTokens(messages, isThinkingOff(body));
  checkRoom(promptTokens, maxTokens, contextLength);
  const stop = field(body, 'stop', isStop, 'string or list of strings') ?? [];
  const streamOptions = field(body, 'stream_options', isJsonObject, 'dictionary') ?? {};
  return {
    model: field(body, 'model', isString, 'string'),
    messages,
    promptTokens,
    maxTokens,
    stop: typeof stop === 'string' ? [stop] : stop,
    schema: readSchema(body),
    stream: field(body, 'stream', isBoolean, 'boolean') ?? false,
    includeUsage: field(streamOptions, 'include_usage', isBoolean, 'boolean') ?? false,
    continuousUsage: field(streamOptions, 'continuous_usage_stats', isBoolean, 'boolean') ?? false,
    id: field(body, 'rid', isString, 'string') ?? randomUUID().replaceAll('-', ''),
  };
}

function readMessages(body: JsonObject): ChatMessage[] {
  const messages = field(body, 'messages', Array.isArray, 'list') as unknown[] | undefined;
  if (!messages) {
    throw new Refusal('Field required', {
      param: 'messages',
      issue: { type: 'missing', location: ['body', 'messages'], input: body },
    });
  }
  if (messages.length === 0) throw new Refusal('Messages cannot be empty.', { param: 'messages' });
  return messages.map(readMessage);
}

function readMessage(message: unknown, index: number): ChatMessage {
  const { role, content } = isJsonObject(message) ? message : {};
  const text = isString(content) ? content : joinTextParts(content);
  // A lone surrogate has no UTF-8 form: the real engines' JSON parsers stop at its escape.
  if (isString(role) && text?.isWellFormed()) return { role, content: text };
  throw new Refusal('Input should be a message with a role and a text', {
    param: 'messages',
    issue: { type: 'value_error', location: ['body', 'messages', index], input: message },
  });
}

function joinTextParts(content: unknown): string | undefined {
  if (!Array.isArray(content)) return undefined;
  const texts = content.map((part: unknown) =>
    isJsonObject(part) && part.type === 'text' ? part.text : undefined,
  );
  return texts.every(isString) ? texts.join('') : undefined;
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
  const choices = field(body, 'n', isInteger, 'integer') ?? 1;
  if (choices !== 1)
    throw new Refusal(`The stub gives one choice: n must be 1, got ${choices}.`, { param: 'n' });
}

function pythonFloat(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function checkRoom(promptTokens: number, maxTokens: number | undefined, contextLength: number): void {
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

function countPromptTokens(messages: ChatMessage[], thinkingOff: boolean): number {
  const texts = messages.reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + countTokens(content), 0);
  return texts + TOKENS_BEFORE_REPLY + (thinkingOff ? TOKENS_OF_EMPTY_THINKING : 0);
}

function isThinkingOff(body: JsonObject): boolean {
  const template = field(body, 'chat_template_kwargs', isJsonObject, 'dictionary');
  return template?.enable_thinking === false || body.reasoning_effort === 'none';
}

function readSchema(body: JsonObject): JsonSchema | undefined {
  const format = field(body, 'response_format', isJsonObject, 'dictionary');
  if (!format) return undefined;
  switch (format.type) {
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'object' };
    case 'json_schema':
      return readJsonSchema(format);
  }
  throw new Refusal("Input should be 'text', 'json_object', 'json_schema' or 'structural_tag'", {
    param: 'response_format',
    issue: { type: 'literal_error', location: ['body', 'response_format', 'type'], input: format },
  });
}

function readJsonSchema(format: JsonObject): JsonSchema {
  const wrapper = field(format, 'json_schema', isJsonObject, 'dictionary');
  if (wrapper && !isString(wrapper.name)) {
    throw new Refusal('Field required', {
      param: 'response_format',
      issue: {
        type: 'missing',
        location: ['body', 'response_format', 'json_schema', 'name'],
        input: wrapper,
      },
    });
  }
  const schema = field(wrapper ?? format, 'schema', isJsonObject, 'dictionary');
  if (schema) return schema;
  throw new Refusal('schema_ is required for json_schema response format request.', {
    param: 'response_format',
  });
}

function field<T>(
  body: JsonObject,
  name: string,
  is: (value: unknown) => value is T,
  kind: string,
): T | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || is(value)) return value;
  throw new Refusal(`Input should be a valid ${kind}`, {
    param: name,
    issue: { type: `${kind}_type`, location: ['body', name], input: value },
  });
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isInteger = (value: unknown): value is number => Number.isInteger(value);
const isStop = (value: unknown): value is string | string[] =>
  isString(value) || (Array.isArray(value) && value.every(isString));
