import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';
import { respond } from './http.js';

/** How bytes are held back: so many at a time, so many milliseconds apart. */
export interface Drip {
  bytes: number;
  everyMs: number;
}

/** What compresses a body, by its Content-Encoding. */
const COMPRESSORS = {
  gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
};

/** One HTTP response under way: written with backpressure, broken off on demand, and told when nobody reads on. */
export class Exchange {
  /** Absent, all bytes go out at once. */
  drip: Drip | undefined;
  /** What the engine counts it as: a sequence for each choice. */
  sequences = 1;

  readonly #response: ServerResponse;
  readonly #gone = new AbortController();
  readonly #stopped = new AbortController();
  /** Where the bytes go: the response, its bare socket, or what compresses them. */
  #sink: Writable;
  #brokenOff = false;

  constructor(response: ServerResponse, onClose: (clientLeft: boolean) => void) {
    this.#response = response;
    this.#sink = response;
    response.on('close', () => {
      this.#gone.abort();
      this.stop();
      onClose(!response.writableFinished && !this.#brokenOff);
    });
  }

  /** Whether the connection has ended, whoever ended it. */
  get gone(): boolean {
    return this.#gone.signal.aborted;
  }

  /** Whether there is no point in generating more: the client left or asked for an abort. */
  get stopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Waits, but not longer than until the exchange is stopped. No milliseconds are a turn of the event loop. */
  async pause(ms: number): Promise<void> {
    const { signal } = this.#stopped;
    const waiting = ms > 0 ? setTimeout(ms, undefined, { signal }) : setImmediate(undefined, { signal });
    await waiting.catch(() => undefined);
  }

  async untilGone(): Promise<void> {
    if (!this.gone) await once(this.#gone.signal, 'abort');
  }

  respond(status: number, headers: OutgoingHttpHeaders, body: string): void {
    respond(this.#response, status, headers, body);
  }

  begin(status: number, headers: OutgoingHttpHeaders): void {
    this.#response.writeHead(status, headers).flushHeaders();
  }

  /** From now on writes to the connection itself: the status line, too, is the caller's. */
  goBare(): void {
    this.#sink = this.#response.socket ?? this.#sink;
  }

  /** From now on compresses what is written, so that what has left can be read. */
  compress(coding: keyof typeof COMPRESSORS): void {
    const compressor = COMPRESSORS[coding]();
    compressor.pipe(this.#response);
    this.#sink = compressor;
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.drip === undefined) return this.#writeNow(data);
    const bytes = Buffer.from(data);
    for (let start = 0; start < bytes.length && !this.gone; start += this.drip.bytes) {
      await this.pause(this.drip.everyMs);
      await this.#writeNow(bytes.subarray(start, start + this.drip.bytes));
    }
  }

  async #writeNow(data: string | Uint8Array): Promise<void> {
    if (this.gone || this.#sink.write(data)) return;
    await once(this.#sink, 'drain', { signal: this.#gone.signal }).catch(() => undefined);
  }

  end(): void {
    this.#sink.end();
  }

  /** Ends the connection with a TCP reset. */
  async reset(): Promise<void> {
    await this.flush();
    this.#brokenOff = true;
    this.#response.socket?.resetAndDestroy();
  }

  /** Ends the connection as a dying process does: whatever was sent, then nothing. */
  async hangUp(): Promise<void> {
    await this.flush();
    this.drop();
  }

  /** Closes the sending half of the connection and goes on listening until the client closes the other half. */
  async halfClose(): Promise<void> {
    await this.flush();
    this.#brokenOff = true;
    this.#response.socket?.end();
    await this.untilGone();
  }

  /** Ends the connection with whatever has been sent so far. */
  drop(): void {
    this.#brokenOff = true;
    this.#response.destroy();
  }

  /** Waits until all that was written has left the process; a reset, for one, throws away the rest. */
  async flush(): Promise<void> {
    const hasBegun = this.#sink !== this.#response || this.#response.headersSent;
    if (!hasBegun || this.gone) return;
    const left = new Promise((resolve) => this.#sink.write('', resolve));
    await Promise.race([left, this.untilGone()]);
  }
}
