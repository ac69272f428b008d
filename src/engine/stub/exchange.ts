import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { respond } from './http.js';

/** One HTTP response under way: written with backpressure, broken off on demand, and told when nobody reads on. */
export class Exchange {
  /** Milliseconds between two bytes; absent, they go out together. */
  dripMs: number | undefined;

  readonly #response: ServerResponse;
  readonly #gone = new AbortController();
  readonly #stopped = new AbortController();
  #brokenOff = false;

  constructor(response: ServerResponse, onClose: (clientLeft: boolean) => void) {
    this.#response = response;
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

  /** Waits, but not longer than until the exchange is stopped. */
  async pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
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

  async write(data: string | Uint8Array): Promise<void> {
    if (this.dripMs === undefined) return this.#writeNow(data);
    for (const byte of Buffer.from(data)) {
      await this.pause(this.dripMs);
      await this.#writeNow(Uint8Array.of(byte));
    }
  }

  async #writeNow(data: string | Uint8Array): Promise<void> {
    if (this.gone || this.#response.write(data)) return;
    await once(this.#response, 'drain', { signal: this.#gone.signal }).catch(() => undefined);
  }

  end(): void {
    this.#response.end();
  }

  /** Ends the connection with a TCP reset. */
  async reset(): Promise<void> {
    await this.#flush();
    this.#brokenOff = true;
    this.#response.socket?.resetAndDestroy();
  }

  /** Ends the connection as a dying process does: whatever was sent, then nothing. */
  async hangUp(): Promise<void> {
    await this.#flush();
    this.drop();
  }

  /** Ends the connection with whatever has been sent so far. */
  drop(): void {
    this.#brokenOff = true;
    this.#response.destroy();
  }

  /** Waits until all that was written has left the process, because a reset throws away the rest. */
  async #flush(): Promise<void> {
    if (!this.#response.headersSent) return;
    await new Promise((resolve) => this.#response.write('', resolve));
  }
}
