import type { Answer } from '../answer.js';
import type { ChatShapes } from '../dialect.js';
import { contentOf, type Generation, type Token, toolCallsOf } from '../generation.js';
import { type Likelihood, likelihoodOf, likelihoods, type SaidToken } from '../logprobs.js';
import { FINGERPRINT, head, usageOf } from './usage.js';

/** OpenAI's chat shapes. */
export const chat: ChatShapes = {
  whole(answer) {
    const choices = answer.generations.map((generation) => wholeChoice(answer, generation));
    return {
      ...head(answer, 'chat.completion'),
      choices: answer.hasChoices ? choices : [],
      usage: usageOf(answer),
      ...SERVICE,
    };
  },

  role(answer, generation) {
    const content = generation.tokens[0]?.field === 'call' ? null : '';
    return chunk(answer, choice(generation, { role: 'assistant', content, refusal: null }));
  },

  delta(answer, { generation, token }) {
    const { topLogprobs } = answer.request;
    const isTold = topLogprobs !== undefined && token.field === 'content';
    const told = isTold ? [likelihoodOf(token.text, topLogprobs)] : [];
    return chunk(answer, choice(generation, deltaOf(token), { logprobs: logprobs(told) }));
  },

  finish: (answer, generation) =>
    chunk(answer, choice(generation, {}, { finish_reason: generation.finishReason })),

  usage: (answer) => ({
    ...head(answer, 'chat.completion.chunk'),
    ...SERVICE,
    choices: [],
    usage: usageOf(answer),
  }),
};

const SERVICE = { service_tier: 'default', ...FINGERPRINT };

function wholeChoice({ request: { topLogprobs } }: Answer, generation: Generation): object {
  const calls = toolCallsOf(generation).map(({ id, name, arguments: json }) => ({
    id,
    type: 'function',
    function: { name, arguments: json },
  }));
  const content = contentOf(generation);
  const contentTokens = generation.tokens.filter(({ field }) => field === 'content');
  return {
    index: generation.index,
    message: {
      role: 'assistant',
      content: calls.length > 0 && content === '' ? null : content,
      ...(calls.length > 0 && { tool_calls: calls }),
      refusal: null,
      annotations: [],
    },
    logprobs: logprobs(topLogprobs === undefined ? [] : likelihoods(contentTokens, topLogprobs)),
    finish_reason: generation.finishReason,
  };
}

/** Its models keep their reasoning to themselves, so that such a delta says nothing. */
function deltaOf(token: Token): object {
  switch (token.field) {
    case 'reasoning':
      return {};
    case 'content':
      return { content: token.text };
    case 'call': {
      const { index, id, name } = token.call;
      return { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] };
    }
    case 'arguments':
      return { tool_calls: [{ index: token.call.index, function: { arguments: token.text } }] };
  }
}

function choice({ index }: Generation, delta: object, rest: object = {}): object {
  return { index, delta, logprobs: null, finish_reason: null, ...rest };
}

function chunk(answer: Answer, oneChoice: object): object {
  return {
    ...head(answer, 'chat.completion.chunk'),
    ...SERVICE,
    choices: answer.hasChoices ? [oneChoice] : [],
    ...(answer.request.includeUsage && { usage: null }),
  };
}

function logprobs(tokens: SaidToken[]): object | null {
  if (tokens.length === 0) return null;
  const entry = ({ text, logprob }: Likelihood) => ({ token: text, logprob, bytes: [...Buffer.from(text)] });
  const content = tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) }));
  return { content, refusal: null };
}
