/** Where progress is told: on a terminal alone, a file of messages has no use for it. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Milliseconds between two words of progress. */
const TOLD_EVERY_MS = 200;

/** A count that a terminal sees grow. */
export class Progress {
  readonly #start = performance.now();
  #count = 0;
  #told = 0;

  /** @param what - what is done to the calls, such as `copied` */
  constructor(
    private readonly output: ProgressOutput,
    private readonly what: string,
  ) {}

  readonly add = (calls: number): void => {
    this.#count += calls;
    const now = performance.now();
    if (!this.output.isTTY || now < this.#told + TOLD_EVERY_MS) return;
    this.#told = now;
    this.output.write(`\r${counted(this.#count)} ${this.what}`);
  };

  /** Takes the line away. */
  clear(): void {
    if (this.#told > 0) this.output.write('\r\u001b[K');
  }

  /** The count in words, with the seconds that it took. */
  summary(): string {
    const seconds = (performance.now() - this.#start) / 1000;
    return `${counted(this.#count)} ${this.what} in ${seconds.toFixed(1)} s`;
  }
}

function counted(calls: number): string {
  return `${calls.toLocaleString('en-US')} ${calls === 1 ? 'call' : 'calls'}`;
}
