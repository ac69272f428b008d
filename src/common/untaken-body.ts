import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { closeGently } from './close-gently.js';

/**
 * Sees to requests that are answered before their body was taken, whatever the answer: no more of the body is asked
 * for, none of it is parsed, and the connection ends after the reply. A request without a body keeps its connection.
 */
export function registerUntakenBodies(server: FastifyInstance): void {
  // Node by itself invites the body before anybody has looked at the headers.
  server.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue();
    });
    server.server.emit('request', request, response);
  });

  server.addHook('onSend', (request, reply, payload, done) => {
    leaveBody(request.raw, reply.raw);
    done(null, payload);
  });
}

/** Makes a reply the last one on its connection where the body of its request has not arrived. Before its head is sent. */
export function leaveBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || !hasBody(request)) return;
  response.setHeader('connection', 'close');
  // Called by Node once a reply that closes its connection is out; its own would close at once.
  request.socket.destroySoon = function () {
    closeGently(this);
  };
}

/** Whether the headers announce a body. https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0);
}
