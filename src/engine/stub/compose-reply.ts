import { fillSchema } from './reply/fill-schema.js';
import { knownValues } from './reply/known-values.js';
import { PHRASES } from './reply/phrasebook.js';
import { readInterview } from './reply/read-interview.js';
import { spacedJson } from './reply/spaced-json.js';
import { oneLine } from './reply/text.js';
import type { ChatMessage, JsonSchema } from './types.js';

/**
 * The words of the stub: composed by rule from the prompt, the same for the same prompt, and never passed off as a
 * model's.
 *
 * @param schema - The reply is JSON that this accepts; without it, a sentence or two of plain text.
 */
export function composeReply(messages: readonly ChatMessage[], schema: JsonSchema | undefined): string {
  const interview = readInterview(messages);
  const phrases = PHRASES[interview.language];
  if (schema === undefined) {
    const asked = messages.findLast(({ role }) => role === 'user');
    return phrases.chat(oneLine(asked?.content ?? ''));
  }
  return spacedJson(fillSchema(schema, knownValues(interview), phrases.sample));
}

/**
 * The arguments with which the stub calls a function, as JSON.
 *
 * @param parameters - What they have to be accepted by; without it, any object is.
 */
export function composeArguments(
  messages: readonly ChatMessage[],
  parameters: JsonSchema | undefined,
): string {
  return composeReply(messages, { type: 'object', ...parameters });
}
