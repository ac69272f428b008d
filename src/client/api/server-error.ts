import type { IncomingHttpHeaders } from 'node:http';
import { CallFailed } from './call-failed.js';
import { quoted, sentence } from './server-words.js';
import { type WrongField, wrongFieldSentences } from './wrong-fields.js';

/** Longer waits than this are not waited for, milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Statuses with which the same call may be answered a little later. */
const PASSING = new Set([429, 502, 503]);

/** LLM Service's codes after which the same call fails again, whatever their status; under /v1 in small letters. */
const FINAL = new Set([
  'STRUCTURED_OUTPUT_INVALID',
  'ENGINE_REJECTED',
  'ENGINE_UNAUTHORIZED',
  'ENGINE_QUOTA_EXCEEDED',
  'INSUFFICIENT_QUOTA',
  'NOT_CONFIGURED',
  'DEADLINE_EXCEEDED',
]);

/** Codes of OpenAI's for which LLM Service has its own. */
const SAME_AS: Readonly<Record<string, string>> = {
  context_length_exceeded: 'CONTEXT_TOO_LONG',
  model_not_found: 'MODEL_NOT_FOUND',
  insufficient_quota: 'ENGINE_QUOTA_EXCEEDED',
};

/** What LLM Service tells programs to do, and what it comes to for who does not see the JSON. */
export const REMEDIES: Readonly<Record<string, string>> = {
  'Correct every field named in errors; the shapes are in /docs.': '',
  'Use a key whose entry in API_KEYS has the scope named in detail.':
    'Use a key whose entry in API_KEYS has that scope.',
  'Ask for a version named in detail, or leave prompt_version out.': 'Ask for one of these.',
  'Take the id from X-Call-Id in the reply’s headers, or from the list that GET /api/calls shows.':
    'Take the id from X-Call-Id in the reply’s headers, or from what logs list shows.',
  'Ask again; if it persists, read the reasons in attempts, make the prompt clearer or raise max_tokens (docs/structured-replies.md).':
    'Ask again; if it persists, make the prompt clearer or raise max_tokens.',
  'Ask for a shorter period with from and to, or for one user_id or interview_id.':
    'Ask for a shorter period with --from and --to, or for one --user or --interview.',
};

/** A server's error, in whatever form it has. */
export interface ServerError {
  readonly status: number | undefined;
  readonly message: string;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Where it is about single fields of the request. */
  readonly fields: readonly WrongField[] | undefined;
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
  const fields = code === 'VALIDATION_FAILED' ? wrongFieldsOf(error) : undefined;
  return {
    status: status ?? statusOf(error),
    message: fields ? wrongFieldSentences(fields) : messageOf(error, outer),
    fields,
    code: wellKnownCode(error, code),
    requestId: textOf(outer.request_id) ?? textOf(headers['x-request-id']),
    retryAfterMs: retryAfter(headers['retry-after'] ?? outer.retry_after),
    isFinal: headers['x-should-retry'] === 'false' || FINAL.has(String(code).toUpperCase()),
  };
}

/** Makes a failed call of it. */
export function refusal(error: ServerError, root: string): CallFailed {
  const { status, code, requestId, retryAfterMs, fields, message } = error;
  return new CallFailed('refused', sayingOf(error, root) || `${root} refused the call: ${message}`, {
    status,
    code,
    requestId,
    retryAfterMs,
    fields,
    passing: isPassing(error),
  });
}

function isPassing({ status, retryAfterMs, isFinal }: ServerError): boolean {
  if (status === undefined || isFinal || (retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) return false;
  return PASSING.has(status) || (status === 504 && retryAfterMs !== undefined);
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
  const message = quoted(withoutJson(typeof said === 'string' ? said : JSON.stringify(said)));
  const remedy = withoutJson(textOf(error.remedy) ?? '');
  return [sentence(message || 'no reason given'), ...(remedy ? [quoted(remedy)] : [])].join(' ');
}

/** Under /v1 the remedy is the end of the message. */
function withoutJson(text: string): string {
  return Object.entries(REMEDIES).reduce((told, [said, instead]) => told.replace(said, instead), text);
}

function wrongFieldsOf({ errors }: Fields): readonly WrongField[] | undefined {
  if (!Array.isArray(errors)) return undefined;
  const fields = (errors as unknown[]).flatMap((one) => {
    const message = isFields(one) ? textOf(one.message) : undefined;
    return isFields(one) && message !== undefined ? [{ path: textOf(one.path) ?? '', message }] : [];
  });
  return fields.length > 0 ? fields : undefined;
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
