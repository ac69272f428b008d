import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { ErrorCode } from '../../src/common/errors.js';
import type { LongQuestion } from './questions.js';

/** How a call ended for its caller. */
export interface Ended {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All that came, as it came. */
  readonly text: string;
  /** The error that the reply is, or with which the stream ends; nothing where all is well. */
  readonly code: ErrorCode | undefined;
}

/** A call under way, seen from outside: whole or streamed, ours or OpenAI's. */
export class LongCall {
  /** By this id the call can be cancelled while nothing of its reply is there. */
  readonly requestId = randomUUID();
  /** The headers of the reply, as soon as they are there. */
  readonly head: Promise<IncomingHttpHeaders>;
  /** Resolves when the reply is over; rejects where its connection broke. */
  readonly ended: Promise<Ended>;
  readonly #request: ClientRequest;
  readonly #changes = new EventEmitter();
  #text = '';

  constructor(serviceUrl: string, { path, body, headers }: Pick<LongQuestion, 'path' | 'body' | 'headers'>) {
    this.#request = request(serviceUrl + path, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'x-request-id': this.requestId, ...headers },
    });
    this.#request.end(JSON.stringify(body));
    const response = once(this.#request, 'response').then(([one]) => one as IncomingMessage);
    this.head = response.then(({ headers }) => headers);
    this.ended = response.then((one) => this.#read(one));
    // Whoever waits for them learns of it; a test that leaves waits for something else first.
    this.head.catch(() => undefined);
    this.ended.catch(() => undefined);
  }

  /** Resolves once the caller has heard the first word; rejects where the reply ends without one. */
  async firstWord(): Promise<void> {
    const over = this.ended.then((how) => {
      throw new Error(`It ended without a word: ${JSON.stringify(how)}`);
    });
    over.catch(() => undefined);
    while (!/"(?:text|content)":"[^"]/.test(this.#text)) {
      await Promise.race([once(this.#changes, 'text'), over]);
    }
  }

  /** Closes the connection. */
  leave(): void {
    this.#request.destroy();
  }

  async #read(response: IncomingMessage): Promise<Ended> {
    for await (const piece of response.setEncoding('utf8')) {
      this.#text += piece as string;
      this.#changes.emit('text');
    }
    const { statusCode: status = 0, headers } = response;
    return { status, headers, text: this.#text, code: codeOf(this.#text) };
  }
}

/** The error in the last event of a stream, or in a whole reply, by the catalogue's name. */
function codeOf(text: string): ErrorCode | undefined {
  const last =
    text
      .trimEnd()
      .split('\n')
      .at(-1)
      ?.replace(/^data: /, '') ?? '';
  if (last === '[DONE]') return undefined;
  const { code, error } = JSON.parse(last) as { code?: string; error?: { code: string } };
  return (code ?? error?.code)?.toUpperCase() as ErrorCode | undefined;
}
