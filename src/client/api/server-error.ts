import type { IncomingHttpHeaders } from 'node:http';
import { visible } from '../terminal/visible.js';
import { CallFailed } from './call-failed.js';

/** Characters of a server's own words that are repeated. */
const MAX_QUOTED = 300;

/** Wrong fields that are named one by one. */
const MAX_FIELDS = 3;

/** Longer waits than this are not waited for, milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Statuses with which the same call may be answered a little later. */
const PASSING = new Set([429, 502, 503]);

/** LLM Service's codes after which the same call fails again, whatever their status; under /v1 in small letters. */
const FINAL = new Set([
  'STRUCTURED_OUTPUT_INVALID',
  'ENGINE_REJECTED',
  'ENGINE_UNAUTHORIZED',
  'NOT_CONFIGURED',
  'DEADLINE_EXCEEDED',
]);

/** Codes of OpenAI's for which LLM Service has its own. */
const SAME_AS: Readonly<Record<string, string>> = {
  context_length_exceeded: 'CONTEXT_TOO_LONG',
  model_not_found: 'MODEL_NOT_FOUND',
};

/** A server's error, in whatever form it has. */
export interface ServerError {
  readonly status: number | undefined;
  readonly message: string;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Whether the server said that the same call fails again. */
  readonly isFinal: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an error out of JSON in any of its forms: LLM Service's problem, OpenAI's and vLLM's nested `error`, SGLang's
 * flat one, `error` as a text, FastAPI's `detail`.
 */
export function readError(json: unknown, status?: number, headers: IncomingHttpHeaders = {}): ServerError {
  const outer: Fields = isFields(json) ? json : { message: json };
  const error = isFields(outer.error) ? outer.error : outer;
  const code = error.code ?? outer.code;
  return {
    status: status ?? statusOf(error),
    message: messageOf(error, outer),
    code: wellKnownCode(error, code),
    requestId: textOf(outer.request_id) ?? textOf(headers['x-request-id']),
    retryAfterMs: retryAfter(headers['retry-after'] ?? outer.retry_after),
    isFinal: headers['x-should-retry'] === 'false' || FINAL.has(String(code).toUpperCase()),
  };
}

/** Makes a failed call of it. */
export function refusal(error: ServerError, root: string): CallFailed {
  const { status, code, requestId, retryAfterMs, message } = error;
  return new CallFailed('refused', sayingOf(error, root) || `${root} refused the call: ${message}`, {
    status,
    code,
    requestId,
    retryAfterMs,
    passing: isPassing(error),
  });
}

function isPassing({ status, retryAfterMs, isFinal }: ServerError): boolean {
  if (status === undefined || isFinal || (retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) return false;
  return PASSING.has(status) || (status === 504 && retryAfterMs !== undefined);
}

/** One line of a server's words, made safe to show. */
export function quoted(text: string): string {
  const line = visible(text.replaceAll(/\s+/g, ' ').trim());
  return line.length > MAX_QUOTED ? `${line.slice(0, MAX_QUOTED)}…` : line;
}

/** With a full stop, where it ends with nothing of the kind. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

function sayingOf({ status, code, message, retryAfterMs }: ServerError, root: string): string {
  const said = sentence(message);
  if (status === 401) return `${root} wants a key: give a valid one with --api-key or LLM_SERVICE_API_KEY.`;
  if (status === 403)
    return `${root} refuses this key: give another one with --api-key or LLM_SERVICE_API_KEY. It says: ${said}`;
  if (code === 'CONTEXT_TOO_LONG')
    return `The prompt is too long for the model at ${root}: shorten it, or ask for fewer tokens with --max-tokens. It says: ${said}`;
  const again =
    (retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS ? ` Ask again in ${inWords(retryAfterMs ?? 0)}.` : '';
  return `${root} answered ${status ?? 'with an error'}: ${said}${again}`;
}

function messageOf(error: Fields, outer: Fields): string {
  const said = error.message ?? error.detail ?? outer.error ?? outer.title ?? '';
  const message = quoted(typeof said === 'string' ? said : JSON.stringify(said));
  const remedy = textOf(error.remedy);
  return [
    sentence(message || 'no reason given'),
    ...fieldsOf(error),
    ...(remedy ? [quoted(remedy)] : []),
  ].join(' ');
}

function fieldsOf({ errors }: Fields): string[] {
  if (!Array.isArray(errors)) return [];
  const messages = (errors as unknown[]).map((one) => (isFields(one) ? textOf(one.message) : undefined));
  return [...new Set(messages)]
    .filter((message) => message !== undefined)
    .slice(0, MAX_FIELDS)
    .map((message) => sentence(quoted(message)));
}

/** The server's own, where it is a word; where what it says is known, that of LLM Service. */
function wellKnownCode(error: Fields, code: unknown): string | undefined {
  if (typeof code === 'string' && Number.isNaN(Number(code))) return SAME_AS[code] ?? code;
  const message = textOf(error.message) ?? '';
  if (
    error.param === 'input_tokens' ||
    error.param === 'input_text' ||
    /context length|maximum context/i.test(message)
  )
    return 'CONTEXT_TOO_LONG';
  if (/\bmodel\b.*(does not exist|not found)/i.test(message)) return 'MODEL_NOT_FOUND';
  return undefined;
}

/** An error in a stream carries its status with it. */
function statusOf({ status, code }: Fields): number | undefined {
  const number = Number(status ?? code);
  return number >= 400 && number < 600 ? number : undefined;
}

/** Retry-After, or what a stream says in its place, in milliseconds: seconds, or a date of HTTP. */
function retryAfter(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value * 1000 : undefined;
  if (typeof value !== 'string' || value === '') return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function inWords(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  return minutes < 120 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
