import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorReply } from './error-reply.js';
import { type ErrorCode, ServiceError } from './errors.js';
import { unexpectedFault } from './unexpected-fault.js';

/** Answers whatever was thrown. What is not meant for callers stays in the log. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger = new Logger('Request');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    // A stream that had begun has told its reader already.
    if (reply.sent) return;
    const error = thrown instanceof ServiceError ? thrown : this.translate(thrown, request);
    const { status, headers, body } = errorReply(error, request.url, request.ctx.requestId);
    void reply.status(status).headers(headers).send(body);
  }

  private translate(thrown: unknown, request: FastifyRequest): ServiceError {
    if (thrown instanceof HttpException) return fromHttpException(thrown, request);
    const { requestId } = request.ctx;
    // The connection broke while the body was read: no fault of the service, and there is nobody to answer.
    if (thrown === request.raw.errored) {
      this.#logger.debug({ message: 'a caller left before its request was complete', request_id: requestId });
      return new ServiceError('MALFORMED_REQUEST', 'The connection ended before the request was complete.');
    }
    return unexpectedFault(thrown, requestId);
  }
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  408: 'REQUEST_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

function fromHttpException(exception: HttpException, request: FastifyRequest): ServiceError {
  const code = BY_STATUS[exception.getStatus()] ?? 'MALFORMED_REQUEST';
  switch (code) {
    case 'BODY_TOO_LARGE':
      return new ServiceError(code, `The body has more than ${request.routeOptions.bodyLimit} bytes.`);
    case 'UNSUPPORTED_MEDIA_TYPE': {
      const type = request.headers['content-type'];
      return new ServiceError(
        code,
        type ? 'The Content-Type is not application/json.' : 'The Content-Type is missing.',
      );
    }
    default:
      return new ServiceError(code, 'The request cannot be read as HTTP.');
  }
}
