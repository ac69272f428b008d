import { PROBLEM_TYPE, type ServiceError, toProblem } from './errors.js';
import { isOpenAiRoute, toOpenAiError } from './openai-error.js';

/** An error as it is written to the caller. */
export interface ErrorReply {
  readonly status: number;
  /** Of the content type and of what to do next. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Writes an error in the shape of the API that was called.
 * @param url path of the request, with its query or without
 */
export function errorReply(error: ServiceError, url: string, requestId: string): ErrorReply {
  const { retryAfterSeconds, headers } = error.extras;
  const hints = {
    ...headers,
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(Math.ceil(retryAfterSeconds)) }),
    ...(error.code === 'UNAUTHORIZED' && { 'www-authenticate': 'Bearer' }),
  };
  if (!isOpenAiRoute(url)) {
    return {
      status: error.status,
      headers: { ...hints, 'content-type': PROBLEM_TYPE },
      body: JSON.stringify(toProblem(error, requestId)),
    };
  }
  const { status, headers: own, body } = toOpenAiError(error);
  return {
    status,
    headers: { ...hints, ...own, 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  };
}
