import { type Answer, idOf } from '../answer.js';
import type { ChatShapes } from '../dialect.js';
import { contentOf, type Generation, reasoningOf, type Token, toolCallsOf } from '../generation.js';
import { endLikelihood, type Likelihood, likelihoodOf, likelihoods, type SaidToken } from '../logprobs.js';
import { metadata, usageAfter, usageOf } from './usage.js';

/** SGLang's chat shapes, to the order of the keys. */
export const chat: ChatShapes = {
  whole(answer) {
    const choices = answer.generations.map((generation) => wholeChoice(answer, generation));
    return {
      id: idOf(answer),
      object: 'chat.completion',
      created: answer.created,
      model: answer.model,
      choices: answer.hasChoices ? choices : [],
      usage: usageOf(answer),
      metadata: metadata(answer),
    };
  },

  role(answer, generation) {
    const delta = { reasoning_content: null, role: 'assistant', content: '' };
    return chunk(answer, generation, choice(generation, delta));
  },

  delta(answer, step) {
    const { generation, token } = step;
    const { topLogprobs, continuousUsage } = answer.request;
    const usage = continuousUsage ? { usage: usageAfter(step) } : {};
    if (token.field === 'call' || token.field === 'arguments') {
      // Another hand writes these: every key is there, the usage too.
      return { ...chunk(answer, generation, choice(generation, callDelta(token))), usage: null, ...usage };
    }
    const said = token.field === 'reasoning' ? { reasoning_content: token.text } : { content: token.text };
    const told = topLogprobs === undefined ? [] : [likelihoodOf(token.text, topLogprobs)];
    const delta = { reasoning_content: null, ...said };
    return {
      ...chunk(answer, generation, choice(generation, delta, { logprobs: logprobs(told) })),
      ...usage,
    };
  },

  end(answer, generation) {
    const told = endLikelihood(generation, answer.request.topLogprobs ?? 0);
    const delta = { reasoning_content: null };
    return chunk(answer, generation, choice(generation, delta, { logprobs: logprobs(told) }));
  },

  // The ends of all choices come together, under the id of the one that spoke last.
  finish(answer, generation) {
    const { finishReason, matchedStop } = generation;
    const delta = { reasoning_content: null };
    const end = { finish_reason: finishReason, matched_stop: matchedStop };
    return chunk(answer, lastToSpeak(answer), choice(generation, delta, end));
  },

  usage: (answer) => ({ ...head(answer, lastToSpeak(answer)), choices: [], usage: usageOf(answer) }),
};

function wholeChoice({ request: { topLogprobs } }: Answer, generation: Generation): object {
  const calls = toolCallsOf(generation).map(({ id, index, name, arguments: json }) => ({
    id,
    index,
    type: 'function',
    function: { name, arguments: json },
  }));
  const told =
    topLogprobs === undefined
      ? []
      : [...likelihoods(generation.tokens, topLogprobs), ...endLikelihood(generation, topLogprobs)];
  return {
    index: generation.index,
    message: {
      role: 'assistant',
      content: contentOf(generation),
      reasoning_content: reasoningOf(generation),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    logprobs: logprobs(told),
    finish_reason: generation.finishReason,
    matched_stop: calls.length > 0 ? null : generation.matchedStop,
  };
}

function choice({ index }: Generation, delta: object, rest: object = {}): object {
  return { index, delta, logprobs: null, finish_reason: null, matched_stop: null, ...rest };
}

function chunk(answer: Answer, speaker: Generation | undefined, oneChoice: object): object {
  return { ...head(answer, speaker), choices: answer.hasChoices ? [oneChoice] : [] };
}

/** In a stream each choice has an id of its own. */
function head({ created, model }: Answer, generation: Generation | undefined): object {
  return { id: generation?.id ?? '', object: 'chat.completion.chunk', created, model };
}

function lastToSpeak({ generations }: Answer): Generation | undefined {
  const longest = Math.max(...generations.map(({ tokens }) => tokens.length));
  return generations.findLast(({ tokens }) => tokens.length === longest);
}

function callDelta({ field, text, call }: Extract<Token, { field: 'call' | 'arguments' }>): object {
  const [id, name] = field === 'call' ? [call.id, call.name] : [null, null];
  const piece = { id, index: call.index, type: 'function', function: { name, arguments: text } };
  return { role: null, content: null, reasoning_content: null, tool_calls: [piece] };
}

function logprobs(tokens: SaidToken[]): object | null {
  if (tokens.length === 0) return null;
  const entry = ({ text, logprob }: Likelihood) => ({ token: text, bytes: [...Buffer.from(text)], logprob });
  return { content: tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) })) };
}
