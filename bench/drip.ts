// An engine that streams: the same report to every question, each token in a write of its own, some milliseconds apart.
import { createServer, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { MODELS, streamedReport } from './replies.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    tokens: { type: 'string', default: '200' },
    'every-ms': { type: 'string', default: '5' },
  },
});
const { first, tokens, last } = streamedReport(Number(values.tokens));
const everyMs = Number(values['every-ms']);

const server = createServer((request, response) => {
  if (request.url === '/v1/models') response.setHeader('content-type', 'application/json').end(MODELS);
  else if (request.method === 'GET') response.end();
  else
    request
      .on('end', () => {
        drip(response);
      })
      .resume();
});
// Nobody meets a connection that is just being closed: that is the soak's business.
server.keepAliveTimeout = 60_000;
server.listen(Number(values.port), '127.0.0.1');

function drip(response: ServerResponse): void {
  response.socket?.setNoDelay(true);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(first);
  let sent = 0;
  const next = (): void => {
    const token = tokens[sent++];
    if (token !== undefined) {
      response.write(token);
      return;
    }
    clearInterval(timer);
    response.end(last);
  };
  const timer = setInterval(next, everyMs);
  response.once('close', () => {
    clearInterval(timer);
  });
  next();
}
