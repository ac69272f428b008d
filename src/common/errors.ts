/** What the service says when a call fails: one entry per code, in the order of the status. */
export interface ErrorEntry {
  /** HTTP status of the reply. */
  readonly status: number;
  /** What happened, the same words for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  /** What the reader of the error does next; also in docs/errors.md. */
  readonly remedy: string;
}

const catalogue = {
  MALFORMED_JSON: {
    status: 400,
    title: 'The body is not JSON',
    remedy: 'Send one JSON object in UTF-8 with Content-Type: application/json.',
  },
  FORBIDDEN_JSON: {
    status: 400,
    title: 'The body is JSON that is never accepted',
    remedy:
      'Nest at most 32 levels deep, send at most 5,000 values, and use no keys that every object has by nature, like constructor.',
  },
  VALIDATION_FAILED: {
    status: 400,
    title: 'The request does not fit this route',
    remedy: 'Correct every field named in errors; the shapes are in /docs.',
  },
  MALFORMED_REQUEST: {
    status: 400,
    title: 'The request is not valid HTTP',
    remedy: 'Use an HTTP/1.1 client; check the URL, the headers and what stands between client and service.',
  },
  MAX_TOKENS_TOO_LARGE: {
    status: 400,
    title: 'More tokens are asked for than the model can write',
    remedy:
      'Ask for fewer tokens with max_tokens. Where the request names none, the operator lowers DEFAULT_MAX_TOKENS.',
  },
  UNAUTHORIZED: {
    status: 401,
    title: 'No valid key',
    remedy:
      'Send Authorization: Bearer with a secret from API_KEYS or, where the service keeps one, from DATA_DIR/local-key; or change API_KEYS or AUTH on the server.',
  },
  FORBIDDEN: {
    status: 403,
    title: 'The key lacks the scope',
    remedy: 'Use a key whose entry in API_KEYS has the scope named in detail.',
  },
  NOT_FOUND: { status: 404, title: 'No such route', remedy: 'Compare the path with /docs.' },
  MODEL_NOT_FOUND: {
    status: 404,
    title: 'The engine does not serve this model',
    remedy:
      'Leave model out or ask for a served one; the operator sets MODEL_NAME to the name in the engine’s /v1/models.',
  },
  PROMPT_NOT_FOUND: {
    status: 404,
    title: 'No such version of the prompt',
    remedy: 'Ask for a version named in detail, or leave prompt_version out.',
  },
  CALL_NOT_FOUND: {
    status: 404,
    title: 'No such call',
    remedy: 'Take the id from X-Call-Id in the reply’s headers, or from the list that GET /api/calls shows.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The route has no such method',
    remedy: 'Use a method named in the Allow header.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request did not arrive in time',
    remedy:
      'Send headers and body without pausing (the server’s ARRIVAL_TIMEOUT); look at the network between client and service.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    remedy: 'Send less, or raise MAX_BODY_BYTES on the server.',
  },
  CONTEXT_TOO_LONG: {
    status: 413,
    title: 'The prompt does not fit the model’s context',
    remedy:
      'Shorten the prompt (drop old turns or summarise them), or serve the model with a longer context.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The body is not declared as plain JSON',
    remedy: 'Send Content-Type: application/json and no Content-Encoding.',
  },
  GUARD_BLOCKED: {
    status: 422,
    title: 'A guardrail stopped the answer',
    remedy:
      'Read the reason in detail and change the prompt or the question; the same question is likely to be stopped again.',
  },
  MODEL_REFUSED: {
    status: 422,
    title: 'The model refused to answer',
    remedy: 'Change the prompt or the question; the same question is likely to be refused again.',
  },
  ENGINE_QUOTA_EXCEEDED: {
    status: 429,
    title: 'The quota at the engine is used up',
    remedy:
      'Do not ask again before the operator has added credit or raised the limit of the key (ENGINE_API_KEY, or OPENAI_API_KEY) at whoever runs the engine.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The request headers are too large',
    remedy: 'Send fewer or shorter headers (16 KiB in all); cookies are not needed.',
  },
  CANCELLED: {
    status: 499,
    title: 'The call was cancelled',
    remedy:
      'Nothing: the engine’s work was ended. Seen in logs, and by a caller whose call another request cancelled.',
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'A fault in the service itself',
    remedy: 'Look for the request_id in the service’s log and report it with the stack found there.',
  },
  NOT_CONFIGURED: {
    status: 501,
    title: 'The service is not set up for this route',
    remedy: 'Set EMBEDDING_URL to a server that answers /v1/embeddings.',
  },
  STRUCTURED_OUTPUT_INVALID: {
    status: 502,
    title: 'The model gave no valid reply',
    remedy:
      'Ask again; if it persists, read the reasons in attempts, make the prompt clearer or raise max_tokens (docs/structured-replies.md).',
  },
  ENGINE_REPLY_EMPTY: {
    status: 502,
    title: 'The engine’s reply has no text',
    remedy: 'Ask again; if it persists, check the engine’s reasoning parser and chat template.',
  },
  ENGINE_REPLY_CUT: {
    status: 502,
    title: 'The engine’s reply was cut',
    remedy: 'Ask again; if it persists, read the engine’s log: it may be crashing or being restarted.',
  },
  ENGINE_REPLY_RUNAWAY: {
    status: 502,
    title: 'The model’s reply went on without end',
    remedy:
      'Ask again; if it persists, start the engine with the flags of docs/engines.md and look at the sampling fields that you send.',
  },
  ENGINE_REPLY_TOO_LARGE: {
    status: 502,
    title: 'The engine’s reply is too large',
    remedy: 'Ask for fewer tokens; the bound is ENGINE_MAX_REPLY_BYTES.',
  },
  ENGINE_BAD_RESPONSE: {
    status: 502,
    title: 'What answered does not speak the engine’s protocol',
    remedy:
      'Read what came in detail. Check that ENGINE_URLS or SGLANG_HOST and SGLANG_PORT name the engine itself and that no proxy changes its replies.',
  },
  ENGINE_CONNECTION_LOST: {
    status: 502,
    title: 'The connection to the engine broke',
    remedy:
      'Ask again; if it persists, read the engine’s log and look at the network between service and engine.',
  },
  ENGINE_ERROR: {
    status: 502,
    title: 'The engine failed',
    remedy: 'Ask again; if it persists, read the engine’s log (out of memory is the usual cause).',
  },
  ENGINE_REJECTED: {
    status: 502,
    title: 'The engine refused the request',
    remedy:
      'Read the engine’s log, or set LOG_LEVEL=DEBUG and LOG_PROMPTS=true to have its reason in the service’s; check the engine’s version and flags.',
  },
  ENGINE_UNAUTHORIZED: {
    status: 502,
    title: 'The engine refused the service’s key',
    remedy: 'Set ENGINE_API_KEY (OPENAI_API_KEY for ENGINE=openai) to the key that the engine expects.',
  },
  CALL_LOG_FULL: {
    status: 503,
    title: 'Calls cannot be logged',
    remedy:
      'Try again after Retry-After. The operator brings the database back or makes room in DATA_DIR, or sets LOG_REQUIRED=false.',
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    title: 'The database does not answer',
    remedy:
      'Ask again after the seconds in Retry-After. The operator looks at /health and at what DATABASE_URL names; calls go on meanwhile.',
  },
  ENGINE_UNREACHABLE: {
    status: 503,
    title: 'No engine can be reached',
    remedy:
      'Start the engine, or correct ENGINE_URLS or SGLANG_HOST and SGLANG_PORT; /health shows what is reached.',
  },
  ENGINE_OVERLOADED: {
    status: 503,
    title: 'The engine is overloaded',
    remedy: 'Ask again after the seconds in Retry-After.',
  },
  SHUTTING_DOWN: {
    status: 503,
    title: 'The service is shutting down',
    remedy: 'Ask again after the seconds in Retry-After: another instance or the next start will answer.',
  },
  DEADLINE_EXCEEDED: {
    status: 504,
    title: 'The answer was not there in time',
    remedy: 'Ask for fewer tokens, or raise REQUEST_TIMEOUT.',
  },
  QUERY_TOO_SLOW: {
    status: 504,
    title: 'The call log was not searched in time',
    remedy: 'Ask for a shorter period with from and to, or for one user_id or interview_id.',
  },
  ENGINE_STALLED: {
    status: 504,
    title: 'The engine fell silent',
    remedy: 'Look at the engine’s load and log; the bounds are FIRST_TOKEN_TIMEOUT and STALL_TIMEOUT.',
  },
} as const satisfies Record<string, ErrorEntry>;

/** The one catalogue of errors: code -> status, title, remedy. docs/errors.md lists the same codes, by a test. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = catalogue;

/** The machine-readable name of an error; stable across versions. */
export type ErrorCode = keyof typeof catalogue;

/** One thing that is wrong with an input or a reply. */
export interface FieldError {
  /** JSON pointer (RFC 6901) to the value; empty for the whole. */
  readonly path: string;
  /** A sentence without the value itself. */
  readonly message: string;
}

/** Why one ask of the engine was not good enough. Holds nothing that the engine said. */
export interface AttemptReport {
  readonly attempt: number;
  readonly reason: string;
  readonly errors?: readonly FieldError[];
}

/** What an error may carry besides its code and detail. */
export interface ErrorExtras {
  readonly errors?: readonly FieldError[];
  readonly attempts?: readonly AttemptReport[];
  /** Seconds for the Retry-After header, rounded up. */
  readonly retryAfterSeconds?: number;
  /** Further response headers, for instance Allow. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error that a caller may see. Everything else becomes INTERNAL_ERROR. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  /**
   * @param code entry of the catalogue
   * @param detail a sentence about this occurrence, safe to show to the caller
   */
  constructor(
    readonly code: ErrorCode,
    detail: string,
    readonly extras: ErrorExtras = {},
  ) {
    super(detail, { cause: extras.cause });
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** RFC 9457 problem details with this service's extensions, as sent. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remedy: string;
  readonly request_id: string;
  /** Seconds after which asking again makes sense; the header Retry-After, for those who get no headers. */
  readonly retry_after?: number;
  readonly errors?: readonly FieldError[];
  readonly attempts?: readonly AttemptReport[];
}

/** Media type of every error body. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Builds the body of an error reply. */
export function toProblem(error: ServiceError, requestId: string): Problem {
  const { status, title, remedy } = ERRORS[error.code];
  const { errors, attempts, retryAfterSeconds } = error.extras;
  return {
    type: `urn:llm-service:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    remedy,
    request_id: requestId,
    ...(retryAfterSeconds !== undefined && { retry_after: Math.ceil(retryAfterSeconds) }),
    ...(errors && { errors }),
    ...(attempts && { attempts }),
  };
}
