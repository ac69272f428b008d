import type { IncomingHttpHeaders } from 'node:http';
import { VERSION } from '../../common/version.js';
import { CallFailed } from './call-failed.js';
import { after, type Retry, waitAfter } from './retry.js';
import { readError, refusal } from './server-error.js';
import { quoted } from './server-words.js';
import { Wire } from './wire.js';
import type { StreamedAnswer, WholeAnswer, WireHead, WireRequest } from './wire-answer.js';

/** Which server is asked, and how patiently; nothing is left out. */
export interface ServerSettings {
  /** Without a slash at its end. */
  readonly root: string;
  readonly apiKey: string | undefined;
  /** Milliseconds for a whole answer, for a stream's head, and between two of its pieces. */
  readonly timeoutMs: number;
  readonly connections: number;
  /** How often a call is sent again. */
  readonly retries: number;
  readonly onRetry: (retry: Retry) => void;
}

/** What is asked, and how. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Behind the root; begins with a slash. */
  readonly path: string;
  /** JSON. */
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Left out, as often as the settings say. */
  readonly retries?: number;
}

/** A server's JSON, and what was measured of it. */
export interface JsonAnswer {
  readonly json: unknown;
  readonly headers: IncomingHttpHeaders;
  readonly attempts: number;
}

/** What a path answers, whatever that is. */
export interface Look {
  readonly status: number;
  /** Undefined where it is no JSON. */
  readonly json: unknown;
}

const JSON_ONLY = 'application/json, application/problem+json';
const EVENTS = 'text/event-stream';

/** A server: its address, its key, its connections, and what it is given the benefit of. */
export class Server {
  readonly root: string;
  readonly #wire: Wire;
  /** Path of the root, before every other. */
  readonly #prefix: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(private readonly settings: ServerSettings) {
    this.root = settings.root;
    this.#wire = new Wire(settings.root, settings.timeoutMs, settings.connections);
    this.#prefix = new URL(settings.root).pathname.replace(/\/$/, '');
    this.#headers = {
      accept: JSON_ONLY,
      'content-type': 'application/json',
      'user-agent': `llm-service-client/${VERSION}`,
      ...(settings.apiKey && { authorization: `Bearer ${settings.apiKey}` }),
    };
  }

  /**
   * Asks for JSON.
   * @throws CallFailed
   */
  async ask(call: Call): Promise<JsonAnswer> {
    const request = this.#request(call, this.#headers);
    for (let left = this.#retriesOf(call); ; left--) {
      try {
        const answer = await this.#wire.send(request, call.signal);
        return { json: this.#read(answer, call.path), headers: answer.headers, attempts: request.sent };
      } catch (error) {
        await this.#waitAfter(error, request, left, call.signal);
      }
    }
  }

  /**
   * Looks once what a path answers, whatever its status; what is no JSON is undefined.
   * @throws CallFailed where nothing answers
   */
  async look(path: string, signal?: AbortSignal): Promise<Look> {
    const request = this.#request({ method: 'GET', path }, this.#headers);
    const { status, body } = await this.#wire.send(request, signal);
    return { status, json: jsonOrNothing(body.toString()) };
  }

  /**
   * Asks for a body of any length and gives it as it comes. Nothing is sent again once it has begun.
   * @throws CallFailed
   */
  async open(call: Call): Promise<StreamedAnswer> {
    const request = this.#streamRequest(call);
    for (let left = this.#retriesOf(call); ; left--) {
      try {
        return await this.#openOnce(request, call);
      } catch (error) {
        await this.#waitAfter(error, request, left, call.signal);
      }
    }
  }

  /**
   * Asks for server-sent events and reads them. As long as nothing was read, a failure that passes is waited out, one
   * that comes as the first event too.
   * @throws CallFailed
   */
  async *stream<T>(
    call: Call,
    read: (answer: StreamedAnswer) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const request = this.#streamRequest(call, EVENTS);
    for (let left = this.#retriesOf(call); ; left--) {
      let hasBegun = false;
      try {
        for await (const piece of read(await this.#openOnce(request, call, EVENTS))) {
          hasBegun = true;
          yield piece;
        }
        return;
      } catch (error) {
        await this.#waitAfter(error, request, hasBegun ? 0 : left, call.signal);
      }
    }
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #retriesOf({ retries = this.settings.retries }: Call): number {
    return retries;
  }

  /**
   * Waits until the call may be sent again; throws what failed where it may not.
   * @param left how often it still may be
   */
  async #waitAfter(
    error: unknown,
    { sent }: WireRequest,
    left: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!(error instanceof CallFailed)) throw error;
    if (!error.facts.passing || left <= 0) throw after(error, sent);
    await waitAfter(error, sent, this.settings.onRetry, signal);
  }

  /** @throws CallFailed where the answer is an error, or no JSON */
  #read(answer: WholeAnswer, path: string): unknown {
    const { status } = answer;
    if (status === 204) return undefined;
    const json = this.#jsonOf(answer, path);
    if (status >= 200 && status < 300) return json;
    throw this.#refusal(json, answer, path);
  }

  async #openOnce(request: WireRequest, call: Call, type?: string): Promise<StreamedAnswer> {
    const answer = await this.#wire.open(request, call.signal);
    const { status } = answer;
    if (status === 200 && (type === undefined || isOfType(answer, type))) return answer;
    const whole = { status, headers: answer.headers, body: await answer.whole() };
    const json = this.#jsonOf(whole, call.path);
    if (status !== 200) throw this.#refusal(json, answer, call.path);
    throw new CallFailed(
      'not_understood',
      `${this.root}${call.path} answered as a whole where a stream was asked for: is it LLM Service or a server with OpenAI’s API?`,
    );
  }

  #streamRequest(call: Call, type = '*/*'): WireRequest {
    return this.#request(call, { ...this.#headers, accept: `${type}, ${JSON_ONLY}` });
  }

  #request({ method, path, body }: Call, headers: Readonly<Record<string, string>>): WireRequest {
    return { method, path: this.#prefix + path, headers, body, sent: 0 };
  }

  #refusal(json: unknown, { status, headers }: WireHead, path: string): CallFailed {
    const error = readError(json, status, headers);
    // One that knows the route says what is missing: a model, a call.
    const hasNoRoute = (status === 404 || status === 405) && error.code === undefined;
    return hasNoRoute ? noRoute(this.root, path, status) : refusal(error, this.root);
  }

  /** @throws CallFailed where it is no JSON */
  #jsonOf(answer: WholeAnswer, path: string): unknown {
    const text = answer.body.toString();
    const json = jsonOrNothing(text);
    if (json === undefined) throw noJson(answer, text, this.root, path);
    return json;
  }
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isOfType({ headers }: WireHead, type: string): boolean {
  return headers['content-type']?.startsWith(type) ?? false;
}

/** What is said of an answer that is no JSON: a redirect, a page of a proxy, or anything else. */
function noJson({ status, headers }: WholeAnswer, text: string, root: string, path: string): CallFailed {
  const where = root + path;
  if (status >= 300 && status < 400 && headers.location)
    return new CallFailed(
      'not_understood',
      `${where} moved to ${quoted(headers.location)}: give that address with --url.`,
      { status },
    );
  if (status === 404 || status === 405) return noRoute(root, path, status);
  const isPage = text.trimStart().startsWith('<');
  if (status >= 500 || status === 429 || status === 401 || status === 403) {
    const words = isPage ? titleOf(text) : text;
    return refusal(readError(words || 'no reason given', status, headers), root);
  }
  const what = isPage ? 'a web page' : text.trim() === '' ? 'nothing' : `“${quoted(text.slice(0, 80))}”`;
  return new CallFailed(
    'not_understood',
    `${where} answered with ${what} (status ${status}), not with JSON: is this the address of LLM Service or of a server with OpenAI’s API?`,
    { status },
  );
}

function noRoute(root: string, path: string, status: number): CallFailed {
  const what = path.startsWith('/v1/')
    ? 'is this the address of LLM Service or of a server with OpenAI’s API?'
    : 'this needs LLM Service, and something else answers there.';
  return new CallFailed('refused', `${root} has no ${path.split('?')[0]} (status ${status}): ${what}`, {
    status,
  });
}

function titleOf(page: string): string {
  return /<title>([^<]*)<\/title>/i.exec(page)?.[1] ?? 'a web page';
}
