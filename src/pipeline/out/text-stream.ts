import { MarkRestorer } from '../../text/mark-restorer.js';

/** Where the text goes. */
export interface TextSink {
  delta(text: string): void;
  /** All that was sent is void. */
  reset(reason: string): void;
}

/** Sends free text while the engine writes it, as it will stand in the answer: without blanks before it. */
export class TextStream {
  #restorer: MarkRestorer;
  #hasSent = false;

  constructor(
    private readonly options: { readonly thinking: boolean },
    private readonly sink: TextSink,
  ) {
    this.#restorer = new MarkRestorer(options);
  }

  /** Takes the next piece of the engine's text. */
  write(piece: string): void {
    this.#send(this.#restorer.write(piece));
  }

  /** Takes back what was sent. */
  takeBack(reason: string): true {
    if (this.#hasSent) this.sink.reset(reason);
    this.#hasSent = false;
    this.#restorer = new MarkRestorer(this.options);
    return true;
  }

  /** Sends what was held back. */
  finish(): void {
    this.#send(this.#restorer.end());
  }

  #send(text: string): void {
    const said = this.#hasSent ? text : text.trimStart();
    if (said === '') return;
    this.#hasSent = true;
    this.sink.delta(said);
  }
}
