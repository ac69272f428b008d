import type { Answer } from '../answer.js';
import type { TextShapes } from '../dialect.js';
import { echoOf, eventText, wholeText } from '../completion-text.js';
import type { Generation } from '../generation.js';
import { likelihoodOf, likelihoods, type SaidToken } from '../logprobs.js';
import type { Step } from '../speech.js';
import { FINGERPRINT, head, usageOf } from './usage.js';

/** OpenAI's shapes of a text completion. */
export const text: TextShapes = {
  whole(answer) {
    const { topLogprobs } = answer.request;
    const choices = answer.generations.map((generation) => {
      const told = topLogprobs === undefined ? [] : likelihoods(generation.tokens, topLogprobs);
      return {
        text: wholeText(answer, generation),
        index: generation.index,
        logprobs: logprobs(told, echoOf(answer, generation).length),
        finish_reason: generation.finishReason,
      };
    });
    return {
      ...head(answer, 'text_completion'),
      ...FINGERPRINT,
      choices: answer.hasChoices ? choices : [],
      usage: usageOf(answer),
    };
  },

  delta: (answer, step) => chunk(answer, { ...said(answer, step.generation, step), finish_reason: null }),

  finish: (answer, generation, step) =>
    chunk(answer, { ...said(answer, generation, step), finish_reason: generation.finishReason }),

  usage: (answer) => ({
    ...head(answer, 'text_completion'),
    ...FINGERPRINT,
    choices: [],
    usage: usageOf(answer),
  }),
};

function said(answer: Answer, generation: Generation, step?: Step): object {
  const { topLogprobs } = answer.request;
  const isTold = step !== undefined && topLogprobs !== undefined;
  const before = generation.tokens.slice(0, (step?.count ?? 1) - 1).map(({ text: piece }) => piece);
  return {
    text: eventText(answer, generation, step),
    index: generation.index,
    logprobs: isTold
      ? logprobs(
          [likelihoodOf(step.token.text, topLogprobs)],
          echoOf(answer, generation).length + before.join('').length,
        )
      : null,
  };
}

function chunk(answer: Answer, choice: object): object {
  return {
    ...head(answer, 'text_completion'),
    ...FINGERPRINT,
    choices: answer.hasChoices ? [choice] : [],
    ...(answer.request.includeUsage && { usage: null }),
  };
}

/** @param start - how many characters of the text come before these tokens */
function logprobs(tokens: SaidToken[], start: number): object | null {
  if (tokens.length === 0) return null;
  let offset = start;
  const offsets = tokens.map((token) => (offset += token.text.length) - token.text.length);
  const tops = tokens.map((token) => Object.fromEntries(token.top.map((one) => [one.text, one.logprob])));
  return {
    tokens: tokens.map((token) => token.text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.some(({ top }) => top.length > 0) ? tops : null,
    text_offset: offsets,
  };
}
