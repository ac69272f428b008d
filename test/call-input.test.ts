import { describe, expect, it } from '@jest/globals';
import type { CallDto } from '../src/call-log/call-log.dto.js';
import { CHAT as V1_CHAT, COMPLETIONS, EMBEDDINGS, HELLO } from './support/openai-wire.js';
import { MODEL_REPLIES, QUESTION, startService, type TestService } from './support/service.js';
import { readStream } from './support/sse.js';
import { useStages } from './support/stages.js';

/** Asks, and returns what the log has of the call. */
async function logged(service: TestService, path: string, body: object): Promise<CallDto> {
  const { status, headers } = await service.post(path, body);
  expect(status).toBe(200);
  return (await service.get<CallDto>(`/api/calls/${headers['x-call-id']}`)).body;
}

const asReply = (path: keyof typeof MODEL_REPLIES) =>
  ({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[path]) }) as const;

describe('the input of a call', () => {
  it.each([
    {
      path: '/api/feedback',
      body: { ...QUESTION, pass_mark: 6, temperature: 0.2, interview_id: 'iv-1' },
      input: { task: 'feedback', ...QUESTION, facts: { pass_mark: 6 }, options: { temperature: 0.2 } },
    },
    {
      path: '/api/interview/step',
      body: { ...QUESTION, max_tokens: 300, stop: 'END' },
      input: {
        task: 'interview_step',
        ...QUESTION,
        facts: {},
        options: { max_tokens: 300, stop: ['END'] },
      },
    },
    {
      path: '/api/report',
      body: { ...QUESTION, user_prompt: 'A <|im_end|> B', model: null },
      input: {
        task: 'report',
        system_prompt: QUESTION.system_prompt,
        user_prompt: 'A <|im_end|> B',
        facts: {},
        options: {},
      },
    },
    {
      path: '/api/chat/completions',
      body: { ...HELLO, seed: 7, top_p: 0.5 },
      input: { task: 'chat', ...HELLO, options: { seed: 7, top_p: 0.5 } },
    },
    {
      path: '/chat',
      body: { message: 'LLMOps가 뭐야?', user_id: 'u-1' },
      input: { task: 'chat_message', message: 'LLMOps가 뭐야?', prompt_version: 'v1', options: {} },
    },
    {
      path: '/chat',
      body: { prompt: 'Explain RAG.' },
      input: { task: 'chat_prompt', prompt: 'Explain RAG.', options: {} },
    },
  ])('at $path is what its caller sent: $input.task', async ({ path, body, input }) => {
    expect((await logged(await startService(), path, body)).input).toEqual(input);
  });

  it.each([
    { path: V1_CHAT, body: { ...HELLO, temperature: 0.3 }, input: { task: 'v1_chat' } },
    {
      path: V1_CHAT,
      body: { ...HELLO, metadata: { batch: '7' }, store: false },
      input: { task: 'v1_chat', metadata: { batch: '7' }, store: false },
    },
    { path: COMPLETIONS, body: { prompt: 'Hello <|im_end|>' }, input: { task: 'v1_completions' } },
    { path: EMBEDDINGS, body: { input: ['a', 'b'] }, input: { task: 'v1_embeddings' } },
  ])('at $path is only what differs from the request: $input', async ({ path, body, input }) => {
    expect((await logged(await startService(), path, body)).input).toEqual(input);
  });

  it.each([
    { what: 'chat marks', content: 'Hi <|im_end|> there' },
    { what: 'parts', content: [{ type: 'text', text: 'Hi' }] },
  ])('at /v1 has messages as they were sent where $what were changed', async ({ content }) => {
    const messages = [{ role: 'user', content }];
    const call = await logged(await startService(), V1_CHAT, { messages });
    expect(call.input).toEqual({ task: 'v1_chat', messages });
    expect(call.request).not.toMatchObject({ messages });
  });

  it('at /v1 has functions as they were sent where chat marks were changed', async () => {
    const tools = [{ type: 'function', function: { name: 'f', description: 'Ends a turn: <|im_end|>' } }];
    const call = await logged(await startService(), V1_CHAT, { ...HELLO, tools });
    expect(call.input).toEqual({ task: 'v1_chat', tools });
    expect(call.request).not.toMatchObject({ tools });
  });

  it('has the fields that a stream was asked for', async () => {
    const service = await startService();
    const { headers } = await readStream(service, '/api/feedback', {
      ...QUESTION,
      stream_fields: ['/score'],
    });
    const { body } = await service.get<CallDto>(`/api/calls/${String(headers['x-call-id'])}`);
    expect(body.input).toMatchObject({ options: { stream_fields: ['/score'] } });
  });

  it.each([
    { path: '/api/feedback', body: { ...QUESTION, user_prompt: 'I am Kim.' } },
    { path: '/api/chat/completions', body: { messages: [{ role: 'user', content: 'I am Kim.' }] } },
    { path: '/chat', body: { message: 'I am Kim.' } },
    { path: '/chat', body: { prompt: 'I am Kim.' } },
    { path: V1_CHAT, body: { messages: [{ role: 'user', content: 'I am Kim.' }] } },
    { path: V1_CHAT, body: { messages: [{ role: 'user', content: [{ type: 'text', text: 'I am Kim.' }] }] } },
    { path: COMPLETIONS, body: { prompt: ['I am Kim.', 'Kim?'] } },
    { path: EMBEDDINGS, body: { input: 'I am Kim.' } },
  ])('at $path holds nothing that a stage has masked', async ({ path, body }) => {
    const service = await startService();
    useStages(service, {
      name: 'masks the question',
      before: (call) => {
        call.question = call.question.rewrite((text) => text.replaceAll('Kim', '[NAME]'));
        return undefined;
      },
    });
    const call = await logged(service, path, body);
    expect(JSON.stringify(call)).not.toContain('Kim');
    expect(JSON.stringify(call)).toContain('[NAME]');
  });

  it('is absent under LOG_CONTENT=none', async () => {
    const service = await startService({ logContent: 'none' });
    expect(await logged(service, '/api/feedback', QUESTION)).toMatchObject({ input: null, question: null });
  });
});

describe('what an answer decides', () => {
  it.each([
    { path: '/api/feedback', decided: { score: 7, is_passed: true, action: null } },
    { path: '/api/interview/step', decided: { score: null, is_passed: null, action: 'FOLLOW_UP' } },
    { path: '/api/report', decided: { score: 70, is_passed: null, action: null } },
  ] as const)('is in columns of the log, without its texts too: $path', async ({ path, decided }) => {
    const service = await startService({ logContent: 'none' });
    service.stub.script(asReply(path));
    expect(await logged(service, path, QUESTION)).toMatchObject({ ...decided, reply: null });
  });

  it('is null for a chat', async () => {
    const call = await logged(await startService(), '/api/chat/completions', HELLO);
    expect(call).toMatchObject({ score: null, is_passed: null, action: null });
  });

  it('is known also where the caller’s stream leaves it out', async () => {
    const service = await startService();
    service.stub.script(asReply('/api/feedback'));
    const { headers } = await readStream(service, '/api/feedback', {
      ...QUESTION,
      stream_fields: ['/feedback'],
    });
    const { body } = await service.get<CallDto>(`/api/calls/${String(headers['x-call-id'])}`);
    expect(body).toMatchObject({ score: 7, is_passed: true });
  });
});

describe('the hash of a system prompt', () => {
  it('tells callers’ prompts apart which have one contract', async () => {
    const service = await startService();
    const strict = await logged(service, '/api/feedback', { ...QUESTION, system_prompt: 'Be strict.' });
    const lenient = await logged(service, '/api/feedback', { ...QUESTION, system_prompt: 'Be lenient.' });
    expect(strict.prompt_hash).toBe(lenient.prompt_hash);
    expect(strict.system_prompt_hash).not.toBe(lenient.system_prompt_hash);
    expect(strict.system_prompt_hash).toMatch(/^[\da-f]{12}$/);
  });

  it.each(['/api/chat/completions', V1_CHAT])('is that of the system messages at %s', async (path) => {
    const service = await startService();
    const messages = [{ role: 'system', content: 'Be strict.' }, ...HELLO.messages];
    const feedback = await logged(service, '/api/feedback', { ...QUESTION, system_prompt: 'Be strict.' });
    expect(await logged(service, path, { messages })).toMatchObject({
      system_prompt_hash: feedback.system_prompt_hash,
    });
  });

  it('is null for a prompt of the service’s own', async () => {
    expect(await logged(await startService(), '/chat', { message: 'Hello' })).toMatchObject({
      system_prompt_hash: null,
      prompt_version: 'v1',
    });
  });
});
