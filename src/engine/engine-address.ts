import type { Pool } from 'undici';
import { namesVersion } from '../common/api-path.js';
import type { Dialect } from './dialects/dialect.js';
import type { RelayPath } from './engine-request.js';
import type { ReplyGuard } from './reply-guard.js';
import {
  openPool,
  type PoolOptions,
  post,
  type WaitingLine,
  wireHeaders,
  wireProblem,
  type WireReply,
} from './wire.js';

/** Whether an engine takes calls, by the last thing that was seen of it. */
export type AddressState = 'unknown' | 'up' | 'down';

/** Milliseconds that a health check may take. */
const CHECK_TIMEOUT_MS = 3000;

/** Milliseconds that an engine may take to end a request; a frozen one never answers. */
const ABORT_TIMEOUT_MS = 2000;

/** Connections for looking at the engine and for ending requests: calls that take all others must not stand before these. */
const CHECK_CONNECTIONS = 1;
const ABORT_CONNECTIONS = 8;

/** Bytes of a list of models that are read at the most. */
const MAX_LIST_BYTES = 1_048_576;

interface ModelCard {
  readonly id?: unknown;
  readonly max_model_len?: unknown;
}

/** One engine: its connections, its state, and what it says of itself. */
export class EngineAddress {
  state: AddressState = 'unknown';
  /** Why it is down, by the last check. */
  problem: string | undefined;
  /** Names that the engine serves its models under; empty while unknown. */
  models: readonly string[] = [];
  /** Tokens of the context by the engine's own word. */
  contextTokens: number | undefined;
  readonly #pool: Pool;
  readonly #checkPool: Pool;
  readonly #abortPool: Pool;
  readonly #line: WaitingLine = { length: 0 };
  readonly #basePath: string;
  /** Where OpenAI's API begins. */
  readonly #apiPath: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    /** Base address without `/v1`, unless it names another version besides. */
    readonly url: string,
    /** How this engine speaks; its provider is that of every call that it answers. */
    readonly dialect: Dialect,
    options: PoolOptions & { readonly apiKey?: string | undefined },
  ) {
    this.#pool = openPool(url, options);
    this.#checkPool = openPool(url, { ...options, connections: CHECK_CONNECTIONS });
    this.#abortPool = openPool(url, { ...options, connections: ABORT_CONNECTIONS });
    this.#basePath = new URL(url).pathname.replace(/\/$/, '');
    this.#apiPath = namesVersion(this.#basePath) ? this.#basePath : `${this.#basePath}/v1`;
    this.#headers = wireHeaders(options.apiKey);
  }

  /** Requests that wait for one of the connections to be free. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Looks whether the engine takes calls. One without a health path counts as up; a call that fails says otherwise until the next look. */
  async check(): Promise<void> {
    const { healthPath } = this.dialect;
    if (healthPath === undefined) {
      this.state = 'up';
      return;
    }
    try {
      const status = await this.#get(this.#basePath + healthPath, async (body) => {
        await body.dump();
      });
      // Older SGLang has no /ready; its list of models is the next cheapest sign.
      const healthy = status === 200 || status === 404;
      const known = this.state === 'up' && this.models.length > 0 && status === 200;
      if (healthy && !known) await this.#readModels();
      this.state = healthy ? 'up' : 'down';
      this.problem = healthy ? undefined : `${healthPath} answers ${status}`;
    } catch (error) {
      this.state = 'down';
      this.problem = wireProblem(error as Error);
    }
  }

  /**
   * Posts the bytes of a JSON text.
   * @param path of OpenAI's own API; an address that names a version has this in place of `/v1`
   * @throws EngineFault where no response came
   */
  post(path: RelayPath, body: Buffer, guard: ReplyGuard): Promise<WireReply> {
    return post(this.#pool, {
      path: this.#apiPath + path.slice('/v1'.length),
      body,
      headers: this.#headers,
      guard,
      line: this.#line,
    });
  }

  /** Whether the engine can be told to end a request. */
  get canAbort(): boolean {
    return this.dialect.abortPath !== undefined;
  }

  /**
   * Tells the engine to end a request, where it has a way to be told: some look only now and then whether a caller
   * of a whole reply is still there. Never fails; closing the connection stays the first means.
   */
  async abort(requestId: string): Promise<void> {
    const { abortPath } = this.dialect;
    if (abortPath === undefined) return;
    try {
      const { body } = await this.#abortPool.request({
        path: this.#basePath + abortPath,
        method: 'POST',
        headers: this.#headers,
        body: JSON.stringify({ rid: requestId }),
        // Aborts are rare: a connection that was kept for the next one would be one more socket.
        reset: true,
        signal: AbortSignal.timeout(ABORT_TIMEOUT_MS),
      });
      await body.dump();
    } catch {
      // The engine is gone, and its work with it.
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool, this.#checkPool, this.#abortPool].map((pool) => pool.destroy()));
  }

  async #readModels(): Promise<void> {
    const path = `${this.#apiPath}/models`;
    const status = await this.#get(path, async (body) => {
      const { data } = parseList(await readCapped(body));
      const cards = Array.isArray(data) ? (data as ModelCard[]) : [];
      this.models = cards.map(({ id }) => id).filter((id) => typeof id === 'string');
      const lengths = cards.map((card) => card.max_model_len).filter((length) => typeof length === 'number');
      this.contextTokens = lengths.length > 0 ? Math.max(...lengths) : undefined;
    });
    if (status === 401 || status === 403)
      throw new Error(`${path} answers ${status}: ENGINE_API_KEY is not the engine's key`);
    if (status !== 200) throw new Error(`${path} answers ${status}`);
  }

  async #get(
    path: string,
    read: (body: AsyncIterable<Buffer> & { dump(): Promise<void> }) => Promise<void>,
  ): Promise<number> {
    const { statusCode, body } = await this.#checkPool.request({
      path,
      method: 'GET',
      headers: this.#headers,
      // By the next look an engine has closed it: to keep it would only be one more socket.
      reset: true,
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
    });
    if (statusCode === 200) await read(body);
    else await body.dump();
    return statusCode;
  }
}

/** What is no JSON is not quoted: it may be anything, and what JSON.parse says of it quotes it. */
function parseList(text: string): { readonly data?: unknown } {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new Error('the list of models is no JSON');
  }
  return typeof list === 'object' && list !== null ? list : {};
}

async function readCapped(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > MAX_LIST_BYTES) throw new Error('the list of models is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
