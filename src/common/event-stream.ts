import type { ServerResponse } from 'node:http';
import { escapeLineEnds } from './line-ends.js';

/** Headers of every stream; the last two keep proxies from collecting it before they pass it on. */
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** How long a reader who is behind may take for what is left once the stream has ended. */
const LAST_WORDS_MS = 30_000;

/** How a stream treats its reader. */
export interface StreamOptions {
  /** Milliseconds without an event after which a comment is sent, so that nothing in between takes the connection for dead. */
  readonly pingMs: number;
  /** Bytes that may wait for the reader. */
  readonly bufferBytes: number;
}

/**
 * Server-sent events to one reader. Events that are sent in one turn of the event loop leave in one write. A reader
 * who lets more wait than the buffer may hold is cut: holding his engine back would free no GPU.
 */
export class EventStream {
  #pending = '';
  #id = 0;
  /** The next ping; behind the end, when to give the reader up. */
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly options: StreamOptions,
    /** Hears that the reader was cut. */
    private readonly onSlow: () => void = () => undefined,
  ) {}

  /** Sends status and headers at once. */
  open(headers: Readonly<Record<string, string | number | string[] | undefined>>): void {
    const own = Object.entries(headers).filter(([, value]) => value !== undefined);
    this.response.writeHead(200, { ...Object.fromEntries(own), ...HEADERS });
    this.response.flushHeaders();
    this.#timer = setInterval(() => {
      this.response.write(': ping\n\n');
    }, this.options.pingMs);
    this.response.once('close', () => {
      clearTimeout(this.#timer);
    });
  }

  /** Sends a numbered event. JSON has no line break of its own, so one line of data holds it. */
  send(event: string, data: unknown): void {
    this.write(`id: ${++this.#id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Sends text that is an event, or several, already; what of its JSON ends a line for some readers is escaped. */
  write(text: string): void {
    if (this.#pending === '') {
      queueMicrotask(() => {
        this.#flush();
      });
    }
    this.#pending += text;
  }

  /** Sends what is left and ends the stream. */
  end(): void {
    this.#flush();
    // A reader who is behind closes the response only later, and nothing may be written behind its end.
    clearTimeout(this.#timer);
    if (this.response.destroyed) return;
    this.response.end();
    this.#timer = setTimeout(() => {
      this.response.destroy();
    }, LAST_WORDS_MS).unref();
  }

  /** Whether the reader is behind: the connection holds text that he has not taken. */
  get isBehind(): boolean {
    return this.response.writableNeedDrain;
  }

  /** Waits until the reader has caught up, or is gone. */
  async caughtUp(): Promise<void> {
    if (this.#pending !== '') this.#flush();
    if (!this.response.writableNeedDrain || this.response.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.response.off('drain', done).off('close', done);
        resolve();
      };
      this.response.once('drain', done).once('close', done);
    });
  }

  /** Ends the connection without a word: what was sent is not whole. */
  cut(): void {
    this.#pending = '';
    this.response.destroy();
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.response.destroyed) return;
    this.response.write(escapeLineEnds(text));
    this.#timer?.refresh();
    if (!this.#isTooFull) return;
    // Node hands the text to the network behind this turn: only what is left then waits for the reader.
    setImmediate(() => {
      if (!this.#isTooFull) return;
      this.cut();
      this.onSlow();
    });
  }

  get #isTooFull(): boolean {
    return !this.response.destroyed && this.response.writableLength > this.options.bufferBytes;
  }
}
