import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';

const BODY_LIMIT = 16 * 1024 * 1024;

/** The path that a request was sent to, without its query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? '';
}

/** Reads a body to its end even when it is too large: a client that is still sending would not see the refusal. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_LIMIT) chunks.push(chunk);
  }
  if (size > BODY_LIMIT) throw new Refusal(`Body of more than ${BODY_LIMIT} bytes`, { status: 413 });
  return Buffer.concat(chunks);
}

/** Reads the text of a request's body; throws the {@link Refusal} that SGLang's framework would. */
export function parseBody(bytes: Buffer, contentType: string | undefined): JsonObject {
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new Refusal("Unsupported Media Type: Only 'application/json' is allowed", {
      issue: { type: 'value_error', location: ['header', 'content-type'], input: contentType },
    });
  }
  const body = parseJson(bytes);
  if (isJsonObject(body)) return body;
  throw new Refusal('Input should be a valid dictionary', {
    issue: { type: 'model_attributes_type', location: ['body'], input: body },
  });
}

/** Parses a body as strictly as the engines: UTF-8 and JSON, or a {@link Refusal}. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal('JSON decode error', {
      issue: {
        type: 'json_invalid',
        location: ['body', bytes.length],
        input: {},
        context: 'unexpected end of data',
      },
    });
  }
}

/** Throws the refusal of a request without the server's key. A server without a key is open. */
export function authorize(request: IncomingMessage, apiKey: string | undefined): void {
  const header = request.headers.authorization;
  if (apiKey === undefined || header === `Bearer ${apiKey}`) return;
  if (header === undefined) {
    throw new Refusal('You need to provide your API key in an Authorization header.', { status: 401 });
  }
  const key = header.replace(/^Bearer /i, '');
  throw new Refusal(`Incorrect API key provided: ${key.slice(0, 3)}***${key.slice(-4)}.`, {
    status: 401,
    code: 'invalid_api_key',
  });
}

export function respond(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string,
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}

export function respondJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  respond(response, status, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
}
