import type { IncomingHttpHeaders } from 'node:http';
import type { Dialect, EndedChoice, EngineError } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { Usage } from './engine-request.js';

/** A message or delta: SGLang says reasoning_content, vLLM reasoning. */
interface WireText {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
  readonly tool_calls?: readonly { readonly function?: { readonly arguments?: string } }[] | null;
}

/** One of the answers in a reply; `text` is that of the older completions. */
export type WireChoice = EndedChoice & {
  readonly index?: number;
  readonly message?: WireText;
  readonly delta?: WireText;
  readonly text?: string | null;
};

/** A completion or a chunk of one, as far as it is read. Nothing about it is taken for granted. */
export interface WireBody {
  readonly model?: unknown;
  readonly choices?: readonly WireChoice[];
  readonly usage?: WireUsage | null;
  readonly error?: unknown;
  readonly object?: unknown;
  /** Embeddings. */
  readonly data?: unknown;
}

interface WireUsage extends Partial<Usage> {
  /** SGLang's place for it; vLLM and OpenAI have `completion_tokens_details`. */
  readonly reasoning_tokens?: unknown;
  readonly completion_tokens_details?: { readonly reasoning_tokens?: unknown } | null;
}

/** @throws EngineFault bad-response where the text is no JSON object */
export function parseBody(text: string): WireBody {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new EngineFault('bad-response', { seen: 'no JSON', said: text.slice(0, 500) });
  }
  if (typeof body === 'object' && body !== null) return body;
  throw new EngineFault('bad-response', { seen: 'no JSON object', said: text.slice(0, 500) });
}

/** The first choice, or nothing in a chunk that has none (usage); an error inside a 200 is thrown. */
export function choiceOf(body: WireBody, dialect: Dialect): WireChoice | undefined {
  if (Array.isArray(body.choices)) return (body.choices as NonNullable<WireBody['choices']>)[0];
  if (body.error !== undefined || body.object === 'error')
    throw dialect.faultOf(engineError(body.error ?? body));
  throw new EngineFault('bad-response', { seen: 'neither choices nor an error' });
}

/** What a message or delta says; empty where it says nothing. */
export function textOf(text: WireText | undefined): { content: string; reasoning: string } {
  const reasoning = text?.reasoning_content ?? text?.reasoning;
  return {
    content: typeof text?.content === 'string' ? text.content : '',
    reasoning: typeof reasoning === 'string' ? reasoning : '',
  };
}

/** An engine's count, with zero for what is missing or no count. */
export function usageOf(usage: Partial<Usage> | null | undefined): Usage {
  const prompt_tokens = countOf(usage?.prompt_tokens);
  const completion_tokens = countOf(usage?.completion_tokens);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** Tokens of thinking so far, where the engine tells. */
export function reasoningTokensOf(usage: WireUsage | null | undefined): number | undefined {
  const tokens = usage?.reasoning_tokens ?? usage?.completion_tokens_details?.reasoning_tokens;
  return typeof tokens === 'number' ? tokens : undefined;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** Finds message and code in the four shapes that errors come in: flat, nested, a string, FastAPI's detail. */
export function engineError(error: unknown, status?: number, headers: IncomingHttpHeaders = {}): EngineError {
  const outer = (typeof error === 'object' && error !== null ? error : { message: error }) as Record<
    string,
    unknown
  >;
  const nested = outer.error;
  const body = (typeof nested === 'object' && nested !== null ? nested : outer) as Record<string, unknown>;
  const message = body.message ?? body.detail ?? nested ?? '';
  const code = Number(body.code);
  const retryAfterMs = retryAfter(headers['retry-after']);
  return {
    status: status ?? (code >= 400 && code < 600 ? code : 500),
    message: typeof message === 'string' ? message : JSON.stringify(message),
    ...(typeof body.code === 'string' && { code: body.code }),
    ...(typeof body.type === 'string' && { type: body.type }),
    ...(typeof body.param === 'string' && { param: body.param }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Retry-After in milliseconds: seconds or an HTTP date. */
function retryAfter(value: string | undefined): number | undefined {
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
