import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { loadSettings } from '../src/config/load-settings.js';
import type { Settings } from '../src/config/settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { MODEL, nextCall } from './support/openai-wire.js';
import { requirePython, withPython } from './support/python.js';
import { startService, type TestService } from './support/service.js';
import { firstOnWire, wire } from './support/wire.js';

/** One call, as the script takes it. */
interface Call {
  readonly path: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly key?: string;
  readonly retries?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces after which a stream is left. */
  readonly limit?: number;
}

/** What came of a call. */
interface Outcome<T> {
  readonly reply: T;
  readonly request_id: string;
  readonly pieces: readonly Piece[];
  readonly error: {
    readonly class: string;
    readonly code: string;
    readonly param: string | null;
    readonly status_code: number | null;
    readonly request_id: string | null;
    readonly body: unknown;
    readonly message: string;
  } | null;
}

interface Piece {
  readonly choices: readonly {
    readonly delta: { readonly content: string | null };
    readonly text?: string;
  }[];
  readonly usage: object | null;
}

interface Reply {
  readonly choices: readonly {
    readonly text: string;
    readonly finish_reason: string;
    readonly message: { readonly content: string; readonly parsed: unknown; readonly tool_calls: unknown };
  }[];
  readonly usage: { readonly completion_tokens: number };
}

/** The client, in a process of its own that lives as long as this file's tests. */
class PythonClient {
  readonly #answers: Interface;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Refused with what the process said when it ended. */
  readonly #over: Promise<never>;

  constructor(path: string) {
    // Without the shell's variables: of these the package would take a proxy, a key, an address.
    this.#child = spawn(path, ['test/support/openai_client.py'], { env: {} });
    this.#answers = createInterface(this.#child.stdout);
    const said = text(this.#child.stderr);
    this.#over = new Promise<never>((_, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', () => {
        void said.then((words) => {
          reject(new Error(`The client for Python has ended: ${words}`));
        });
      });
    });
    this.#over.catch(() => undefined);
  }

  async call<T = Reply>({ url }: TestService, call: Call): Promise<Outcome<T>> {
    this.#child.stdin.write(`${JSON.stringify({ url: `${url}/v1`, ...call })}\n`);
    const [line] = (await Promise.race([once(this.#answers, 'line'), this.#over])) as [string];
    return JSON.parse(line) as Outcome<T>;
  }

  end(): void {
    this.#child.kill();
  }
}

const messages = [{ role: 'user', content: 'Hello!' }];
const QUESTION = { model: MODEL, messages };
const CHAT = 'chat.completions.create';
const PARSE = 'chat.completions.parse';
const SENTENCE = 'A slow query? I read its plan first.';
const REPLY: Fault = { kind: 'reply', content: SENTENCE };
const GOOD: Fault = { kind: 'reply', content: '{"word":"sound","score":7}' };
const BAD: Fault = { kind: 'reply', content: '{"word":"sound and thorough","score":7}' };

const said = (pieces: readonly Piece[]): string =>
  pieces.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

withPython('the openai client for Python (skipped where there is none, but never in CI)', () => {
  let client: PythonClient;

  beforeAll(() => {
    client = new PythonClient(requirePython());
  });

  afterAll(() => {
    (client as PythonClient | undefined)?.end();
  });

  it('has a reply, and the id of the request', async () => {
    const service = await startService();
    service.stub.script(REPLY);

    const { reply, request_id } = await client.call(service, {
      path: CHAT,
      arguments: { ...QUESTION, extra_headers: { 'X-Request-Id': 'chat-1' } },
    });

    expect(reply.choices).toMatchObject([{ message: { content: SENTENCE }, finish_reason: 'stop' }]);
    expect(request_id).toBe('chat-1');
  });

  it('has several replies, stop texts, a seed, probabilities and the fields of the engines', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: 'One. Two.' });
    const extra_body = { top_k: 20, chat_template_kwargs: { enable_thinking: false } };
    const fields = { n: 2, stop: ['Two'], seed: 7, logprobs: true, top_logprobs: 1 };

    const { reply } = await client.call(service, {
      path: CHAT,
      arguments: { ...QUESTION, ...fields, extra_body },
    });

    expect(reply.choices.map(({ message }) => message.content)).toEqual(['One. ', 'One. ']);
    expect(reply.choices[0]).toMatchObject({ logprobs: { content: [{ token: 'One.' }, {}] } });
    expect(firstOnWire(service.stub)).toMatchObject({ ...fields, ...extra_body });
  });

  it('streams, and tells the usage only where that is asked for', async () => {
    const service = await startService();
    service.stub.script(REPLY, REPLY);
    const question = { ...QUESTION, stream: true };

    const plain = await client.call(service, { path: CHAT, arguments: question });
    const counted = await client.call(service, {
      path: CHAT,
      arguments: { ...question, stream_options: { include_usage: true } },
    });

    expect([said(plain.pieces), said(counted.pieces)]).toEqual([SENTENCE, SENTENCE]);
    expect(plain.pieces.filter(({ usage }) => usage)).toEqual([]);
    expect(counted.pieces.filter(({ usage }) => usage)).toEqual([counted.pieces.at(-1)]);
  });

  it.each(['whole', 'streamed'])('calls functions: %s', async (how) => {
    const service = await startService();
    service.stub.script({ kind: 'reply', toolCalls: [{ name: 'look_up', arguments: '{"word":"index"}' }] });
    const tools = [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }];

    const { reply } = await client.call(service, {
      path: how === 'whole' ? CHAT : 'chat.completions.stream',
      arguments: { ...QUESTION, tools, tool_choice: 'required' },
    });

    expect(reply.choices).toMatchObject([
      {
        finish_reason: 'tool_calls',
        message: { tool_calls: [{ function: { name: 'look_up', arguments: '{"word":"index"}' } }] },
      },
    ]);
  });

  it.each([PARSE, 'chat.completions.stream'])('parses a reply into a class of pydantic: %s', async (path) => {
    const service = await startService();
    service.stub.script(GOOD);

    const { reply } = await client.call(service, {
      path,
      arguments: { ...QUESTION, response_format: 'Verdict' },
    });

    expect(reply.choices[0]?.message.parsed).toEqual({ word: 'sound', score: 7 });
    expect(firstOnWire(service.stub).response_format).toMatchObject({
      json_schema: { name: 'Verdict', strict: true },
    });
  });

  it('parses a reply that was checked, bounds of texts and all', async () => {
    const service = await startService();
    service.stub.script(BAD, GOOD);

    const { reply } = await client.call(service, {
      path: PARSE,
      arguments: { ...QUESTION, response_format: 'Verdict' },
      headers: { 'X-Validate': 'true' },
    });

    expect(reply.choices[0]?.message.parsed).toEqual({ word: 'sound', score: 7 });
    expect(wire(service.stub)).toHaveLength(2);
  });

  it('completes a text, several, and as a stream', async () => {
    const service = await startService();
    const texts: Fault = { kind: 'reply', choices: [{ content: ' one' }, { content: ' two' }] };
    service.stub.script(texts, texts);
    const path = 'completions.create';

    const two = await client.call(service, { path, arguments: { model: MODEL, prompt: ['a', 'b'] } });
    const stream = await client.call(service, {
      path,
      arguments: { model: MODEL, prompt: 'a', stream: true },
    });

    expect(two.reply.choices.map(({ text }) => text)).toEqual([' one', ' two']);
    expect(stream.pieces.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe(' one');
  });

  it('embeds texts, in base64 unseen', async () => {
    const service = await startService();
    const question = { model: MODEL, input: ['Hello', 'you'], dimensions: 32 };
    const path = 'embeddings.create';

    interface Vectors {
      readonly data: readonly { readonly embedding: readonly number[] }[];
    }
    const packed = await client.call<Vectors>(service, { path, arguments: question });
    const plain = await client.call<Vectors>(service, {
      path,
      arguments: { ...question, encoding_format: 'float' },
    });

    expect(wire(service.stub).map((body) => body.encoding_format)).toEqual(['base64', 'float']);
    expect(packed.reply.data.map(({ embedding }) => embedding.length)).toEqual([32, 32]);
    expect(packed.reply.data.map(({ embedding }) => embedding)).toEqual(
      plain.reply.data.map(({ embedding }) => embedding),
    );
  });

  it('lists the models, and describes one with a slash in its name', async () => {
    const service = await startService();

    const { reply: list } = await client.call<{ id: string }[]>(service, {
      path: 'models.list',
      arguments: {},
    });
    const { reply } = await client.call<{ id: string }>(service, {
      path: 'models.retrieve',
      arguments: { model: MODEL },
    });

    expect(list.map(({ id }) => id)).toEqual([MODEL]);
    expect(reply).toMatchObject({ id: MODEL, owned_by: 'stub' });
  });

  const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:app-secret,ops:read:ops-secret' }).settings;
  const status = (code: number): Fault => ({ kind: 'status', status: code });

  it.each<{
    what: string;
    type: string;
    code: string;
    param?: string;
    fields?: object;
    key?: string;
    settings?: Partial<Settings>;
    script?: Fault[];
  }>([
    {
      what: 'a wrong field',
      fields: { temperature: 3 },
      type: 'BadRequestError',
      code: 'validation_failed',
      param: 'temperature',
    },
    {
      what: 'a prompt that is too long',
      fields: { messages: [{ role: 'user', content: 'word '.repeat(200) }] },
      type: 'BadRequestError',
      code: 'context_length_exceeded',
    },
    { what: 'a wrong key', settings: { apiKeys }, type: 'AuthenticationError', code: 'invalid_api_key' },
    {
      what: 'a key that may not ask',
      settings: { apiKeys },
      key: 'ops-secret',
      type: 'PermissionDeniedError',
      code: 'forbidden',
    },
    {
      what: 'a model that is not served',
      settings: { engine: 'sglang', modelName: MODEL },
      fields: { model: 'gpt-4o' },
      type: 'NotFoundError',
      code: 'model_not_found',
      param: 'model',
    },
    {
      what: 'an engine that fails',
      script: [status(500), status(500)],
      type: 'InternalServerError',
      code: 'engine_error',
    },
    {
      what: 'a stream that never began',
      fields: { stream: true },
      script: [{ kind: 'engine-error', code: 400 }],
      type: 'InternalServerError',
      code: 'engine_rejected',
    },
  ])(
    'has a class and a code for $what',
    async ({ settings, key = 'none', script = [], fields, ...expected }) => {
      const service = await startService(settings, { contextLength: 200 });
      service.stub.script(...script);

      const { error } = await client.call(service, {
        path: CHAT,
        arguments: { ...QUESTION, ...fields },
        key,
      });

      expect(error).toMatchObject({
        class: expected.type,
        code: expected.code,
        param: expected.param ?? null,
        request_id: expect.stringMatching(/^[\w.:-]+$/),
      });
    },
  );

  it('raises an error in the middle of a stream', async () => {
    const service = await startService();
    service.stub.script({ ...REPLY, kind: 'hang-up', after: 'half', tokenDelayMs: 1 });

    const { pieces, error } = await client.call(service, {
      path: CHAT,
      arguments: { ...QUESTION, stream: true },
    });

    expect(said(pieces)).not.toBe('');
    expect(error).toMatchObject({ class: 'APIError', code: 'engine_connection_lost' });
  });

  it('asks again when the engine is busy, and not when it refused', async () => {
    const service = await startService();
    const busy: Fault = { kind: 'status', status: 503, headers: { 'retry-after': '0' } };
    service.stub.script(busy, busy, REPLY, status(400), REPLY);

    const busyFirst = await client.call(service, { path: CHAT, arguments: QUESTION, retries: 2 });
    const refused = await client.call(service, { path: CHAT, arguments: QUESTION, retries: 2 });

    expect(busyFirst.reply.choices[0]?.message.content).toBe(SENTENCE);
    expect(refused.error?.code).toBe('engine_rejected');
    expect(service.stub.requests).toHaveLength(4);
  });

  it('ends the engine’s work where it leaves a stream', async () => {
    const service = await startService();
    const ended = nextCall(service);
    service.stub.script({ ...REPLY, kind: 'stall', after: 'half' });

    await client.call(service, { path: CHAT, arguments: { ...QUESTION, stream: true }, limit: 3 });

    expect((await ended).outcome).toBe('cancelled');
    await service.stub.waitFor(() => service.stub.running === 0);
  });
});
