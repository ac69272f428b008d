import { type ClientFault, wrongUse } from '../faults/fault.js';
import { CallFailed } from './call-failed.js';
import {
  choiceOf,
  type Choice,
  type Completion,
  errorOf,
  textOrNull,
  tokensOf,
  wordsOf,
} from './completion.js';
import { explained } from './explained.js';
import type { BatchOptions, Message, PromptRequest, RequestResult, Sampling } from './generation.js';
import type { Models } from './models.js';
import type { JsonAnswer, Server } from './server.js';
import { readError, refusal } from './server-error.js';
import { quoted, sentence } from './server-words.js';

/** Tokens of a completion where nobody says how many: OpenAI's API itself stops after 16, in the middle of a sentence. */
const COMPLETION_TOKENS = 1024;

/** Which of many requests it is; both from 1. */
export interface RequestPlace {
  readonly index: number;
  readonly repeat: number;
}

/** What a request is asked with besides itself. */
export interface OnceOptions {
  /** The first of them answers where the request names none. */
  readonly models: Models;
  readonly signal?: AbortSignal | undefined;
}

/** What came of a request, without what was asked and when. */
type Outcome = Omit<RequestResult, 'index' | 'repeat' | 'id' | 'prompt' | 'latency_ms' | 'timestamp'>;

/** A request as it goes out, once. */
export interface Composed {
  readonly path: string;
  /** Names a model at the latest when it goes out. */
  readonly body: Record<string, unknown>;
  readonly id: string | null;
  /** The prompt; of a conversation the last message. */
  readonly prompt: string;
}

/**
 * Puts a request together: its own settings beat those of the batch.
 * @throws ClientFault where it asks nothing
 */
export function compose(asked: string | PromptRequest, options: BatchOptions): Composed {
  const request: PromptRequest = typeof asked === 'string' ? { prompt: asked } : asked;
  const { prompt, messages, id = null } = request;
  const system = request.system ?? options.system;
  const sampling = samplingOf(request, options);
  if (messages || system !== undefined || options.chat) {
    const conversation = conversationOf({ ...request, system });
    const last = conversation.at(-1)?.content ?? '';
    return { path: '/v1/chat/completions', body: { ...sampling, messages: conversation }, id, prompt: last };
  }
  if (prompt === undefined) throw asksNothing();
  const { max_tokens = COMPLETION_TOKENS } = sampling;
  return { path: '/v1/completions', body: { ...sampling, prompt, max_tokens }, id, prompt };
}

/** Settings as OpenAI's API names them; what is undefined does not go out. */
export function samplingOf(own: Sampling, common: Sampling = {}): Sampling {
  return {
    model: own.model ?? common.model,
    temperature: own.temperature ?? common.temperature,
    top_p: own.top_p ?? common.top_p,
    max_tokens: own.max_tokens ?? common.max_tokens,
    stop: own.stop ?? common.stop,
    seed: own.seed ?? common.seed,
  };
}

/** Asks once. What goes wrong is a result too. */
export async function generateOnce(
  server: Server,
  { id, prompt, path, body }: Composed,
  { index, repeat }: RequestPlace,
  { models, signal }: OnceOptions,
): Promise<RequestResult> {
  const timestamp = isoNow();
  let began = performance.now();
  let outcome: Outcome;
  try {
    body.model ??= models.known ?? (await models.first(signal));
    began = performance.now();
    const answer = await server.ask({ method: 'POST', path, body: JSON.stringify(body), signal });
    outcome = readOutcome(answer, server.root);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    outcome = failed(await explained(error, models, signal));
  }
  const latency_ms = Math.round((performance.now() - began) * 10) / 10;
  // Field by field: spreading costs more than the rest of this where thousands are answered a second.
  return {
    index,
    repeat,
    id,
    prompt,
    success: outcome.success,
    response: outcome.response,
    error: outcome.error,
    error_code: outcome.error_code,
    model: outcome.model,
    latency_ms,
    prompt_tokens: outcome.prompt_tokens,
    completion_tokens: outcome.completion_tokens,
    total_tokens: outcome.total_tokens,
    finish_reason: outcome.finish_reason,
    call_id: outcome.call_id,
    attempts: outcome.attempts,
    timestamp,
  };
}

let lastMoment = { ms: 0, iso: '' };

/** Now, ISO 8601. Many calls begin in one millisecond, and writing a date costs as much as putting a request together. */
function isoNow(): string {
  const ms = Date.now();
  if (ms !== lastMoment.ms) lastMoment = { ms, iso: new Date(ms).toISOString() };
  return lastMoment.iso;
}

/** @throws CallFailed where the answer is none */
function readOutcome({ json, headers, attempts }: JsonAnswer, root: string): Outcome {
  const completion = (typeof json === 'object' ? json : null) as Completion | null;
  const error = completion && errorOf(completion);
  if (error !== undefined && error !== null) throw refusal(readError(error), root);
  const choice = completion && choiceOf(completion);
  if (!completion || !choice)
    throw new CallFailed(
      'not_understood',
      `${root} answered with JSON that is no completion: is this the address of LLM Service or of a server with OpenAI’s API?`,
      { attempts },
    );
  const response = textOrNull(choice.text) ?? wordsOf(choice.message?.content);
  const missing = missingBecause(choice, response);
  const { promptTokens, completionTokens, totalTokens } = tokensOf(completion);
  return {
    success: missing === undefined,
    response: missing === undefined ? response : null,
    error: missing ?? null,
    error_code: missing === undefined ? null : 'no_answer',
    model: textOrNull(completion.model) ?? textOrNull(headers['x-model']),
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: totalTokens,
    finish_reason: textOrNull(choice.finish_reason),
    call_id: textOrNull(headers['x-call-id']),
    attempts,
  };
}

/** Why an answer has no text that could be taken for one. */
function missingBecause({ finish_reason, message }: Choice, response: string | null): string | undefined {
  if (finish_reason === 'abort') return 'The server broke the answer off: ask again.';
  if (response) return undefined;
  const refused = textOrNull(message?.refusal);
  if (refused) return `The model refused to answer: ${sentence(quoted(refused))}`;
  if (message?.tool_calls) return 'The model called a tool instead of answering: this client offers it none.';
  const hasThought = Boolean(message?.reasoning_content ?? message?.reasoning);
  if (hasThought)
    return 'The model spent all its tokens on thinking and gave no answer: allow more with --max-tokens.';
  return response === null
    ? 'The answer has no text: ask again; if it persists, read the server’s log.'
    : undefined;
}

function failed({ kind, message, facts }: CallFailed): Outcome {
  return {
    success: false,
    response: null,
    error: message,
    error_code: facts.code ?? kind,
    model: null,
    prompt_tokens: null,
    completion_tokens: null,
    total_tokens: null,
    finish_reason: null,
    call_id: null,
    attempts: facts.attempts ?? 1,
  };
}

function conversationOf({ prompt, messages, system }: PromptRequest): readonly Message[] {
  if (!messages && prompt === undefined) throw asksNothing();
  return [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    ...(messages ?? []),
    ...(prompt === undefined ? [] : [{ role: 'user' as const, content: prompt }]),
  ];
}

function asksNothing(): ClientFault {
  return wrongUse('A request asks nothing: give it a prompt or messages.');
}
