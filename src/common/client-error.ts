import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { closeGently } from './close-gently.js';
import { errorReply } from './error-reply.js';
import { PROBLEM_TYPE, ServiceError, toProblem } from './errors.js';
import { requestIdOf } from './request-context.js';
import { leaveBody } from './untaken-body.js';

const logger = new Logger('Request');

/** Answers what Node's HTTP parser refuses before there is a request, and so a path: as problem+json. */
export function clientErrorHandler(error: NodeJS.ErrnoException, socket: Socket): void {
  const reply = replyOn(socket);
  if (reply) {
    afterReply(error, socket, reply);
    return;
  }
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = knownError(error.code);
  const requestId = requestIdOf(undefined);
  logger.debug({
    message: 'what arrived is no request',
    request_id: requestId,
    code: known.code,
    reason: error.code,
  });
  const body = JSON.stringify(toProblem(known, requestId));
  closeGently(
    socket,
    [
      `HTTP/1.1 ${known.status} ${known.code}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

/** Ends a connection on which a reply has begun: a second one would be taken for a part of it. */
function afterReply(error: NodeJS.ErrnoException, socket: Socket, reply: ServerResponse): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    // The next request is late, which is no fault of this reply. Node reports it once, so it is answered after that.
    reply.once('close', () => {
      clientErrorHandler(error, socket);
    });
  } else if (reply.writableEnded && error.code !== 'ECONNRESET') closeGently(socket);
  else socket.destroy();
}

/** The reply that has begun on a connection; kept by Node's server, which looks there for the same reason. */
function replyOn(
  socket: Socket & { readonly _httpMessage?: ServerResponse | null },
): ServerResponse | undefined {
  return socket._httpMessage?.headersSent ? socket._httpMessage : undefined;
}

/** Answers what Fastify's router refuses before any hook runs: a URL whose percent signs mean nothing. */
export function frameworkErrorHandler(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const requestId = requestIdOf(request.headers['x-request-id']);
  const error = new ServiceError('MALFORMED_REQUEST', 'The URL cannot be decoded.');
  const { status, headers, body } = errorReply(error, request.url, requestId);
  leaveBody(request.raw, reply.raw);
  void reply.status(status).headers(headers).header('x-request-id', requestId).send(body);
}

/** Answers what Node refuses by itself, with an empty body: an expectation other than 100-continue. */
export function registerExpectations(server: FastifyInstance): void {
  server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const requestId = requestIdOf(request.headers['x-request-id']);
    const error = new ServiceError(
      'MALFORMED_REQUEST',
      'The header Expect asks for what this service does not do.',
    );
    const { status, headers, body } = errorReply(error, request.url ?? '', requestId);
    leaveBody(request, response);
    response.writeHead(status, {
      ...headers,
      'content-length': Buffer.byteLength(body),
      'x-request-id': requestId,
    });
    response.end(body);
  });
}

function knownError(code: string | undefined): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('HEADERS_TOO_LARGE', 'The headers have more than 16 KiB.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('REQUEST_TIMEOUT', 'The request was not complete in time.');
    default:
      return new ServiceError('MALFORMED_REQUEST', 'What arrived is not an HTTP/1.1 request.');
  }
}
