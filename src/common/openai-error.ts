import { type AttemptReport, ERRORS, type ErrorCode, type FieldError, type ServiceError } from './errors.js';

/** An error in the shape that every client of OpenAI's API reads. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** An addition of ours: why each reply of the model was not accepted. */
    readonly attempts?: readonly AttemptReport[];
  };
}

/** Whether a path belongs to OpenAI's API, whose errors have its shape. */
export function isOpenAiRoute(path: string): boolean {
  return /^\/v1(\/|$|\?)/.test(path);
}

/** Wrong fields that one message names; OpenAI's shape has no list. */
const MAX_TOLD = 5;

/** Codes that OpenAI's own clients and tools compare with. */
const KNOWN: Partial<Record<ErrorCode, string>> = {
  MODEL_NOT_FOUND: 'model_not_found',
  CONTEXT_TOO_LONG: 'context_length_exceeded',
  UNAUTHORIZED: 'invalid_api_key',
  MAX_TOKENS_TOO_LARGE: 'invalid_value',
  MODEL_REFUSED: 'content_filter',
  ENGINE_QUOTA_EXCEEDED: 'insufficient_quota',
};

/** Statuses that OpenAI's API has for what has another one here; its clients have no class for ours. */
const STATUS: Partial<Record<ErrorCode, number>> = { CONTEXT_TOO_LONG: 400, MODEL_REFUSED: 400 };

/** The parameter that an error is about, where the catalogue's code says it. */
const PARAM: Partial<Record<ErrorCode, string>> = {
  MODEL_NOT_FOUND: 'model',
  MAX_TOKENS_TOO_LARGE: 'max_tokens',
};

/** Errors that clients ask again after by themselves, though the same question is not worth asking again at once. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'STRUCTURED_OUTPUT_INVALID',
  'ENGINE_REJECTED',
  'ENGINE_UNAUTHORIZED',
  'ENGINE_QUOTA_EXCEEDED',
  'NOT_CONFIGURED',
  'DEADLINE_EXCEEDED',
]);

/**
 * Puts an error of the catalogue into OpenAI's shape. Its clients ask again after 429 and 5xx by themselves, so those
 * where that only costs are marked with the header that they heed.
 */
export function toOpenAiError(error: ServiceError): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: OpenAiError;
} {
  const { code, message: detail, extras } = error;
  const { title, remedy } = ERRORS[code];
  const status = STATUS[code] ?? error.status;
  const errors = extras.errors ?? [];
  const found = errors.slice(0, MAX_TOLD).map(told);
  const more = errors.length > MAX_TOLD ? [`${errors.length - MAX_TOLD} more.`] : [];
  const param = PARAM[code] ?? (errors[0] && dotted(errors[0].path));
  return {
    status,
    headers: FINAL.has(code) ? { 'x-should-retry': 'false' } : {},
    body: {
      error: {
        message: [`${title}.`, ...(errors.length > 0 ? [...found, ...more] : [detail]), remedy].join(' '),
        type: typeOf(code, status),
        param: param ?? null,
        code: KNOWN[code] ?? code.toLowerCase(),
        ...(extras.attempts && { attempts: extras.attempts }),
      },
    },
  };
}

/** OpenAI's own type; what is used up has one to itself. */
function typeOf(code: ErrorCode, status: number): string {
  if (code === 'ENGINE_QUOTA_EXCEEDED') return 'insufficient_quota';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** A sentence about a wrong field, which begins with its name and so needs its place only where that says more. */
function told({ path, message }: FieldError): string {
  const place = dotted(path);
  const sentence = message.endsWith('?') ? message : `${message}.`;
  return place === null || message.startsWith(`${place} `) ? sentence : `${place}: ${sentence}`;
}

/** `/messages/0/content` as OpenAI writes it: `messages[0].content`. */
function dotted(pointer: string): string | null {
  const parts = pointer.split('/').slice(1);
  if (parts.length === 0) return null;
  return parts
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : `${index > 0 ? '.' : ''}${part}`))
    .join('');
}
