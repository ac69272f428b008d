// The yardstick: what a plain proxy in Node costs. node:http in, one undici pool out, both bodies piped, nothing read.
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Pool } from 'undici';

const [port, upstream] = process.argv.slice(2);
const pool = new Pool(upstream ?? '', { connections: 256 });

createServer((request, response) => {
  if (request.method === 'GET') {
    response.end();
    return;
  }
  pool
    .request({
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request,
    })
    .then(({ statusCode, headers, body }) => {
      response.writeHead(statusCode, { 'content-type': String(headers['content-type']) });
      return pipeline(body, response);
    })
    // The load closes its connections at the end of a round, with calls on the way.
    .catch(() => response.destroy());
}).listen(Number(port), '127.0.0.1');
