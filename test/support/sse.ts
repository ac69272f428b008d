import { EventEmitter, once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { expect } from '@jest/globals';
import { Hearing } from './hearing.js';
import type { TestService } from './service.js';

/** An event as a stream brought it. */
export interface StreamEvent {
  readonly id: number;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The service writes exactly these lines; what another reader would skip is an error here. */
const EVENT = /^id: (\d+)\nevent: ([a-z.]+)\ndata: (\{.*\})$/;
const COMMENT = /^: (.*)$/;

/** A stream under way. It reads on by itself. */
export class OpenStream {
  readonly events: StreamEvent[] = [];
  readonly comments: string[] = [];
  readonly #bytes: Buffer[] = [];
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #rest = '';
  #ended: 'whole' | 'cut' | undefined;
  #fault: Error | undefined;

  constructor(
    readonly path: string,
    private readonly response: IncomingMessage,
  ) {
    response.on('data', (chunk: Buffer) => {
      this.#change(() => {
        this.#bytes.push(chunk);
        this.#read(this.#decoder.decode(chunk, { stream: true }));
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

  /** All that came, as text. */
  get text(): string {
    return Buffer.concat(this.#bytes).toString();
  }

  /** Waits until there is what is looked for. */
  async until<T>(find: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find();
      if (this.#fault) throw this.#fault;
      if (found !== undefined && found !== false) return found;
      if (this.#ended) {
        throw new Error(`The stream has ended (${this.#ended}): ${JSON.stringify(this.events)}`);
      }
      await once(this.#changes, 'change');
    }
  }

  /** Waits for the first event of this name. */
  event(name: string): Promise<StreamEvent> {
    return this.until(() => this.events.find((event) => event.name === name));
  }

  /** Waits for the end, and says whether the stream was ended or cut. */
  end(): Promise<'whole' | 'cut'> {
    return this.until(() => this.#ended);
  }

  /** Closes the connection. */
  leave(): void {
    this.response.destroy();
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
      const [, comment] = COMMENT.exec(block) ?? [];
      const [, id, name, data] = EVENT.exec(block) ?? [];
      if (comment !== undefined) this.comments.push(comment);
      else if (name !== undefined && data !== undefined) {
        this.events.push({ id: Number(id), name, data: JSON.parse(data) as StreamEvent['data'] });
      } else throw new Error(`No event: ${JSON.stringify(block)}`);
    }
  }
}

/** Sends a question whose answer comes as a stream, where it asks for one. */
export async function openStream(
  { url }: Pick<TestService, 'url'>,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<OpenStream> {
  const asked = request(url + path, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  asked.end(JSON.stringify(body));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return new OpenStream(path, response);
}

/** Asks for a stream and reads it to its end. */
export async function readStream(
  service: Pick<TestService, 'url'>,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<OpenStream> {
  const stream = await openStream(service, path, { stream: true, ...body }, headers);
  expect(await stream.end()).toBe('whole');
  expectSound(stream);
  return stream;
}

/** The field that a route's stream never takes back once it has begun. */
const SPOKEN: Readonly<Record<string, string>> = { '/api/interview/step': 'message' };

/** Checks what every stream promises. @returns its last event */
export function expectSound({ events, path }: OpenStream): StreamEvent {
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  const [last, ...more] = events.filter(({ name }) => name === 'result' || name === 'error');
  if (!last || more.length > 0) throw new Error(`No single end in ${JSON.stringify(events)}`);
  expect(events.at(-1)).toBe(last);
  const heard = hear(events, SPOKEN[path]);
  if (last.name === 'result') {
    const { reply } = last.data as { reply: Record<string, unknown> };
    if (path === '/api/chat/completions') expect(heard.text('content')).toBe(reply.content);
    else heard.expectAll(reply);
  }
  return last;
}

/** What a caller knows after these events. */
export function hear(events: readonly StreamEvent[], spoken?: string): Hearing {
  const heard = new Hearing(spoken);
  for (const { name, data } of events) {
    if (name === 'delta') heard.delta('/content', data.text as string);
    else if (name === 'field.delta') heard.delta(data.path as string, data.text as string);
    else if (name === 'field.done') heard.done(data.path as string, data.value);
    else if (name === 'reset') heard.reset(data.reason as string);
  }
  return heard;
}
