import type { Dispatcher } from 'undici';
import { type CallFailed, interrupted } from './call-failed.js';
import { Exchange, MAX_ANSWER_BYTES, tooLarge } from './exchange.js';
import type { StreamedAnswer } from './wire-answer.js';

/** Bytes that wait here for a slow reader; from there on they wait in the server's socket. */
const MAX_WAITING_BYTES = 65_536;

/** `streaming` · `whole`: its pieces are one answer · `left`: nobody reads what still comes. */
type Reading = 'streaming' | 'whole' | 'left';

/** A request whose answer is read as it comes. */
export class StreamedExchange extends Exchange<StreamedAnswer> implements StreamedAnswer {
  readonly #pieces: Buffer[] = [];
  #reading: Reading = 'streaming';
  #waitingBytes = 0;
  #wakeReader: (() => void) | undefined;
  #error: Error | undefined;

  override onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    this.#waitingBytes += piece.length;
    if (this.#reading === 'left') {
      if (this.#waitingBytes > MAX_WAITING_BYTES) this.stop(interrupted());
      return;
    }
    this.#pieces.push(piece);
    if (this.#reading === 'streaming') {
      this.wire.deadlines.set(this.lane);
      if (this.#waitingBytes > MAX_WAITING_BYTES) this.#pause(controller);
    }
    this.#wakeReader?.();
  }

  async whole(): Promise<Buffer> {
    this.#reading = 'whole';
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of this) {
      parts.push(part);
      bytes += part.length;
      if (bytes > MAX_ANSWER_BYTES) throw tooLarge(this.wire.root);
    }
    return Buffer.concat(parts);
  }

  leaveEnd(): void {
    this.#reading = 'left';
    this.#resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece) {
          this.#taken(piece);
          yield piece;
        } else if (this.#error) throw this.#error;
        else if (this.isOver) return;
        else await this.#arrival();
      }
    } finally {
      if (this.#reading !== 'left') this.stop(interrupted());
    }
  }

  protected override begun(): void {
    this.wire.deadlines.set(this.lane);
    this.answer.resolve(this);
  }

  protected override ended(): void {
    this.#wakeReader?.();
  }

  protected override failed(error: CallFailed): void {
    this.#error = error;
    this.answer.reject(error);
    this.#wakeReader?.();
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  /** A reader who takes their time is no silent server. */
  #pause(controller: Dispatcher.DispatchController): void {
    controller.pause();
    this.lane.due = Infinity;
  }

  #taken(piece: Buffer): void {
    this.#waitingBytes -= piece.length;
    if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#resume();
  }

  #resume(): void {
    if (this.isOver || !this.controller?.paused) return;
    this.controller.resume();
    this.wire.deadlines.set(this.lane);
  }
}
