import type { Answer } from './answer.js';
import { type Generation, promptOf } from './generation.js';
import type { Step } from './speech.js';

/** What a completion says before its first token: its prompt, where the caller asked for that. */
export function echoOf({ request }: Answer, { index }: Generation): string {
  if (!request.echo) return '';
  const texts = promptOf(request, index).messages.map(({ content }) => content);
  return texts.join('');
}

/** All that a completion says. It has no message to sort reasoning and calls into. */
export function wholeText(answer: Answer, generation: Generation): string {
  return echoOf(answer, generation) + generation.tokens.map(({ text }) => text).join('');
}

/** What one event of a streamed completion says: a token, or as the end of a choice perhaps nothing. */
export function eventText(answer: Answer, generation: Generation, step?: Step): string {
  const isFirst = step ? step.count === 1 : generation.tokens.length === 0;
  return (isFirst ? echoOf(answer, generation) : '') + (step?.token.text ?? '');
}
