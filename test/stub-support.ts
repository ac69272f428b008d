import { afterEach } from '@jest/globals';
import { request, type Dispatcher } from 'undici';
import { StubServer, type StubOptions } from '../src/engine/stub/stub-server.js';

export const HELLO = { model: 'qwen', messages: [{ role: 'user', content: 'Hello' }] };

export const CHAT = '/v1/chat/completions';
export const COMPLETIONS = '/v1/completions';
export const EMBEDDINGS = '/v1/embeddings';

/** The least that each route takes. */
const LEAST: Record<string, object> = {
  [CHAT]: HELLO,
  [COMPLETIONS]: { model: 'qwen', prompt: 'Once upon a time' },
  [EMBEDDINGS]: { model: 'qwen', input: 'Hello' },
};

const open: StubServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((stub) => stub.close()));
});

/** Starts a stub that ends with the test. */
export async function startStub(options: Partial<StubOptions> = {}): Promise<StubServer> {
  const stub = await StubServer.start({ modelName: 'qwen', ...options });
  open.push(stub);
  return stub;
}

/** Sends a request, to chat where no path is given; the body's fields are added to the least that the route takes. */
export function post(
  stub: StubServer,
  body: object = {},
  options: { path?: string; signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Dispatcher.ResponseData> {
  const { path = CHAT, headers, ...rest } = options;
  return request(stub.url + path, {
    method: 'POST',
    body: JSON.stringify({ ...LEAST[path], ...body }),
    ...rest,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** What a whole reply's body says. */
export async function ask(
  stub: StubServer,
  body: object = {},
  path = CHAT,
): Promise<{ status: number; text: string }> {
  const response = await post(stub, body, { path });
  return { status: response.statusCode, text: await response.body.text() };
}

/** The events of a stream, without their `data: `. */
export async function askStream(stub: StubServer, body: object = {}, path = CHAT): Promise<string[]> {
  const { text } = await ask(stub, { stream: true, ...body }, path);
  return text
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^data: /, ''));
}

/** Asks SGLang's own route to end a request. */
export async function abort(stub: StubServer, body: object): Promise<void> {
  const response = await request(`${stub.url}/abort_request`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await response.body.dump();
}

/** Makes two replies comparable: everything that differs from call to call becomes a constant. */
export function normalize(text: string): string {
  return text.replaceAll(/"id":"[0-9a-f]{32}"/g, '"id":"ID"').replaceAll(/"created":\d{10}/g, '"created":0');
}

/** Reads a body until it ends or breaks, and tells how. */
export async function readBroken(
  stub: StubServer,
  body: object,
  path = CHAT,
): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    const response = await post(stub, body, { path });
    for await (const chunk of response.body as AsyncIterable<Buffer>) text += chunk.toString();
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}

/** The texts of a stream's deltas, of a chat or of a text completion. */
export function spoken(stream: string): string {
  return Array.from(stream.matchAll(/"(?:content|text)":"([^"]*)"/g), ([, text]) => text).join('');
}
