import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { CallEvents } from '../src/calls/call-events.js';
import type { CallRecord } from '../src/calls/call-record.js';
import { PromptVersions } from '../src/prompts/prompt-versions.js';
import { startBuilt } from './support/built-service.js';
import { expectProblem } from './support/problem.js';
import { startService, startStub, type TestService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

interface MessageReply {
  readonly reply: string;
  readonly model: string;
  readonly prompt_version: string;
  readonly latency_ms: number;
  readonly total_tokens: number;
  readonly timestamp: string;
}

interface PromptReply {
  readonly response: string;
  readonly model_version: string;
  readonly latency_ms: number;
}

const QUESTION = 'LLMOps가 뭐야?';
const STUB_MODEL = 'Qwen/Qwen3-32B-stub';
const versions = new PromptVersions(
  'chat',
  'v1',
  new URL('../src/chat/small-chat.service.ts', import.meta.url).href,
);
const textOf = (version: string): string => versions.get(version, '').text;

/** Milliseconds that Server-Timing tells of in all. */
function totalOf({ 'server-timing': timing = '' }: Readonly<Record<string, string>>): number {
  return [...timing.matchAll(/dur=([\d.]+)/g)].reduce((sum, [, ms]) => sum + Number(ms), 0);
}

/** What is known of the calls that end while a question is asked. */
async function endedWhile(service: TestService, body: object): Promise<CallRecord[]> {
  const ended: CallRecord[] = [];
  service.app.get(CallEvents).on('end', (call) => ended.push(call));
  expect((await service.post('/chat', body)).status).toBe(200);
  return ended;
}

describe.each(['/chat', '/api/chat'])('POST %s', (path) => {
  it('answers a message with reply, model, version, time and tokens', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: '핵심 요약: LLM을 운영하는 일입니다.' });
    const before = Date.now();

    const { status, headers, body } = await service.post<MessageReply>(path, {
      message: QUESTION,
      prompt_version: 'v1',
    });

    const { stub } = service;
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual([
      'reply',
      'model',
      'prompt_version',
      'latency_ms',
      'total_tokens',
      'timestamp',
    ]);
    expect(body).toMatchObject({
      reply: '핵심 요약: LLM을 운영하는 일입니다.',
      model: STUB_MODEL,
      prompt_version: 'v1',
    });
    expect(Number.isInteger(body.latency_ms)).toBe(true);
    expect(Math.abs(body.latency_ms - totalOf(headers))).toBeLessThan(1);
    expect(Number.isInteger(body.total_tokens)).toBe(true);
    expect(body.total_tokens).toBeGreaterThan(0);
    expect(body.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    expect(Date.parse(body.timestamp)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(body.timestamp)).toBeLessThanOrEqual(Date.now());
    expect(stub.requests).toHaveLength(1);
  });

  it('answers a prompt with response, model and time', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'It watches answers.' });

    const { status, headers, body } = await service.post<PromptReply>(path, {
      prompt: 'Explain it in one sentence.',
      user_id: 'test-user',
      model_version: null,
    });

    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['response', 'model_version', 'latency_ms']);
    expect(body).toMatchObject({ response: 'It watches answers.', model_version: STUB_MODEL });
    expect(body.latency_ms).toBe(Number(body.latency_ms.toFixed(2)));
    expect(Math.abs(body.latency_ms - totalOf(headers))).toBeLessThan(0.2);
  });

  it('answers errors as problem+json', async () => {
    const service = await startService();
    expectProblem(await service.fail(path, { message: '' }), 'VALIDATION_FAILED');
    expectProblem(await service.fail(path, '{"message": '), 'MALFORMED_JSON');
  });
});

describe('the tokens of a message', () => {
  it('are those of question and answer, as the engine counted them', async () => {
    const service = await startService();
    const reply = { kind: 'reply', content: 'One two three.' } as const;
    service.stub.script({ ...reply, promptTokens: 100 }, { ...reply, promptTokens: 250 });

    const [one, two] = [
      await service.post<MessageReply>('/chat', { message: QUESTION }),
      await service.post<MessageReply>('/chat', { message: QUESTION }),
    ];

    expect(one.body.total_tokens).toBeGreaterThan(100);
    expect(two.body.total_tokens - one.body.total_tokens).toBe(150);
  });
});

describe('what the engine is asked', () => {
  it.each([
    [{ message: QUESTION }, 'v1'],
    [{ message: QUESTION, prompt_version: null }, 'v1'],
    [{ message: QUESTION, prompt_version: 'v1' }, 'v1'],
    [{ message: QUESTION, prompt_version: 'v2' }, 'v2'],
  ])('by %j is the message behind version %s', async (body, version) => {
    const service = await startService();
    const reply = await service.post<MessageReply>('/chat', body);
    expect(reply.body.prompt_version).toBe(version);
    expect(firstOnWire(service.stub).messages).toEqual([
      { role: 'system', content: textOf(version) },
      { role: 'user', content: QUESTION },
    ]);
  });

  it('by a prompt is the prompt alone', async () => {
    const service = await startService();
    await service.post('/chat', { prompt: QUESTION, message: null, prompt_version: null });
    expect(firstOnWire(service.stub).messages).toEqual([{ role: 'user', content: QUESTION }]);
  });

  it('is asked of the model that model_version names', async () => {
    const service = await startService();
    const { body } = await service.post<PromptReply>('/chat', { prompt: 'Hi', model_version: 'gpt-5-mini' });
    await service.post('/chat', { prompt: 'Hi', model_version: null });
    expect(wire(service.stub).map(({ model }) => model)).toEqual(['gpt-5-mini', 'Qwen/Qwen3-32B']);
    expect(body.model_version).toBe('gpt-5-mini-stub');
  });

  it('is not asked where the engine does not serve that model', async () => {
    const service = await startService({ engine: 'sglang', modelName: STUB_MODEL });
    const body = { prompt: 'Hi', model_version: 'another' };
    expectProblem(await service.fail('/chat', body), 'MODEL_NOT_FOUND');
    expect(service.stub.requests).toEqual([]);
  });

  it('is answered in its own language', async () => {
    const service = await startService();
    const { body } = await service.post<MessageReply>('/chat', { message: QUESTION, prompt_version: 'v2' });
    expect(body.reply).toContain(`“${QUESTION}”라고 하셨네요.`);
  });

  it('is answered whole, whatever Accept says', async () => {
    const service = await startService();
    const { headers, body } = await service.post<MessageReply>(
      '/chat',
      { message: QUESTION },
      { accept: 'text/event-stream' },
    );
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body.reply).not.toBe('');
  });
});

describe('a body that is refused', () => {
  const neither = 'message or prompt is needed, and neither is there';
  const both = 'message and prompt are two questions: send one of them';
  const prose = 'must be text that is not blank and well-formed Unicode';
  const label = 'must be text of 1 to 200 characters without control characters';

  it.each([
    [{}, { '/message': neither, '/prompt': neither }],
    [
      { message: null, prompt: null },
      { '/message': neither, '/prompt': neither },
    ],
    [
      { user_id: 'u', prompt_version: 'v1' },
      { '/message': neither, '/prompt': neither },
    ],
    [
      { message: 'Hi', prompt: 'Hi' },
      { '/message': both, '/prompt': both },
    ],
    [
      { prompt: 'Hi', prompt_version: 'v1' },
      {
        '/prompt_version':
          'prompt_version goes with message; a prompt is asked as it is, without one of the service',
      },
    ],
    [
      { message: 'Hi', model_version: 'gpt-5-mini' },
      {
        '/model_version': 'model_version goes with prompt; a message is answered by the model of MODEL_NAME',
      },
    ],
    [{ message: ' \n' }, { '/message': `message ${prose}` }],
    [{ message: 7 }, { '/message': `message ${prose}` }],
    [{ prompt: '\uD800' }, { '/prompt': `prompt ${prose}` }],
    [{ message: 'Hi', prompt_version: '' }, { '/prompt_version': `prompt_version ${label}` }],
    [{ message: 'Hi', user_id: 'a\nb' }, { '/user_id': `user_id ${label}` }],
    [{ prompt: 'Hi', model_version: 'm'.repeat(201) }, { '/model_version': `model_version ${label}` }],
    [{ message: 'Hi', stream: true }, { '/stream': 'stream is not a field of this request' }],
    [{ message: 'Hi', promt: 'Hi' }, { '/promt': 'promt is not a field of this request' }],
  ])('%j', async (body, wrong) => {
    const service = await startService();

    const problem = expectProblem(await service.fail('/chat', body), 'VALIDATION_FAILED');

    expect(problem.errors).toEqual(Object.entries(wrong).map(([path, message]) => ({ path, message })));
    expect(service.stub.requests).toEqual([]);
  });

  it.each(['v3', 'v01', 'V1', '__proto__', '../chat.v1'])(
    'names the versions that there are where it asks for %s',
    async (version) => {
      const service = await startService();

      const reply = await service.fail('/chat', { message: 'Hi', prompt_version: version });

      const { detail, errors } = expectProblem(reply, 'PROMPT_NOT_FOUND');
      expect(detail).toBe('There is no such version of the prompt; there are v1, v2.');
      expect(errors).toEqual([{ path: '/prompt_version', message: 'must be one of v1, v2' }]);
      expect(service.stub.requests).toEqual([]);
    },
  );
});

describe('what is known of a call', () => {
  it('is the version and hash of its prompt, and the user', async () => {
    const service = await startService();
    const body = { message: QUESTION, prompt_version: 'v2', user_id: 'u-7' };
    expect(await endedWhile(service, body)).toMatchObject([
      {
        task: { name: 'chat_message' },
        labels: { userId: 'u-7' },
        plan: { promptVersion: 'v2', promptHash: versions.get('v2', '').hash },
      },
    ]);
  });

  it('is the user alone where it was a prompt', async () => {
    const service = await startService();
    const [call] = await endedWhile(service, { prompt: QUESTION, user_id: 'u-7' });
    expect(call).toMatchObject({ task: { name: 'chat_prompt' }, labels: { userId: 'u-7' } });
    expect(call?.plan).toEqual({ modelAsked: 'Qwen/Qwen3-32B' });
  });

  it('is in its line of the log', async () => {
    const stub = await startStub();
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url, LOG_FORMAT: 'json' });
    await fetch(`${await service.url()}/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ message: QUESTION, user_id: 'u-7' }),
    });
    expect(JSON.parse(await service.line(/"message":"call"/))).toMatchObject({
      task: 'chat_message',
      user_id: 'u-7',
      prompt_version: 'v1',
    });
  });
});

describe('the versions of a prompt', () => {
  const root = mkdtempSync(join(tmpdir(), 'prompts-'));
  let folders = 0;

  afterAll(() => {
    rmSync(root, { recursive: true });
  });

  /** Reads the versions of the prompt `chat` from a folder with these files. */
  function read(files: Readonly<Record<string, string>>): PromptVersions {
    const folder = join(root, String(folders++));
    mkdirSync(join(folder, 'prompts'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'prompts', name), text);
    return new PromptVersions('chat', 'v1', pathToFileURL(join(folder, 'module.js')).href);
  }

  const hashOf = (text: string): string => read({ 'chat.v1.prompt.md': text }).get('v1', '').hash;

  it('have the first 12 digits of the SHA-256 of their text', () => {
    // printf 'Be kind.\nBe short.' | sha256sum
    expect(hashOf('Be kind.\nBe short.')).toBe('71e6529341cb');
  });

  it.each([
    ['Windows line ends', 'Be kind.\r\nBe short.'],
    ['a line end at the end', 'Be kind.\nBe short.\n'],
    ['a byte order mark', '\uFEFFBe kind.\nBe short.'],
  ])('have the same hash with %s', (_, text) => {
    expect(hashOf(text)).toBe(hashOf('Be kind.\nBe short.'));
  });

  it('have another hash where a word is another', () => {
    expect(hashOf('Be kind.\nBe brief.')).not.toBe(hashOf('Be kind.\nBe short.'));
  });

  it('are the files of that prompt, oldest first', () => {
    const files = [
      'chat.v10.prompt.md',
      'chat.v2.prompt.md',
      'chat.v1.prompt.md',
      'chat.v01.prompt.md',
      'chat.v3.md',
      'small.chat.v4.prompt.md',
      'README.md',
    ];
    expect(read(Object.fromEntries(files.map((name) => [name, name]))).known).toEqual(['v1', 'v2', 'v10']);
  });

  it('stop the start where the needed one is missing or one is empty', () => {
    expect(() => read({ 'chat.v2.prompt.md': 'Be kind.' })).toThrow('The prompt chat has no version v1.');
    expect(() => read({ 'chat.v1.prompt.md': 'Be kind.', 'chat.v2.prompt.md': ' \n' })).toThrow(
      'Version v2 of the prompt chat is empty.',
    );
  });

  it('of the chat differ', () => {
    const hashes = versions.known.map((version) => versions.get(version, '').hash);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('docs/chat.md', () => {
  const page = readFileSync('docs/chat.md', 'utf8');
  const calls = [
    ...page.matchAll(/^curl .*localhost:8000(\S+).* -d '([^']+)'\n```\n\n```json\n([^`]+)```/gm),
  ].map(([, path = '', body = '', shown = '']) => ({ path, body, shown }));

  /** Times differ from call to call. */
  const withoutChance = (reply: object): object => ({ ...reply, latency_ms: 0, timestamp: '' });

  it('shows both bodies and an unknown version', () => {
    expect(calls.map(({ path }) => path)).toEqual(['/chat', '/chat', '/chat']);
  });

  it.each(calls)('shows what really comes back: $body', async ({ path, body, shown }) => {
    const service = await startService();
    const reply = await service.post(path, body, { 'x-request-id': 'req-0042' });
    const example = JSON.parse(shown) as object;
    expect(Object.keys(reply.body)).toEqual(Object.keys(example));
    expect(withoutChance(reply.body)).toEqual(withoutChance(example));
  });

  it('names the hash of every version', () => {
    const rows = [...page.matchAll(/^\| `(v\d+)` +\| `([\da-f]+)` +\|/gm)].map(([, version, hash]) => [
      version,
      hash,
    ]);
    expect(rows).toEqual(versions.known.map((version) => [version, versions.get(version, '').hash]));
  });
});
