import { field, isBoolean, isInteger, isList, isString, missingField } from './fields.js';
import {
  checkRoom,
  clampTopLogprobs,
  type GenerationRequest,
  readCommonFields,
  readIds,
} from './generation-request.js';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import { readResponseFormat } from './response-format.js';
import { countTokens } from './tokens.js';
import { readTool } from './tools.js';
import type { ChatMessage } from './types.js';

// What Qwen3's chat template puts around a message, before the reply, and before it with thinking off.
const TOKENS_PER_MESSAGE = 5;
const TOKENS_BEFORE_REPLY = 3;
const TOKENS_OF_EMPTY_THINKING = 4;

/** Checks the values of a chat request; throws a {@link Refusal} with SGLang's sentence for the first wrong one. */
export function readChatRequest(body: JsonObject, contextLength: number): GenerationRequest {
  const messages = readMessages(body);
  const common = readCommonFields(body);
  const maxTokens =
    field(body, 'max_completion_tokens', isInteger, 'integer') ??
    field(body, 'max_tokens', isInteger, 'integer');
  const tokens = countPromptTokens(messages, isThinkingOff(body));
  checkRoom(tokens, maxTokens, contextLength);
  return {
    ...common,
    prompts: [{ messages, tokens }],
    ids: readIds(body, 1, common.n),
    maxTokens,
    schema: readResponseFormat(body),
    tool: readTool(body, messages),
    echo: false,
    topLogprobs: readTopLogprobs(body),
  };
}

function readMessages(body: JsonObject): ChatMessage[] {
  const messages = field(body, 'messages', isList, 'list');
  if (!messages) throw missingField(body, 'messages');
  if (messages.length === 0) throw new Refusal('Messages cannot be empty.', { param: 'messages' });
  return messages.map(readMessage);
}

function readMessage(message: unknown, index: number): ChatMessage {
  const { role, content } = isJsonObject(message) ? message : {};
  const text = readContent(role, content);
  // A lone surrogate has no UTF-8 form: the real engines' JSON parsers stop at its escape.
  if (isString(role) && text?.isWellFormed()) return { role, content: text };
  throw new Refusal('Input should be a message with a role and a text', {
    param: 'messages',
    issue: { type: 'value_error', location: ['body', 'messages', index], input: message },
  });
}

function readContent(role: unknown, content: unknown): string | undefined {
  // An assistant that called a tool may have said nothing.
  if (role === 'assistant' && (content ?? null) === null) return '';
  return isString(content) ? content : joinTextParts(content);
}

function joinTextParts(content: unknown): string | undefined {
  if (!isList(content)) return undefined;
  const texts = content.map((part) => (isJsonObject(part) && part.type === 'text' ? part.text : undefined));
  return texts.every(isString) ? texts.join('') : undefined;
}

function countPromptTokens(messages: ChatMessage[], thinkingOff: boolean): number {
  const texts = messages.reduce((sum, { content }) => sum + TOKENS_PER_MESSAGE + countTokens(content), 0);
  return texts + TOKENS_BEFORE_REPLY + (thinkingOff ? TOKENS_OF_EMPTY_THINKING : 0);
}

function isThinkingOff(body: JsonObject): boolean {
  const template = field(body, 'chat_template_kwargs', isJsonObject, 'dictionary');
  return template?.enable_thinking === false || body.reasoning_effort === 'none';
}

function readTopLogprobs(body: JsonObject): number | undefined {
  if (field(body, 'logprobs', isBoolean, 'boolean') !== true) return undefined;
  return clampTopLogprobs(field(body, 'top_logprobs', isInteger, 'integer') ?? 0);
}
