import type { IncomingHttpHeaders } from 'node:http';
import type { Dialect, EndedChoice, EngineError } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { Usage } from './engine-request.js';

/** The fields in which engines say what a model thinks, the first that holds anything counts: SGLang's, vLLM's, others'. */
export const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'] as const;

/** A message or delta. Content is a text, or a list of parts. */
interface WireText extends Partial<Record<(typeof REASONING_FIELDS)[number], unknown>> {
  readonly content?: unknown;
  /** OpenAI: why the model gives no answer. */
  readonly refusal?: unknown;
  readonly tool_calls?: readonly { readonly function?: { readonly arguments?: string } }[] | null;
}

/** A part of content that comes as a list: words, a refusal or thinking. */
interface WirePart {
  readonly text?: unknown;
  readonly refusal?: unknown;
  readonly thinking?: unknown;
}

/** What a message or delta says; each is empty where it says nothing. */
export interface WireSaid {
  readonly content: string;
  readonly reasoning: string;
  readonly refusal: string;
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

/** A body and its JSON. */
export interface ReadBody {
  readonly body: WireBody;
  /** The text as it came, or what had to be mended of it. */
  readonly json: string;
}

/** Reads a JSON object; undefined where the text is none. */
export function readBody(text: string): ReadBody | undefined {
  const body = parse(text);
  if (typeof body === 'object' && body !== null) return { body, json: text };
  const json = mended(text);
  const again = parse(json);
  return typeof again === 'object' && again !== null ? { body: again, json } : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Numbers as Python writes them; a text comes first, in which they are words. It matches a text however it is cut: one
 * that did not would be tried again from each of its characters.
 */
const NO_NUMBERS = /"(?:[^"\\]+|\\(?:.|$))*(?:"|$)|-?Infinity|NaN/gs;

/** What OpenAI writes for the logarithm of nothing, and vLLM too. */
const LOG_OF_NOTHING = '-9999.0';

/** A JSON text without a byte order mark, a closing event behind it, and numbers that only Python writes. */
function mended(text: string): string {
  const bare = text.replace(/^\uFEFF/, '');
  const end = bare.lastIndexOf('data:');
  const alone = end !== -1 && isDone(bare.slice(end + 'data:'.length)) ? bare.slice(0, end) : bare;
  return alone.replaceAll(NO_NUMBERS, (found) => {
    if (found.startsWith('"')) return found;
    return found === '-Infinity' ? LOG_OF_NOTHING : 'null';
  });
}

/** What ends every stream of OpenAI's protocol. */
export const DONE = '[DONE]';

/** Whether the data of an event is {@link DONE}, however it is written. */
export function isDone(data: string): boolean {
  return data.trim().toUpperCase() === DONE;
}

/** The error that stands in a body with status 200, where one does. */
export function errorIn(body: WireBody, dialect: Dialect): EngineFault | undefined {
  const { error, object } = body;
  const isError = (error !== undefined && error !== null) || object === 'error';
  return isError ? dialect.faultOf(engineError(error ?? body)) : undefined;
}

/** The fault of a reply whose finish reason says that the engine aborted it. */
export function abortedBy(body: WireBody, dialect: Dialect): EngineFault {
  return errorIn(body, dialect) ?? new EngineFault('cut', { seen: 'finish_reason abort' });
}

/** Which of the answers it is. */
export function indexOf({ index }: WireChoice): number {
  return typeof index === 'number' ? index : 0;
}

/** What an event says that says nothing. */
export const NOTHING: WireSaid = { content: '', reasoning: '', refusal: '' };

/** What a message or delta says. */
export function saidIn(text: WireText | null | undefined): WireSaid {
  if (!text) return NOTHING;
  const { content, refusal } = text;
  const said = { content: asText(content), reasoning: reasoningIn(text), refusal: asText(refusal) };
  return Array.isArray(content) ? withParts(said, content) : said;
}

/** A message or delta as OpenAI's API writes it: with its content as one text, and the thinking in a field of its own. */
export function asOneText(text: WireText): WireText {
  if (!Array.isArray(text.content)) return text;
  const { content, reasoning, refusal } = saidIn(text);
  return {
    ...text,
    content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(refusal !== '' && { refusal }),
  };
}

function reasoningIn(text: WireText): string {
  // Field by field: a loop over their names costs more than all else about an event but its JSON.
  const { reasoning_content, reasoning, reasoning_text, thinking } = text;
  return asText(reasoning_content) || asText(reasoning) || asText(reasoning_text) || asText(thinking);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function withParts(said: WireSaid, parts: readonly unknown[]): WireSaid {
  let { content, reasoning, refusal } = said;
  for (const part of parts) {
    if (typeof part !== 'object' || part === null) {
      if (typeof part === 'string') content += part;
      continue;
    }
    const { text, thinking, refusal: refused } = part as WirePart;
    if (typeof text === 'string') content += text;
    // Mistral's: a text, or parts again.
    if (thinking !== undefined)
      reasoning += typeof thinking === 'string' ? thinking : saidIn({ content: thinking }).content;
    if (typeof refused === 'string') refusal += refused;
  }
  return { content, reasoning, refusal };
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
