import { EngineFault, type FaultFacts, type FaultKind, roomFor } from '../engine-fault.js';
import type { EngineError } from './dialect.js';

/** Characters of a message that are searched for a sentence; the known ones begin and end within a few hundred. */
const SEARCHED_CHARACTERS = 1000;

/**
 * A page, JSON, or a framework's refusal of a body. These repeat what was sent, and with it a candidate's words, so no
 * sentence is looked for in them.
 */
const REPEATS_THE_REQUEST = /^\s*(?:[<[{]|\d{1,6} validation error)/;

/** What an error's `code` or `type` says; the only part that stays the same when a sentence is rewritten. */
const KIND_BY_NAME: ReadonlyMap<string, FaultKind> = new Map(
  Object.entries({
    'context-too-long': [
      'context_length_exceeded', // OpenAI
      'context_window_exceeded',
      'exceed_context_size_error', // llama.cpp
    ],
    'quota-exhausted': [
      'insufficient_quota', // OpenAI, as the type of all of these
      'billing_hard_limit_reached',
      'billing_not_active',
      'credit_balance_exhausted',
      'organization_spend_limit_exceeded',
      'organization_usage_limit_exceeded',
      'project_spend_limit_exceeded',
    ],
    'model-refused': [
      'content_filter', // Azure
      'content_policy_violation', // OpenAI
      'invalid_prompt', // OpenAI, for what its usage policy forbids
      'moderation_blocked',
      'data_inspection_failed', // DashScope, which serves Qwen
    ],
    'model-not-found': ['model_not_found'],
    overloaded: [
      'rate_limit_exceeded', // OpenAI
      'rate_limit_error',
      'overloaded_error',
      'server_is_overloaded',
      'slow_down',
    ],
  } satisfies Partial<Record<FaultKind, string[]>>).flatMap(([kind, names]) =>
    names.map((name) => [name, kind as FaultKind] as const),
  ),
);

/** Parameters that vLLM names where the prompt is too long. */
const PROMPT_PARAMS: ReadonlySet<string | undefined> = new Set(['input_tokens', 'input_text']);

/** The context is too small; a group is its size in tokens. */
const CONTEXT = [
  /longer than the model's context length \((\d{1,9})/i, // SGLang
  /exceeds (?:the )?(?:model's )?maximum (?:allowed |context )?(?:input )?length (?:of )?\(?(\d{1,9})/i, // SGLang, where its memory is the limit
  /maximum context length (?:is|of) (\d{1,9})/i, // OpenAI, vLLM, SGLang with max_tokens counted in
  /the model's context length is only (\d{1,9})/i, // vLLM from 0.15 on
  /longer than the maximum model length of (\d{1,9})/i, // vLLM's core
  /too long to fit into the model \(context length (\d{1,9})/i, // vLLM before 0.10
  /max_tokens must be at least 1, got -\d/i, // vLLM before 0.5, which took the prompt off first
  /input tokens exceed the configured limit of (\d{1,9})/i, // OpenAI from GPT-5 on
  /exceeds the context window of this model/i, // OpenAI
  /exceeds the available context size(?: \((\d{1,9}))?/i, // llama.cpp
];

/** In the same sentences: tokens of the prompt. */
const PROMPT = [
  /(?:input|request) \((\d{1,9}) tokens\)/i,
  /input length \(?(\d{1,9})/i,
  /: (\d{1,9}) tokens from the input messages/i,
  /resulted in (\d{1,9}) tokens/i,
  /\((\d{1,9}) (?:in the messages|in your prompt|of text input)/i,
  /(?:has|contains|passed) (?:at least )?(\d{1,9}) input tokens/i,
  /prompt \((?:total )?length (\d{1,9})\)/i,
];

/** In the same sentences: the tokens that were asked for. */
const ASKED = [
  /requested (\d{1,9}) output tokens/i,
  /too large: (\d{1,9})/i,
  /(\d{1,9})(?: tokens)? (?:in|for) the completion/i,
];

/** `max_tokens` alone is too large; the group is what it may be. */
const CEILING = [
  /supports at most (\d{1,9}) completion tokens/i, // OpenAI, SGLang
  /max_(?:completion_)?tokens=\d{1,9} ?cannot be greater than (?:\w{1,30}=){1,3}(\d{1,9})/i, // vLLM
  /max_(?:completion_)?tokens['`]?[^]{0,60}expected a value <= (\d{1,9})/i, // OpenAI, for an integer above its maximum
  /range of max_(?:completion_)?tokens (?:should be|is) \[\d{1,3}, ?(\d{1,9})\]/i, // DashScope, DeepSeek
];

const SENTENCES: readonly (readonly [FaultKind, readonly RegExp[]])[] = [
  [
    'quota-exhausted',
    [
      // Gemini says the same of a limit that passes within seconds.
      /exceeded your current quota(?![^]{0,800}retry in)/i,
      /credit balance is too low/i,
      /insufficient (?:account )?balance/i,
      /insufficient credits/i,
    ],
  ],
  ['model-refused', [/content management policy/i, /violating our usage policy/i]],
  [
    'overloaded',
    [
      /request queue is full/i, // SGLang
      /aborted by a higher priority request/i, // SGLang
      /engine is currently busy/i, // vLLM
      /(?:server|engine|model) is (?:currently |temporarily )?overloaded/i,
    ],
  ],
];

/** Read of a 404 alone, which also says that a path is wrong. */
const UNKNOWN_MODEL = /\bmodel\b[^]{0,300}(?:does not exist|not found)/i;

/**
 * What an error of an engine means, by whatever it is known from: its code or type, the parameter that it names, a
 * sentence that SGLang, vLLM, OpenAI or one of their like have used in some version, and in the end its status. The
 * patterns are bounded, and no part of a message but numbers is used.
 */
export function faultOf(error: EngineError): EngineFault {
  const { message, retryAfterMs } = error;
  const text = REPEATS_THE_REQUEST.test(message) ? '' : message.slice(0, SEARCHED_CHARACTERS);
  const facts = { said: message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  const named = kindByName(error);
  if (named === 'context-too-long' || (named === undefined && isAboutSize(text))) {
    const { kind, ...tokens } = sizeIn(text);
    return new EngineFault(kind, { ...facts, ...tokens });
  }
  const kind = named ?? SENTENCES.find(([, patterns]) => says(text, patterns))?.[0];
  if (kind !== undefined) return new EngineFault(kind, facts);
  const { status } = error;
  if (status === 404 && (error.param === 'model' || UNKNOWN_MODEL.test(text)))
    return new EngineFault('model-not-found', facts);
  const meant = kindByStatus(status);
  return new EngineFault(meant, meant === 'bad-response' ? { ...facts, seen: `status ${status}` } : facts);
}

function kindByName({ code, type, param }: EngineError): FaultKind | undefined {
  const kind = KIND_BY_NAME.get(code ?? '') ?? KIND_BY_NAME.get(type ?? '');
  return kind ?? (PROMPT_PARAMS.has(param) ? 'context-too-long' : undefined);
}

function isAboutSize(text: string): boolean {
  return says(text, CONTEXT) || says(text, CEILING);
}

/** Which of prompt and `max_tokens` is too large, by the numbers that a sentence names. */
function sizeIn(text: string): Pick<FaultFacts, 'promptTokens' | 'contextTokens'> & { kind: FaultKind } {
  const ceiling = numberIn(text, CEILING);
  if (ceiling !== undefined) return { kind: 'too-many-tokens', promptTokens: 0, contextTokens: ceiling };
  const promptTokens = numberIn(text, PROMPT);
  const contextTokens = numberIn(text, CONTEXT);
  const tokens = {
    ...(promptTokens !== undefined && { promptTokens }),
    ...(contextTokens !== undefined && { contextTokens }),
  };
  if (promptTokens === undefined || contextTokens === undefined || promptTokens >= contextTokens)
    return { kind: 'context-too-long', ...tokens };
  // Where the prompt leaves no room, fewer tokens would not help.
  const isAlone = (numberIn(text, ASKED) ?? 0) >= contextTokens && roomFor(promptTokens, contextTokens);
  return { kind: isAlone ? 'too-many-tokens' : 'no-room', ...tokens };
}

function kindByStatus(status: number): FaultKind {
  switch (status) {
    case 401:
    case 403:
      return 'unauthorized';
    case 402:
      return 'quota-exhausted';
    // No such path or method: what stands at the address is no engine, or another one.
    case 404:
    case 405:
      return 'bad-response';
    // 408 is how a gateway says that its own queue was too long, 529 how some say 503.
    case 408:
    case 429:
    case 503:
    case 529:
      return 'overloaded';
    // A conflict or a replay that passes by itself.
    case 409:
    case 425:
      return 'failed';
    default:
      if (status >= 500) return 'failed';
      return status >= 400 ? 'rejected' : 'bad-response';
  }
}

function says(text: string, patterns: readonly RegExp[]): boolean {
  return patterns.some((pattern) => pattern.test(text));
}

/** The number that the first pattern with one finds. */
function numberIn(text: string, patterns: readonly RegExp[]): number | undefined {
  for (const pattern of patterns) {
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) return Number(found);
  }
  return undefined;
}
