import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type BuiltService, startBuilt } from './support/built-service.js';
import { MODEL_REPLIES, QUESTION, startStub } from './support/service.js';

const FEEDBACK = '/api/feedback';
const REPLY = { kind: 'reply', content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) } as const;

interface LogLine extends Record<string, unknown> {
  readonly level: string;
  readonly message: string;
}

/** Starts the service in front of a stub of this test, which `startStub` has started. */
const startBefore = (url: string, environment: Readonly<Record<string, string>> = {}): BuiltService =>
  startBuilt({ ENGINE: 'stub', ENGINE_URLS: url, LOG_FORMAT: 'json', ...environment });

async function post(
  service: BuiltService,
  body: unknown,
  headers: Record<string, string> = {},
  path: string = FEEDBACK,
): Promise<number> {
  const { status } = await fetch((await service.url()) + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return status;
}

/** Stops the service and reads its output as JSON lines. */
async function readLog(service: BuiltService): Promise<LogLine[]> {
  await service.stop();
  return service.lines.map((line) => JSON.parse(line) as LogLine);
}

const callsIn = (log: readonly LogLine[]): LogLine[] => log.filter(({ message }) => message === 'call');

describe('the log of a call', () => {
  it('is one line with ids, task, model, attempts, tokens, times and outcome', async () => {
    const stub = await startStub();
    stub.script(REPLY);
    const service = startBefore(stub.url, { API_KEYS: 'app:inference:long-enough' });

    await post(
      service,
      { ...QUESTION, interview_id: 'iv-42', turn: 3, user_id: 'u-7', tags: ['pilot'] },
      { 'x-request-id': 'req-1', authorization: 'Bearer long-enough' },
    );

    expect(callsIn(await readLog(service))).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: 'INFO',
        message: 'call',
        context: 'Call',
        call_id: expect.stringMatching(/^[\da-f-]{36}$/),
        request_id: 'req-1',
        task: 'feedback',
        lane: 'interactive',
        outcome: 'ok',
        rung: 'strict',
        model: 'Qwen/Qwen3-32B-stub',
        provider: 'stub',
        attempts: 1,
        prompt_tokens: expect.any(Number),
        completion_tokens: expect.any(Number),
        queue_ms: expect.any(Number),
        engine_ms: expect.any(Number),
        total_ms: expect.any(Number),
        key: 'app',
        interview_id: 'iv-42',
        turn: 3,
        user_id: 'u-7',
        tags: ['pilot'],
      },
    ]);
  });

  it('is a warning with the code when the call failed', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400 });
    const service = startBefore(stub.url);
    await post(service, QUESTION);
    expect(callsIn(await readLog(service))).toMatchObject([
      { level: 'WARNING', outcome: 'failed', code: 'ENGINE_REJECTED', attempts: 1 },
    ]);
  });

  it('counts every ask of the model and the tokens of them all', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'no JSON', promptTokens: 100 }, { ...REPLY, promptTokens: 120 });
    const service = startBefore(stub.url);
    await post(service, QUESTION);
    expect(callsIn(await readLog(service))).toMatchObject([
      { outcome: 'ok', rung: 're-asked', attempts: 2, prompt_tokens: 220 },
    ]);
  });

  it('says when the caller left', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'request' });
    const service = startBefore(stub.url);
    const caller = new AbortController();
    const call = fetch((await service.url()) + FEEDBACK, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(QUESTION),
      signal: caller.signal,
    });
    await stub.waitFor(() => stub.requests.length === 1);
    caller.abort();
    await expect(call).rejects.toThrow('aborted');

    await service.line(/"message":"call"/);

    expect(callsIn(await readLog(service))).toMatchObject([
      { level: 'INFO', outcome: 'cancelled', code: 'CANCELLED' },
    ]);
  });

  it('is not written for a request that never became a call', async () => {
    const stub = await startStub();
    const service = startBefore(stub.url);
    await post(service, { ...QUESTION, temperature: 3 });
    expect(callsIn(await readLog(service))).toEqual([]);
  });
});

describe('the form of the log', () => {
  it('is JSON lines in production', async () => {
    const stub = await startStub();
    const service = startBefore(stub.url, { NODE_ENV: 'production', AUTH: 'off', LOG_FORMAT: 'auto' });
    await service.line(/Try:/);
    expect((await readLog(service)).map(({ level }) => level)).toContain('WARNING');
  });

  it('is readable lines elsewhere, without colours where nobody watches', async () => {
    const stub = await startStub();
    stub.script(REPLY);
    const service = startBefore(stub.url, { LOG_FORMAT: 'auto' });
    await post(service, { ...QUESTION, interview_id: 'iv-42' });
    const line = await service.line(/ call /);
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d INFO {4}call call_id=\S+ .*task=feedback .*outcome=ok .*interview_id=iv-42$/,
    );
  });

  it('leaves out what is below LOG_LEVEL', async () => {
    const stub = await startStub();
    stub.script(REPLY, { kind: 'status', status: 400 });
    const service = startBefore(stub.url, { LOG_LEVEL: 'WARNING', APP_PORT: '0' });
    await service.line(/STUB/);
    await service.stop();
    expect(service.lines.map((line) => (JSON.parse(line) as LogLine).level)).toEqual(['WARNING']);
  });
});

describe('secrets and candidates’ words', () => {
  const words = {
    system_prompt: 'You judge. CANARY-SYSTEM',
    user_prompt: 'Candidate: CANARY-USER',
  };

  /** Every way that words can take: an answer, an invalid reply, errors of the engine, refused bodies and keys. */
  async function sayEverything(environment: Readonly<Record<string, string>>): Promise<string> {
    const stub = await startStub({ apiKey: 'CANARY-ENGINE-KEY' });
    const service = startBefore(stub.url, {
      API_KEYS: 'app:inference:CANARY-KEY',
      ENGINE_API_KEY: 'CANARY-ENGINE-KEY',
      ...environment,
    });
    const key = { authorization: 'Bearer CANARY-KEY' };
    const said = { ...MODEL_REPLIES[FEEDBACK], feedback: 'CANARY-REPLY' };
    stub.script(
      { kind: 'reply', content: JSON.stringify(said) },
      { kind: 'reply', content: 'no JSON: CANARY-REPLY' },
      { kind: 'reply', content: JSON.stringify(said) },
      { kind: 'status', status: 400, body: { message: 'CANARY-ENGINE-ERROR' } },
      { kind: 'status', status: 500, body: 'CANARY-ENGINE-ERROR' },
      { kind: 'raw', body: ['<html>CANARY-ENGINE-ERROR</html>'] },
      { kind: 'raw', body: ['{"choices": CANARY-ENGINE-ERROR'] },
      { kind: 'reply', content: 'CANARY-REPLY' },
    );
    await post(service, words, key);
    await post(service, words, key);
    await post(service, words, key);
    await post(service, words, key);
    await post(
      service,
      { messages: [{ role: 'user', content: 'CANARY-USER' }] },
      key,
      '/api/chat/completions',
    );
    await post(service, { ...words, stop: 7, 'CANARY-FIELD': 'CANARY-USER' }, key);
    await post(service, '{"user_prompt": "CANARY-USER', key);
    await post(service, words, { authorization: 'Bearer CANARY-WRONG-KEY' });
    await service.stop();
    return service.lines.join('\n') + (await service.errors);
  }

  it.each(['INFO', 'DEBUG'])('stay out of the log at %s', async (level) => {
    const log = await sayEverything({ LOG_LEVEL: level });
    expect(log).toContain('"message":"call"');
    expect(log).not.toContain('CANARY');
  });

  it('stay out of the log at INFO even with LOG_PROMPTS', async () => {
    expect(await sayEverything({ LOG_LEVEL: 'INFO', LOG_PROMPTS: 'true' })).not.toContain('CANARY');
  });

  it('are in the log at DEBUG with LOG_PROMPTS, but for the keys', async () => {
    const log = await sayEverything({ LOG_LEVEL: 'DEBUG', LOG_PROMPTS: 'true' });
    for (const word of ['CANARY-SYSTEM', 'CANARY-USER', 'CANARY-REPLY', 'CANARY-ENGINE-ERROR']) {
      expect(log).toContain(word);
    }
    expect(log).not.toMatch(/CANARY-([A-Z]+-)?KEY/);
  });
});

describe('a caller’s own faults', () => {
  /** Connects and sends this. */
  async function say(service: BuiltService, text: string): Promise<Socket> {
    const { hostname, port } = new URL(await service.url());
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  }

  const errorsIn = (log: readonly LogLine[]): LogLine[] => log.filter(({ level }) => level === 'ERROR');

  const half = (...headers: string[]): string =>
    [
      `POST ${FEEDBACK} HTTP/1.1`,
      'Host: localhost',
      'Content-Type: application/json',
      'Content-Length: 100',
      ...headers,
      '',
      '{"system_prompt":',
    ].join('\r\n');

  const start = (): BuiltService =>
    startBuilt({ LOG_FORMAT: 'json', LOG_LEVEL: 'DEBUG', API_KEYS: 'app:inference:long-enough' });

  it('are lines at DEBUG where it leaves in the middle of its body', async () => {
    const service = start();

    const socket = await say(
      service,
      half('Authorization: Bearer long-enough', 'Expect: 100-continue', 'X-Request-Id: req-1'),
    );
    // Its body is being read.
    await once(socket, 'data');
    socket.destroy();
    const line = await service.line(/before its request was complete/);

    expect(JSON.parse(line)).toMatchObject({ level: 'DEBUG', request_id: 'req-1' });
    expect(errorsIn(await readLog(service))).toEqual([]);
  });

  it('leave no line where it has no key', async () => {
    const service = start();

    const socket = await say(service, half());
    await once(socket, 'data');
    socket.destroy();

    const log = await readLog(service);
    expect([...errorsIn(log), ...log.filter(({ context }) => context === 'Request')]).toEqual([]);
  });

  it('are lines at DEBUG where it speaks no HTTP', async () => {
    const service = start();

    const socket = await say(service, 'SSH-2.0-OpenSSH_9.9\r\n');
    const line = await service.line(/what arrived is no request/);
    socket.destroy();

    expect(JSON.parse(line)).toMatchObject({ level: 'DEBUG', code: 'MALFORMED_REQUEST' });
    expect(errorsIn(await readLog(service))).toEqual([]);
  });
});

describe('what a caller writes', () => {
  const CHAT = '/api/chat/completions';
  const forged = '\r\n12:00:00 INFO    call outcome=forged\u001b[2J\u009b2J\u2028\u202e\u{e0041}';

  it.each(['json', 'pretty'])('cannot forge a %s line', async (format) => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: forged });
    const service = startBefore(stub.url, {
      LOG_FORMAT: format,
      LOG_LEVEL: 'DEBUG',
      LOG_PROMPTS: 'true',
    });

    await post(service, { messages: [{ role: 'user', content: forged }] }, { 'x-request-id': 'x' }, CHAT);
    await post(service, { messages: [{ role: 'user', content: 'Hello!' }], user_id: 'u\u202e' }, {}, CHAT);
    await service.stop();

    for (const line of service.lines) {
      expect(line).toMatch(/^(\{"time":|\d\d:\d\d:\d\d )/);
      expect(line).not.toMatch(/^12:00:00|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  it('means in a JSON line what it meant', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', content: 'Hello!' });
    const service = startBefore(stub.url, { LOG_LEVEL: 'DEBUG', LOG_PROMPTS: 'true' });
    await post(service, { messages: [{ role: 'user', content: forged }] }, {}, CHAT);
    const exchange = (await readLog(service)).find(({ message }) => message === 'exchange');
    expect(exchange).toMatchObject({ request: { messages: [{ role: 'user', content: forged }] } });
  });
});

describe('an output that nobody reads any more', () => {
  it('does not end the service', async () => {
    const stub = await startStub();
    stub.script(REPLY, REPLY, REPLY);
    const service = startBefore(stub.url);
    await service.url();
    service.child.stdout?.destroy();
    const statuses = [
      await post(service, QUESTION),
      await post(service, QUESTION),
      await post(service, QUESTION),
    ];
    expect(statuses).toEqual([200, 200, 200]);
  });
});
