import type { ChatMessage } from '../engine/engine-request.js';
import { neutraliseMarks } from '../text/chat-marks.js';

/** What goes into a structured question. */
export interface PromptParts {
  /** The caller's instructions: who the model is, what it looks at, in which language. */
  readonly systemPrompt: string;
  /** The material to answer about. It is data; the contract tells the model so. */
  readonly userPrompt: string;
  /** The task's fixed output contract: fields, their meaning, order. */
  readonly contract: string;
  /** Sentences for this call's own terms, for instance a pass mark; they stand at the contract's end. */
  readonly terms?: readonly string[];
}

/**
 * Builds the messages of a structured question: the caller's system prompt, then the contract, in one system
 * message; the material in one user message. Nothing in it changes from turn to turn but the end of the material,
 * so the engine's prefix cache holds (docs/adr/0004-prompt-order.md).
 */
export function buildMessages(parts: PromptParts, options: { readonly thinking: boolean }): ChatMessage[] {
  const system = neutraliseMarks(parts.systemPrompt, options).trimEnd();
  const contract = [parts.contract, ...(parts.terms ?? [])].join('\n');
  return [
    { role: 'system', content: `${system}\n\n${contract}` },
    { role: 'user', content: neutraliseMarks(parts.userPrompt, options) },
  ];
}
