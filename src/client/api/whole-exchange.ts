import type { CallFailed } from './call-failed.js';
import { Exchange, MAX_ANSWER_BYTES, tooLarge } from './exchange.js';
import type { WholeAnswer } from './wire-answer.js';

const EMPTY = Buffer.alloc(0);

/** A request whose answer is awaited to its end. */
export class WholeExchange extends Exchange<WholeAnswer> implements WholeAnswer {
  body: Buffer = EMPTY;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  override onResponseData(_: unknown, piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.stop(tooLarge(this.wire.root));
  }

  protected override begun(): void {
    // The body's end is awaited too.
  }

  protected override ended(): void {
    const [first] = this.#pieces;
    this.body = this.#pieces.length === 1 && first ? first : Buffer.concat(this.#pieces);
    this.answer.resolve(this);
  }

  protected override failed(error: CallFailed): void {
    this.answer.reject(error);
  }
}
