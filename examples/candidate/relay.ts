/**
 * Hands a candidate's answer to the service, and the interviewer's next words to the candidate's browser while the
 * model writes them. The key stays here, and `stream_fields` keeps what is not for the candidate on this side.
 *
 *   node examples/candidate/relay.ts
 *
 * PORT is where it listens on this machine (8080, 0 takes a free one), LLM_SERVICE_URL the service
 * (http://127.0.0.1:8000), LLM_SERVICE_API_KEY the key, where it needs one. A product would ask its candidates to log
 * in first, and would keep the interview.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { firstTurn, loadInterview, stepPrompts } from '../interview.ts';

const { LLM_SERVICE_URL = 'http://127.0.0.1:8000', LLM_SERVICE_API_KEY, PORT = '8080' } = process.env;

/** Bytes of an answer at the most. */
const MAX_ANSWER = 20_000;

const interview = loadInterview('en');
const turn = firstTurn(interview);

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const pages: Readonly<Record<string, { type: string; text: string }>> = {
  '/': { type: 'text/html; charset=utf-8', text: read('page.html').replace('{{question}}', turn.question) },
  '/page.js': { type: 'text/javascript; charset=utf-8', text: read('page.js') },
};

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(PORT), '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const page = pages[request.url ?? ''];
  if (request.method === 'GET' && page) {
    response
      .writeHead(200, {
        'content-type': page.type,
        'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'",
      })
      .end(page.text);
  } else if (request.method === 'POST' && request.url === '/answers') {
    await relay(await readText(request), response);
  } else {
    response.writeHead(404).end();
  }
}

async function relay(text: string, response: ServerResponse): Promise<void> {
  const leaving = new AbortController();
  response.once('close', () => {
    // A closed tab ends the engine's work.
    leaving.abort();
  });
  const stream = await fetch(new URL('/api/interview/step', LLM_SERVICE_URL), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(LLM_SERVICE_API_KEY && { authorization: `Bearer ${LLM_SERVICE_API_KEY}` }),
    },
    body: JSON.stringify({
      ...stepPrompts(interview, [{ ...turn, answer: text }]),
      stream: true,
      stream_fields: ['/message'],
    }),
    signal: leaving.signal,
  });
  if (!stream.ok || !stream.body) {
    // Why is for the one who runs this, not for the candidate.
    process.stderr.write(`${await stream.text()}\n`);
    response.writeHead(502).end();
    return;
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  await pipeline(Readable.fromWeb(stream.body), response);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) throw new Error('The answer is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
