import type { Terminal } from '../terminal/terminal.js';
import { TextFlow } from '../terminal/text-flow.js';
import { showWaiting } from '../terminal/waiting.js';

/** An answer as it comes: wrapped on a terminal, as it is anywhere else. */
export class AnswerView {
  text = '';
  readonly #started = performance.now();
  readonly #hideWaiting: () => void;
  readonly #flow: TextFlow | undefined;

  constructor(private readonly terminal: Terminal) {
    const { host, columns } = terminal;
    this.#hideWaiting = showWaiting(terminal);
    this.#flow = host.stdout.isTTY
      ? new TextFlow({
          columns,
          write: (text) => {
            terminal.print(text);
          },
        })
      : undefined;
  }

  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  write(text: string): void {
    this.#hideWaiting();
    this.text += text;
    if (this.#flow) this.#flow.write(text);
    else this.terminal.print(text);
  }

  /** Ends the line. */
  end(): void {
    this.#hideWaiting();
    if (this.#flow) this.#flow.end();
    else if (this.text !== '' && !this.text.endsWith('\n')) this.terminal.print('\n');
  }
}
