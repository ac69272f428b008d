import { afterEach } from '@jest/globals';
import { request, type Dispatcher } from 'undici';
import { StubServer, type StubOptions } from '../src/engine/stub/stub-server.js';

export const HELLO = { model: 'qwen', messages: [{ role: 'user', content: 'Hello' }] };

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

/** Sends a chat request; the body's fields are added to {@link HELLO}. */
export function post(
  stub: StubServer,
  body: object = {},
  options: { signal?: AbortSignal; headers?: Record<string, string> } = {},
): Promise<Dispatcher.ResponseData> {
  return request(`${stub.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ ...HELLO, ...body }),
    ...options,
    headers: { 'content-type': 'application/json', ...options.headers },
  });
}

/** What a whole reply's body says. */
export async function ask(stub: StubServer, body: object = {}): Promise<{ status: number; text: string }> {
  const response = await post(stub, body);
  return { status: response.statusCode, text: await response.body.text() };
}

/** The events of a stream, without their `data: `. */
export async function askStream(stub: StubServer, body: object = {}): Promise<string[]> {
  const { text } = await ask(stub, { stream: true, ...body });
  return text
    .split('\n\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^data: /, ''));
}
