import { EventEmitter, once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { expect } from '@jest/globals';
import { CallEvents } from '../../src/calls/call-events.js';
import type { CallRecord } from '../../src/calls/call-record.js';
import { ERRORS, type ErrorCode } from '../../src/common/errors.js';
import type { OpenAiError } from '../../src/common/openai-error.js';
import type { Reply, TestService } from './service.js';

export const CHAT = '/v1/chat/completions';
export const COMPLETIONS = '/v1/completions';
export const EMBEDDINGS = '/v1/embeddings';

export const HELLO = { messages: [{ role: 'user', content: 'Hello!' }] };

/** The name under which the stub of these tests serves its model. */
export const MODEL = 'Qwen/Qwen3-32B-stub';

/** What a whole reply says. */
export interface Completion {
  readonly id: string;
  readonly object: string;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message: { readonly content: string | null; readonly tool_calls?: readonly ToolCall[] };
    readonly text?: string;
    readonly finish_reason: string;
    readonly logprobs: { readonly content: readonly { readonly token: string }[] } | null;
  }[];
  readonly usage: { readonly completion_tokens: number };
}

interface ToolCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One event of a stream, parsed. */
export interface Chunk extends Partial<OpenAiError> {
  readonly choices: readonly {
    readonly index: number;
    readonly delta?: {
      readonly content?: string | null;
      readonly reasoning_content?: string | null;
      readonly tool_calls?: readonly { readonly index: number; readonly function: { arguments?: string } }[];
    };
    readonly text?: string;
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** A stream of OpenAI's API under way. It reads on by itself, and takes nothing but what that API sends. */
export class ChunkStream {
  readonly chunks: Chunk[] = [];
  readonly comments: string[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #rest = '';
  #isDone = false;
  #ended: 'whole' | 'cut' | undefined;
  #fault: Error | undefined;

  constructor(private readonly response: IncomingMessage) {
    response.on('data', (bytes: Buffer) => {
      this.#change(() => {
        this.#read(this.#decoder.decode(bytes, { stream: true }));
      });
    });
    response.on('end', () => {
      this.#change(() => {
        this.#ended = 'whole';
        if (this.#rest !== '') throw new Error(`The stream ends within ${JSON.stringify(this.#rest)}`);
      });
    });
    response.on('close', () => {
      this.#change(() => {
        this.#ended ??= 'cut';
      });
    });
    // A cut is told by `close`.
    response.on('error', () => undefined);
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  /** Whether `[DONE]` came. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The error that a stream ends with, where it does. */
  get error(): OpenAiError['error'] | undefined {
    return this.chunks.at(-1)?.error;
  }

  /** All that was said in the choice with this index, of a chat or of a text completion. */
  said(index = 0): string {
    return this.#choices(index)
      .map(({ delta, text }) => delta?.content ?? text ?? '')
      .join('');
  }

  /** The arguments of the first tool call. */
  arguments(): string {
    return this.#choices(0)
      .map(({ delta }) => delta?.tool_calls?.[0]?.function.arguments ?? '')
      .join('');
  }

  /** Why the choice with this index ended. */
  finish(index = 0): string | undefined {
    return this.#choices(index).find((choice) => choice.finish_reason)?.finish_reason ?? undefined;
  }

  /** Waits until the condition holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#fault) throw this.#fault;
      if (this.#ended)
        throw new Error(`The stream has ended (${this.#ended}): ${JSON.stringify(this.chunks)}`);
      await once(this.#changes, 'change');
    }
    if (this.#fault) throw this.#fault;
  }

  /** Waits for the end, and says whether the stream was ended or cut. */
  async end(): Promise<'whole' | 'cut'> {
    await this.until(() => this.#ended !== undefined);
    return this.#ended ?? 'cut';
  }

  /** Closes the connection. */
  leave(): void {
    this.response.destroy();
  }

  #choices(index: number): Chunk['choices'] {
    return this.chunks.flatMap(({ choices = [] }) => choices).filter((choice) => choice.index === index);
  }

  #change(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#fault ??= error as Error;
    }
    this.#changes.emit('change');
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, comment] = /^: (.*)$/.exec(block) ?? [];
      const [, data] = /^data: (.*)$/.exec(block) ?? [];
      if (this.#isDone) throw new Error(`Something follows [DONE]: ${block}`);
      if (comment !== undefined) this.comments.push(comment);
      else if (data === '[DONE]') this.#isDone = true;
      else if (data !== undefined) this.chunks.push(JSON.parse(data) as Chunk);
      else throw new Error(`No event: ${JSON.stringify(block)}`);
    }
  }
}

/** Asks for a stream. */
export async function openChunks(
  { url }: Pick<TestService, 'url'>,
  path: string,
  body: object = HELLO,
  headers: Record<string, string> = {},
): Promise<ChunkStream> {
  const asked = request(url + path, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  asked.end(JSON.stringify({ ...body, stream: true }));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return new ChunkStream(response);
}

/** Asks for a stream and reads it to its end, which is in order: `[DONE]` or an error, never both or neither. */
export async function readChunks(
  service: Pick<TestService, 'url'>,
  path: string,
  body: object = HELLO,
  headers: Record<string, string> = {},
): Promise<ChunkStream> {
  const stream = await openChunks(service, path, body, headers);
  expect(await stream.end()).toBe('whole');
  expect(stream.status).toBe(200);
  expect(stream.isDone).toBe(stream.error === undefined);
  expect(stream.chunks.slice(0, -1).filter(({ error }) => error)).toEqual([]);
  return stream;
}

/** Checks that a reply is this error of the catalogue in OpenAI's shape, and returns its message. */
export function expectOpenAiError(
  { status, headers, body }: Pick<Reply<unknown>, 'status' | 'headers' | 'body'>,
  code: ErrorCode,
  {
    as = code.toLowerCase(),
    param = null,
    type,
    ...expected
  }: { as?: string; status?: number; param?: string | null; type?: string } = {},
): string {
  const { title, remedy, status: usual } = ERRORS[code];
  const { status: wanted = usual } = expected;
  expect({ status, type: headers['content-type'], body }).toEqual({
    status: wanted,
    type: 'application/json; charset=utf-8',
    body: {
      error: {
        message: expect.any(String),
        type: type ?? (wanted >= 500 ? 'server_error' : 'invalid_request_error'),
        param,
        code: as,
      },
    },
  });
  const { message } = (body as OpenAiError).error;
  expect(message.startsWith(`${title}. `)).toBe(true);
  expect(message.endsWith(` ${remedy}`)).toBe(true);
  return message;
}

/** What is known of the next call that ends. */
export function nextCall({ app }: Pick<TestService, 'app'>): Promise<CallRecord> {
  return once(app.get(CallEvents), 'end').then(([record]) => record as CallRecord);
}
