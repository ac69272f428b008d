import type { ChatMessage, EngineReply, OwnRequest } from '../../engine/engine-request.js';
import { neutraliseMarks, restoreMarks } from '../../text/chat-marks.js';
import type { StructuredShape } from '../define-task.js';
import type { Standing } from '../out/field-stream.js';
import type { Refusal } from './ladder.js';

/** The parts of a request that a retry may change. */
export type Asked = Pick<OwnRequest, 'messages' | 'maxTokens' | 'thinking' | 'format'>;

/** A reply longer than this many characters is not shown to the model again: it costs more than it explains. */
const MAX_SHOWN = 8000;

/** How much more room a reply gets that did not fit. */
const GROWTH = 2;

/**
 * Makes the next request after a reply that was not accepted. The conversation so far stays as it is (the engine has
 * it in its prefix cache); what was wrong follows it.
 * @param ceiling tokens that no retry exceeds
 */
export function reAsk<R extends Asked>(
  request: R,
  first: R,
  reply: EngineReply,
  refusal: Refusal,
  ceiling: number,
): R {
  switch (refusal.flaw) {
    case 'length': {
      const maxTokens = Math.min(request.maxTokens * GROWTH, ceiling);
      // A reply that got less than was asked for ended at the end of the context: there is no more room.
      const hasRoom = maxTokens > request.maxTokens && reply.maxTokens === request.maxTokens;
      if (hasRoom) return { ...first, maxTokens };
      const briefer = correction([
        `it was longer than ${reply.maxTokens ?? request.maxTokens} tokens: be briefer`,
      ]);
      return { ...first, maxTokens: request.maxTokens, messages: [...first.messages, briefer] };
    }
    case 'not-json':
    case 'schema':
    case 'meaning': {
      const wrong = wrongIn(refusal);
      const problems = wrong.length > 0 ? wrong : [refusal.reason];
      return {
        ...request,
        messages: [...first.messages, ...shown(reply, request.thinking), correction(problems)],
      };
    }
    case 'blocked':
      // The reply itself is not shown: a model repeats what it reads.
      return {
        ...first,
        maxTokens: request.maxTokens,
        messages: [...first.messages, correction([refusal.reason])],
      };
    default:
      return { ...first, maxTokens: request.maxTokens };
  }
}

/**
 * Makes the request that brings what is missing of a reply of which something was spoken already: that stands, so the
 * model is told it and asked for the rest alone, in a grammar of the rest.
 * @param refusal why the missing fields were not taken, where they were there
 * @returns nothing where nothing is missing
 */
export function askForRest<R extends Asked>(
  { rests }: Pick<StructuredShape, 'rests'>,
  first: R,
  { kept, begun }: Standing,
  refusal: Refusal | undefined,
): R | undefined {
  const [, rest] = [...(rests ?? [])].find(([field]) => !(field in kept)) ?? [];
  if (!rest) return undefined;
  const stands = JSON.stringify({ ...kept, ...begun });
  const wanted = Object.keys(rest.grammar.properties ?? {}).join(', ');
  const sentences = [
    'That reply broke off. What stands in it was already said to the candidate and stays as it is.',
    `Reply with a JSON object that has the missing fields alone, in the language of what stands: ${wanted}.`,
    ...Object.keys(begun).map(
      (field) => `"${field}" stopped in the middle: write only what follows its last words.`,
    ),
    ...(refusal ? whyNotTaken(refusal) : []),
  ];
  return {
    ...first,
    format: { name: rest.name, grammar: rest.grammar },
    messages: [
      ...first.messages,
      { role: 'assistant', content: neutraliseMarks(stands, first) },
      { role: 'user', content: sentences.join('\n') },
    ],
  };
}

function whyNotTaken(refusal: Refusal): string[] {
  if (refusal.flaw === 'blocked') return [refusal.reason];
  const wrong = wrongIn(refusal);
  return wrong.length > 0 ? [`What followed could not be used: ${wrong.join('; ')}.`] : [];
}

function wrongIn({ errors }: Refusal): string[] {
  return errors.map(({ path, message }) => `${path || 'the object'} ${message}`);
}

function shown({ content }: EngineReply, thinking: boolean): ChatMessage[] {
  const text = content.trim();
  if (text === '' || text.length > MAX_SHOWN) return [];
  // Marks that the model quoted as it got them, harmless, are not made harmless twice.
  const harmless = neutraliseMarks(restoreMarks(text, { thinking }), { thinking });
  return [{ role: 'assistant', content: harmless }];
}

/** Asks for a whole object again, and says what was wrong with the last one. */
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
