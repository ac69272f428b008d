import { describe, expect, it } from '@jest/globals';
import { expectOpenAiError, openChunks, type ChunkStream } from '../support/openai-wire.js';
import type { Reply } from '../support/service.js';
import { CONTEXT_TOKENS, HOSTILE } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { CHAT, COMPLETIONS, CONVERSATION, PROFILE_FORMAT, VALIDATED } from './questions.js';
import { ContractService } from './service.js';
import { isProfile } from './shapes.js';

/** Calls at once where a model's noise decides. */
const CALLS = 8;

/** A chat whose reply has several words, whatever the dice say. */
const ASKED = { ...CONVERSATION, temperature: 0 };

const PROMPT = { prompt: 'The plan of the query', max_tokens: 12, temperature: 0 };
const LONG_PROMPT = 'word '.repeat(2 * CONTEXT_TOKENS);

const USAGE = {
  prompt_tokens: expect.any(Number),
  completion_tokens: expect.any(Number),
  total_tokens: expect.any(Number),
};

interface Completion {
  readonly choices: readonly {
    readonly message: { readonly content: string };
    readonly finish_reason: string;
  }[];
}

export function describeOpenAi(engines: EngineSlot): void {
  describe('with OpenAI’s own requests', () => {
    it('answers a chat', async () => {
      const { service, model } = await start(engines);

      const { status, headers, body } = await service.post(CHAT, ASKED);

      expect({ status, body }).toEqual({
        status: 200,
        body: expect.objectContaining({
          id: expect.any(String),
          object: 'chat.completion',
          model,
          choices: [expect.objectContaining({ index: 0, finish_reason: 'stop' })],
          usage: expect.objectContaining(USAGE),
        }),
      });
      expect(contentOf(body)).not.toBe('');
      expect(headers).toMatchObject({ 'x-call-id': expect.any(String), 'x-attempts': '1' });
    });

    it('answers with as many choices as are asked for', async () => {
      const { service } = await start(engines);

      const { body } = await service.post(CHAT, { ...CONVERSATION, n: 2 });

      expect(body.choices).toEqual([0, 1].map((index) => expect.objectContaining({ index })));
    });

    it.each([true, false])('streams a chat, with its usage: %s', async (include_usage) => {
      const { service } = await start(engines);

      const stream = await read(service, CHAT, { ...ASKED, stream_options: { include_usage } });

      expect(stream.said()).not.toBe('');
      expect(stream.finish()).toBe('stop');
      expect(stream.chunks.filter(({ choices }) => choices.length === 0)).toEqual(
        include_usage ? [expect.objectContaining({ usage: expect.objectContaining(USAGE) })] : [],
      );
    });

    it('says that max_tokens cut a reply', async () => {
      const { service } = await start(engines);
      const brief = { ...ASKED, max_tokens: 2 };

      const { body } = await service.post(CHAT, brief);

      expect(body).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 2 } });
      expect((await read(service, CHAT, brief)).finish()).toBe('length');
    });

    it.each([{}, VALIDATED])('answers in a schema of the caller’s own, with %p', async (headers) => {
      const { service } = await start(engines);
      const question = { ...CONVERSATION, ...PROFILE_FORMAT };

      const whole = await Promise.all(times(() => service.post(CHAT, question, headers)));
      const streams = await Promise.all(times(() => read(service, CHAT, question, headers)));

      for (const { body } of whole) expect(isProfile(JSON.parse(contentOf(body)))).toBe(true);
      for (const stream of streams) expect(isProfile(JSON.parse(stream.said()))).toBe(true);
    });

    it('goes on with a text, and with several', async () => {
      const { service } = await start(engines);

      const one = await service.post(COMPLETIONS, PROMPT);
      const two = await service.post(COMPLETIONS, { ...PROMPT, prompt: ['The plan', 'The index'] });

      expect(one.body).toMatchObject({
        object: 'text_completion',
        choices: [{ index: 0, text: expect.any(String), finish_reason: expect.any(String) }],
        usage: USAGE,
      });
      expect(two.body.choices).toEqual([0, 1].map((index) => expect.objectContaining({ index })));
    });

    it('goes on with a text, and with several, as a stream', async () => {
      const { service } = await start(engines);

      const one = await read(service, COMPLETIONS, PROMPT);
      const two = await read(service, COMPLETIONS, { ...PROMPT, prompt: ['The plan', 'The index'] });

      expect(one.said()).not.toBe('');
      expect([one.finish(), two.finish(0), two.finish(1)]).toEqual(
        Array(3).fill(expect.stringMatching(/^(stop|length)$/)),
      );
    });

    it('tells of its models', async () => {
      const { service, model } = await start(engines);
      const card = expect.objectContaining({ id: model, object: 'model', max_model_len: CONTEXT_TOKENS });

      expect((await service.get('/v1/models')).body).toEqual({ object: 'list', data: [card] });
      expect((await service.get(`/v1/models/${model}`)).body).toEqual(card);
      expectOpenAiError(await service.get('/v1/models/nobody/nothing'), 'MODEL_NOT_FOUND', {
        as: 'model_not_found',
        param: 'model',
      });
    });

    engines.itWithAll('says that it has nothing that makes vectors', async () => {
      const { service } = await start(engines);

      expectOpenAiError(await service.post('/v1/embeddings', { input: 'A text' }), 'NOT_CONFIGURED');
    });

    it.each([false, true])('says 404 for a model that is not served, streamed: %s', async (stream) => {
      const { service } = await start(engines);
      const model = 'nobody/nothing';

      for (const [path, body] of [
        [CHAT, CONVERSATION],
        [COMPLETIONS, PROMPT],
      ] as const) {
        expectOpenAiError(await service.post(path, { ...body, model, stream }), 'MODEL_NOT_FOUND', {
          as: 'model_not_found',
          param: 'model',
        });
      }
    });

    it.each([false, true])('says 400 for a prompt over the context, streamed: %s', async (stream) => {
      const { service } = await start(engines);
      const messages = [{ role: 'user', content: LONG_PROMPT }];

      for (const [path, body] of [
        [CHAT, { messages }],
        [COMPLETIONS, { prompt: LONG_PROMPT }],
      ] as const) {
        expectOpenAiError(await service.post(path, { ...body, stream }), 'CONTEXT_TOO_LONG', {
          as: 'context_length_exceeded',
          status: 400,
        });
      }
    });
  });
}

export function describeValidatedNoise(engines: EngineSlot): void {
  describe('with OpenAI’s own requests to a model that writes noise', () => {
    it('answers with X-Validate in the caller’s schema, or says that no reply was valid', async () => {
      const service = await ContractService.start(await engines.get(HOSTILE));
      const body = { ...CONVERSATION, ...PROFILE_FORMAT, max_tokens: 160 };

      const calls = [false, true].flatMap((stream) =>
        times(() => service.begin({ path: CHAT, body: { ...body, stream }, headers: VALIDATED })),
      );

      for (const { ended } of calls) {
        const { status, code, text } = await ended;
        if (code === undefined) expect(isProfile(JSON.parse(saidIn(text)))).toBe(true);
        else expect({ status, code }).toEqual({ status: 502, code: 'STRUCTURED_OUTPUT_INVALID' });
      }
    });
  });
}

async function start(engines: EngineSlot): Promise<{ service: ContractService; model: string }> {
  const engine = await engines.get();
  return { service: await ContractService.start(engine), model: engine.model };
}

/** Reads a stream to its end, which must be `[DONE]`. */
async function read(
  service: ContractService,
  path: string,
  body: object,
  headers?: Readonly<Record<string, string>>,
): Promise<ChunkStream> {
  const stream = await openChunks(service, path, body, headers);
  await stream.end();
  expect({ status: stream.status, error: stream.error, isDone: stream.isDone }).toEqual({
    status: 200,
    error: undefined,
    isDone: true,
  });
  return stream;
}

function contentOf(body: Reply['body']): string {
  return (body as unknown as Completion).choices[0]?.message.content ?? '';
}

/** What the model said in a reply, whole or streamed. */
function saidIn(text: string): string {
  const events = text.startsWith('data: ') ? text.match(/^data: \{.*$/gm) : [`data: ${text}`];
  const choices = (events ?? []).map((event) => (JSON.parse(event.slice(6)) as Said).choices[0]);
  return choices.map((choice) => (choice?.delta ?? choice?.message)?.content ?? '').join('');
}

interface Said {
  readonly choices: readonly { readonly delta?: Words; readonly message?: Words }[];
}

interface Words {
  readonly content?: string | null;
}

function times<T>(run: () => T): T[] {
  return Array.from({ length: CALLS }, run);
}
