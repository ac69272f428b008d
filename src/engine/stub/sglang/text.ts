import { type Answer, idOf } from '../answer.js';
import { eventText, wholeText } from '../completion-text.js';
import type { TextShapes } from '../dialect.js';
import { countTokens, type Generation } from '../generation.js';
import { endLikelihood, likelihoodOf, likelihoods, type SaidToken } from '../logprobs.js';
import type { Step } from '../speech.js';
import { metadata, usageAfter, usageOf } from './usage.js';

/** SGLang's shapes of a text completion, to the order of the keys. */
export const text: TextShapes = {
  whole(answer) {
    const { topLogprobs } = answer.request;
    const choices = answer.generations.map((generation) => ({
      index: generation.index,
      text: wholeText(answer, generation),
      logprobs: logprobs(topLogprobs, (top) => [
        ...likelihoods(generation.tokens, top),
        ...endLikelihood(generation, top),
      ]),
      finish_reason: generation.finishReason,
      matched_stop: generation.matchedStop,
    }));
    return {
      id: idOf(answer),
      object: 'text_completion',
      created: answer.created,
      model: answer.model,
      choices: answer.hasChoices ? choices : [],
      usage: usageOf(answer),
      metadata: metadata(answer),
    };
  },

  delta(answer, step) {
    const told = logprobs(answer.request.topLogprobs, (top) => [likelihoodOf(step.token.text, top)]);
    return chunk(answer, step, { text: eventText(answer, step.generation, step), logprobs: told });
  },

  finish(answer, generation, step) {
    const { finishReason, matchedStop } = generation;
    return chunk(answer, step ?? afterAll(generation), {
      text: eventText(answer, generation, step),
      logprobs: logprobs(answer.request.topLogprobs, (top) =>
        step ? [likelihoodOf(step.token.text, top)] : endLikelihood(generation, top),
      ),
      finish_reason: finishReason,
      matched_stop: matchedStop,
    });
  },

  // Unlike every other event it leaves out what is null.
  usage(answer) {
    const last = answer.generations.at(-1);
    const all = Object.entries(usageOf(answer)).filter(([, value]) => value !== null);
    return { ...head(answer, last), choices: [], usage: Object.fromEntries(all) };
  },
};

function chunk(answer: Answer, { generation, count }: Omit<Step, 'token'>, said: object): object {
  const choice = {
    index: generation.index,
    text: '',
    logprobs: null,
    finish_reason: null,
    matched_stop: null,
    ...said,
  };
  return {
    ...head(answer, generation),
    choices: answer.hasChoices ? [choice] : [],
    usage: answer.request.continuousUsage ? usageAfter({ generation, count }) : null,
  };
}

function afterAll(generation: Generation): Omit<Step, 'token'> {
  return { generation, count: countTokens(generation) };
}

/** In a stream each choice has an id of its own. */
function head({ created, model }: Answer, generation: Generation | undefined): object {
  return { id: generation?.id ?? '', object: 'text_completion', created, model };
}

/** SGLang knows no offsets and says so with -1. */
function logprobs(top: number | undefined, tell: (top: number) => SaidToken[]): object | null {
  if (top === undefined) return null;
  const tokens = tell(top);
  if (tokens.length === 0) return null;
  return {
    text_offset: tokens.map(() => -1),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    tokens: tokens.map((token) => token.text),
    top_logprobs:
      top === 0
        ? []
        : tokens.map((token) => Object.fromEntries(token.top.map((one) => [one.text, one.logprob]))),
  };
}
