import { afterEach } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { request } from 'undici';
import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/configure-app.js';
import { localKeyOf } from '../support/local-key.js';
import { type Reply, testStore } from '../support/service.js';
import { openStream, type OpenStream } from '../support/sse.js';
import { ENGINE_KEY, type RunningEngine } from './drivers/driver.js';
import { LongCall } from './long-call.js';
import { type LongQuestion, QUESTIONS } from './questions.js';
import type { Route } from './shapes.js';

const running: NestFastifyApplication[] = [];
const calls: LongCall[] = [];

afterEach(async () => {
  // A service that closes waits for its callers.
  for (const call of calls.splice(0)) call.leave();
  for (const app of running.splice(0)) await app.close();
});

/** What goes to the service: with a body a POST. */
interface Sent {
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** The service in front of an engine of the contract, asked over HTTP alone. */
export class ContractService {
  private constructor(
    /** Where it listens. */
    readonly url: string,
    private readonly localKey: Readonly<Record<string, string>>,
  ) {}

  /** Starts the service; it ends with the test. Logs are off below ERROR. */
  static async start(engine: RunningEngine, overrides: Partial<Settings> = {}): Promise<ContractService> {
    const { kind, url, model } = engine;
    const own: Partial<Settings> = {
      engine: kind,
      engineUrls: [url],
      engineApiKey: ENGINE_KEY,
      modelName: model,
      logLevel: 'ERROR',
      // A limit that only a busy machine reaches would say nothing about an engine.
      firstTokenTimeout: 240,
      ...testStore(),
    };
    const app = await createApp(Object.assign(new Settings(), own, overrides));
    running.push(app);
    await app.listen(0, '127.0.0.1');
    return new ContractService(await app.getUrl(), localKeyOf(app));
  }

  /** Asks a route an ordinary question; the fields are added to it. */
  ask<T = Record<string, unknown>>(
    route: Route,
    fields: object = {},
    signal?: AbortSignal,
  ): Promise<Reply<T>> {
    return this.post(route, { ...QUESTIONS[route], ...fields }, {}, signal);
  }

  /** Asks a route an ordinary question and reads the answer as a stream, to its end. */
  async stream(route: Route, fields: object = {}): Promise<OpenStream> {
    const stream = await openStream(this, route, { ...QUESTIONS[route], stream: true, ...fields });
    if ((await stream.end()) !== 'whole') throw new Error(`The stream was cut: ${stream.text}`);
    return stream;
  }

  /** Begins a call that a test leaves, cancels or sees fail. */
  begin(question: Pick<LongQuestion, 'path' | 'body' | 'headers'>): LongCall {
    const call = new LongCall(this.url, question);
    calls.push(call);
    return call;
  }

  /** GETs as the person who runs it, with the local key. */
  get<T = Record<string, unknown>>(path: string): Promise<Reply<T>> {
    return this.#send(path, { headers: this.localKey });
  }

  post<T = Record<string, unknown>>(
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Reply<T>> {
    return this.#send(path, { body: JSON.stringify(body), headers, signal });
  }

  async #send<T>(path: string, { body, headers, signal }: Sent): Promise<Reply<T>> {
    const response = await request(this.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      body: (await response.body.json()) as T,
    };
  }
}
