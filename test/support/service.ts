import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { request } from 'undici';
import type { Problem } from '../../src/common/errors.js';
import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/configure-app.js';
import { StubServer, type StubOptions } from '../../src/engine/stub/stub-server.js';
import { localKeyOf } from './local-key.js';

/** A reply of the service, its body parsed. */
export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: T;
}

/** The service as it runs, on a free port of this machine, in front of a scripted stub engine. */
export interface TestService {
  readonly app: NestFastifyApplication;
  readonly stub: StubServer;
  readonly url: string;
  /** What the person who runs it reads with; empty with API_KEYS. */
  readonly localKey: Readonly<Record<string, string>>;
  /** POSTs JSON. */
  post<T = Record<string, unknown>>(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<Reply<T>>;
  /** GETs as the person who runs it, with the local key, unless the headers name another. */
  get<T = Record<string, unknown>>(path: string, headers?: Record<string, string>): Promise<Reply<T>>;
  /** POSTs and expects an error. */
  fail(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply<Problem>>;
}

const running: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  // The service first: what it still asks the stub for ends with it.
  for (const one of running.splice(0).reverse()) await one.close();
});

/** Starts a stub engine that ends with the test. */
export async function startStub(options: Partial<StubOptions> = {}): Promise<StubServer> {
  const stub = await StubServer.start({ modelName: new Settings().modelName, ...options });
  running.push(stub);
  return stub;
}

/** Settings of a store that all tests share; none of them looks after it. */
export function testStore(): Partial<Settings> {
  return {
    databaseUrl: process.env.TEST_DATABASE_URL,
    databaseConnections: 3,
    // A limit that only a busy machine reaches would say nothing about the log.
    databaseTimeout: 60,
    dataDir: join(tmpdir(), 'llm-service-tests-data'),
    upkeep: false,
  };
}

/** Starts the service in front of a stub engine; both end with the test. Logs are off below ERROR. */
export async function startService(
  overrides: Partial<Settings> = {},
  stubOptions: Partial<StubOptions> = {},
): Promise<TestService> {
  const stub = await startStub(stubOptions);
  const settings = Object.assign(
    new Settings(),
    {
      engine: 'stub',
      engineUrls: [stub.url],
      logLevel: 'ERROR',
      ...testStore(),
    } satisfies Partial<Settings>,
    overrides,
  );
  const app = await createApp(settings);
  running.push(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const localKey = localKeyOf(app);

  const send = async <T>(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers = {},
  ): Promise<Reply<T>> => {
    const response = await request(url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.body.text();
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string>,
      body: (text ? JSON.parse(text) : undefined) as T,
    };
  };
  return {
    app,
    stub,
    url,
    localKey,
    post: (path, body, headers) => send('POST', path, body, headers),
    get: (path, headers) => send('GET', path, undefined, { ...localKey, ...headers }),
    fail: (path, body, headers) => send('POST', path, body, headers),
  };
}

/** A question that every structured route takes. */
export const QUESTION = {
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
};

/** A valid reply of the model to each structured task, as the engine would send it. */
export const MODEL_REPLIES = {
  '/api/feedback': {
    feedback: 'Names the right tool.',
    score: 7,
    is_passed: true,
    improvement_suggestion: 'Say what you look for in the plan.',
  },
  '/api/interview/step': {
    action: 'FOLLOW_UP',
    message: 'What do you look for in the plan?',
    thought: 'The tool is named, its use is not.',
    evaluation: 'Knows EXPLAIN ANALYZE.',
  },
  '/api/report': {
    question_feedbacks: [
      {
        question: 'How do you find a slow query?',
        answer_summary: 'EXPLAIN ANALYZE.',
        feedback: 'Right, short.',
        score: 7,
      },
    ],
    strengths: ['Knows the tool.'],
    improvements: ['Few details.'],
    recommendations: ['Read three plans.'],
    summary: 'A short, right answer.',
    overall_score: 70,
  },
} as const;
