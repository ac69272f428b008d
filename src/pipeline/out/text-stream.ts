import type { Block, TextFilter, TextPlace } from '../../text/text-filter.js';
import type { TextFilters } from '../../text/text-filters.js';

/** Where the text goes. */
export interface TextSink {
  delta(text: string): void;
  /**
   * All that was sent is void.
   * @param isSameTry whether the engine's reply that is being read goes on
   */
  reset(reason: string, isSameTry: boolean): void;
}

/** Free text that is streamed is said as it comes. */
const SPOKEN: TextPlace = { path: '', kind: 'answer', isSpoken: true };

/** Sends free text while the engine writes it, as it will stand in the answer: without blanks before it. */
export class TextStream {
  #filter: TextFilter;
  #said = '';

  constructor(
    private readonly filters: TextFilters,
    private readonly sink: TextSink,
  ) {
    this.#filter = filters.open(SPOKEN);
  }

  /** What was sent. */
  get said(): string {
    return this.#said;
  }

  /** Why nothing more goes out. */
  get block(): Block | undefined {
    return this.#filter.block;
  }

  /**
   * Takes the next piece of the engine's text.
   * @returns whether the rest of the text is of any use
   */
  write(piece: string): boolean {
    this.#send(this.#filter.write(piece));
    return this.block === undefined;
  }

  /**
   * Takes back what was sent.
   * @param isSameTry whether the reply that is being read goes on
   */
  takeBack(reason: string, isSameTry = false): true {
    if (this.#said !== '') this.sink.reset(reason, isSameTry);
    this.#said = '';
    this.#filter = this.filters.open(SPOKEN);
    return true;
  }

  /** Sends what was held back. */
  finish(): void {
    this.#send(this.#filter.end());
  }

  #send(text: string): void {
    const said = this.#said === '' ? text.trimStart() : text;
    if (said === '') return;
    this.#said += said;
    this.sink.delta(said);
  }
}
