import type { Generation, Token } from './generation.js';
import { hash } from './hash.js';

/** A token and the natural logarithm of its likelihood. */
export interface Likelihood {
  text: string;
  logprob: number;
}

/** A token that was said, and those that could have been, itself first. */
export interface SaidToken extends Likelihood {
  top: Likelihood[];
}

/** What the end token looks like in a list of tokens. */
const END_TOKEN = '<|im_end|>';

/** What could have been said instead. */
const ALTERNATIVES =
  ' the| a| and| of| to| in| is|,|.|\n| that| for| it| with| as| on| be| at| by| this'.split('|');

const LEAST_LIKELIHOOD = 0.5;
const BETWEEN_ALTERNATIVES = 0.75;

/**
 * How likely a token was; made up, but the same for the same token.
 *
 * @param top - How many tokens to list, the one that was said included.
 */
export function likelihoodOf(text: string, top: number): SaidToken {
  const share = (hash(text) % 1000) / 1000;
  const logprob = Math.log(LEAST_LIKELIHOOD + (1 - LEAST_LIKELIHOOD) * share);
  const others = ALTERNATIVES.filter((other) => other !== text).map((other, index) => ({
    text: other,
    logprob: logprob - BETWEEN_ALTERNATIVES * (index + 1),
  }));
  return { text, logprob, top: [{ text, logprob }, ...others].slice(0, top) };
}

/** How likely each of these tokens was; the name of a call has no text and is passed over. */
export function likelihoods(tokens: Token[], top: number): SaidToken[] {
  return tokens.filter(({ text }) => text !== '').map(({ text }) => likelihoodOf(text, top));
}

/** The end token of a choice that one has ended; it was never in doubt. */
export function endLikelihood({ matchedStop }: Generation, top: number): SaidToken[] {
  if (typeof matchedStop !== 'number') return [];
  const end = { text: END_TOKEN, logprob: 0 };
  return [{ ...end, top: [end].slice(0, top) }];
}
