import { afterEach } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { request } from 'undici';
import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/configure-app.js';
import type { Reply } from '../support/service.js';
import { ENGINE_KEY, type RunningEngine } from './drivers/driver.js';
import type { Route } from './shapes.js';

/** Fields of a call that an endless model works on for as long as any test looks. */
export const LONG_CALL = { max_tokens: 30_000 };

const running: NestFastifyApplication[] = [];

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
});

/** The service in front of an engine of the contract, asked over HTTP alone. */
export class ContractService {
  private constructor(private readonly url: string) {}

  /** Starts the service; it ends with the test. Logs are off below ERROR. */
  static async start(engine: RunningEngine, overrides: Partial<Settings> = {}): Promise<ContractService> {
    const { kind, url, model } = engine;
    const own: Partial<Settings> = {
      engine: kind,
      engineUrls: [url],
      engineApiKey: ENGINE_KEY,
      modelName: model,
      logLevel: 'ERROR',
    };
    const app = await createApp(Object.assign(new Settings(), own, overrides));
    running.push(app);
    await app.listen(0, '127.0.0.1');
    return new ContractService(await app.getUrl());
  }

  /** Asks a route an ordinary question; the fields are added to it. */
  ask<T = Record<string, unknown>>(
    route: Route,
    fields: object = {},
    signal?: AbortSignal,
  ): Promise<Reply<T>> {
    return this.#send(route, { ...QUESTIONS[route], ...fields }, signal);
  }

  get<T = Record<string, unknown>>(path: string): Promise<Reply<T>> {
    return this.#send(path);
  }

  async #send<T>(path: string, body?: object, signal?: AbortSignal): Promise<Reply<T>> {
    const response = await request(this.url + path, {
      method: body ? 'POST' : 'GET',
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      body: (await response.body.json()) as T,
    };
  }
}

const PROMPTS = {
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
};

const QUESTIONS: Readonly<Record<Route, object>> = {
  '/api/chat/completions': { messages: [{ role: 'user', content: 'Tell me about that project.' }] },
  '/api/feedback': PROMPTS,
  '/api/interview/step': PROMPTS,
  '/api/report': PROMPTS,
};
