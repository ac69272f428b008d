import type { ChatMessage, EngineReply, EngineRequest } from '../engine/engine-request.js';
import { neutraliseMarks, restoreMarks } from '../prompts/chat-marks.js';
import type { Verdict } from './ladder.js';

/** A reply longer than this many characters is not shown to the model again: it costs more than it explains. */
const MAX_SHOWN = 8000;

/** How much more room a reply gets that did not fit. */
const GROWTH = 2;

/**
 * Makes the next request after a reply that was not accepted. The conversation so far stays as it is (the engine has
 * it in its prefix cache); what was wrong follows it.
 * @param ceiling tokens that no retry exceeds
 */
export function reAsk(
  request: EngineRequest,
  first: EngineRequest,
  reply: EngineReply,
  verdict: Verdict<unknown> & { valid: false },
  ceiling: number,
): EngineRequest {
  switch (verdict.flaw) {
    case 'length': {
      const maxTokens = Math.min(request.maxTokens * GROWTH, ceiling);
      // A reply that got less than was asked for ended at the end of the context: there is no more room.
      const hasRoom = maxTokens > request.maxTokens && reply.maxTokens === request.maxTokens;
      if (hasRoom) return { ...first, maxTokens };
      const briefer = correction([`it was longer than ${reply.maxTokens} tokens: be briefer`]);
      return { ...first, maxTokens: request.maxTokens, messages: [...first.messages, briefer] };
    }
    case 'not-json':
    case 'schema':
    case 'meaning': {
      const problems = verdict.errors.map(({ path, message }) => `${path || 'the object'} ${message}`);
      if (problems.length === 0) problems.push(verdict.reason);
      return {
        ...request,
        messages: [...first.messages, ...shown(reply, request.thinking), correction(problems)],
      };
    }
    default:
      return { ...first, maxTokens: request.maxTokens };
  }
}

function shown({ content }: EngineReply, thinking: boolean): ChatMessage[] {
  const text = content.trim();
  if (text === '' || text.length > MAX_SHOWN) return [];
  // Marks that the model quoted as it got them, harmless, are not made harmless twice.
  const harmless = neutraliseMarks(restoreMarks(text, { thinking }), { thinking });
  return [{ role: 'assistant', content: harmless }];
}

function correction(problems: readonly string[]): ChatMessage {
  return {
    role: 'user',
    content: [
      'That reply cannot be used:',
      ...problems.map((problem) => `- ${problem}`),
      'Reply again to the material above, with the whole JSON object and nothing else.',
    ].join('\n'),
  };
}
