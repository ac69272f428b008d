import { emitKeypressEvents, type Key } from 'node:readline';
import { EditBuffer } from './edit-buffer.js';
import { widthOf } from './graphemes.js';
import { at, type Layout, layOut } from './layout.js';
import type { TypedLine, LineSource, Recall } from './line-source.js';
import { isOpenBlock, withoutBlock } from './message-lines.js';
import { DEFAULT_COLUMNS, DEFAULT_ROWS } from './screen.js';
import type { Output } from './terminal.js';

/** Keys that are kept for the next line while nobody reads. */
const MOST_KEYS_AHEAD = 100_000;

/** With it on, a terminal says where a pasted text begins and ends. */
const PASTE_MARKS_ON = '\u001b[?2004h';
const PASTE_MARKS_OFF = '\u001b[?2004l';
const CLEAR_SCREEN = '\u001b[2J\u001b[H';
const CLEAR_BELOW = '\r\u001b[J';

/** A terminal's own output, where it says more than others. */
interface Screen extends Output {
  readonly rows?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

/** A key as node:readline reads it, and the text that it means. */
interface Pressed {
  readonly text: string | undefined;
  readonly key: Key;
}

/** A line that is being asked for. */
interface Reading {
  readonly prompt: string;
  readonly promptWidth: number;
  readonly end: (line: TypedLine) => void;
  /** Which of the texts before is shown; behind the last stands what was typed. */
  recalled: number;
  draft: string;
  /** The first row that is shown of a text with more rows than the screen. */
  firstRow: number;
  /** Where in the rows on the screen the cursor stands. */
  cursorRow: number;
}

/**
 * Reads lines from a person at a terminal. node:readline decodes the keys; its own editor moves by code points and
 * sends each line of a pasted text, so the editing is here: by characters as people count them, wide ones included, in
 * as many rows as it takes. `\` at a line's end, `"""` blocks, Ctrl-J, Alt-Enter and a paste make more lines.
 */
export class LineEditor implements LineSource {
  readonly isInteractive = true;
  readonly #buffer = new EditBuffer();
  readonly #ahead: Pressed[] = [];
  readonly #actions: Readonly<Record<string, (reading: Reading) => void>>;
  #reading: Reading | undefined;
  #pasted: string | undefined;
  /** Whether the last mark that came began a paste; those that are kept for later count too. */
  #isPasteComing = false;
  #killed = '';
  #isDrawDue = false;
  #interrupt: (() => void) | undefined;

  constructor(
    private readonly stdin: NodeJS.ReadStream,
    private readonly screen: Screen,
    private readonly stop: AbortSignal,
    private readonly recall: Recall,
  ) {
    this.#actions = this.#newActions();
    emitKeypressEvents(stdin);
    stdin.on('keypress', this.#onKey);
    stdin.on('end', this.#onEnd);
    screen.on?.('resize', this.#onResize);
    stop.addEventListener('abort', this.#onEnd);
    // However the process ends, the shell that comes back would show the marks.
    process.once('exit', this.#giveBack);
    this.#takeOver();
    stdin.resume();
  }

  read(prompt: string): Promise<TypedLine> {
    if (this.stop.aborted || this.stdin.readableEnded) return Promise.resolve({ type: 'end' });
    this.#buffer.set('');
    return new Promise((resolve) => {
      this.#reading = {
        prompt,
        promptWidth: widthOf(prompt),
        end: resolve,
        recalled: this.recall.length,
        draft: '',
        firstRow: 0,
        cursorRow: 0,
      };
      this.#draw(this.#reading);
      this.#replay();
    });
  }

  async interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const interrupted = new AbortController();
    this.#interrupt = () => {
      interrupted.abort();
    };
    try {
      return await work(AbortSignal.any([this.stop, interrupted.signal]));
    } finally {
      this.#interrupt = undefined;
    }
  }

  close(): void {
    this.stdin.off('keypress', this.#onKey);
    this.stdin.off('end', this.#onEnd);
    this.screen.off?.('resize', this.#onResize);
    this.stop.removeEventListener('abort', this.#onEnd);
    process.off('exit', this.#giveBack);
    this.#giveBack();
    this.stdin.pause();
  }

  readonly #onKey = (text: string | undefined, key: Key): void => {
    if (isPasteMark(key)) this.#isPasteComing = key.name === 'paste-start';
    // A paste whose end never came would swallow all that is typed.
    if (isInterrupt(key)) this.#isPasteComing = false;
    if (isSuspend(key) && !this.#isPasteComing) this.#suspend();
    else if (this.#reading) this.#press(this.#reading, { text, key });
    else if (isInterrupt(key) && this.#interrupt) this.#interrupt();
    else if (this.#ahead.length < MOST_KEYS_AHEAD || isPasteMark(key)) this.#ahead.push({ text, key });
  };

  readonly #onEnd = (): void => {
    if (this.#reading) this.#finish(this.#reading, { type: 'end' });
  };

  /** Makes the terminal send single keys. */
  #takeOver(): void {
    this.stdin.setRawMode(true);
    this.screen.write(PASTE_MARKS_ON);
  }

  /** Leaves the terminal as it was. */
  readonly #giveBack = (): void => {
    this.screen.write(PASTE_MARKS_OFF);
    this.stdin.setRawMode(false);
  };

  /** Stops as at Ctrl-Z in a terminal without an editor: with all that runs in this job, such as the npm that began it. */
  #suspend(): void {
    if (process.platform === 'win32') return;
    const { cursor } = this.#buffer;
    if (this.#reading) this.#drawToEnd(this.#reading);
    this.screen.write('^Z\r\n');
    this.#giveBack();
    // Returns at SIGCONT; at once where no shell is there that could send it, and nothing is stopped.
    process.kill(0, 'SIGTSTP');
    this.#takeOver();
    if (!this.#reading) return;
    this.#buffer.moveTo(cursor);
    this.#reading.cursorRow = 0;
    this.#draw(this.#reading);
  }

  readonly #onResize = (): void => {
    this.#drawSoon();
  };

  /** What was typed while nobody read. */
  #replay(): void {
    while (this.#reading && this.#ahead.length > 0) {
      const pressed = this.#ahead.shift();
      if (pressed) this.#press(this.#reading, pressed);
    }
  }

  #press(reading: Reading, { text, key }: Pressed): void {
    // A paste whose end never came would swallow all that is typed.
    if (isInterrupt(key)) this.#pasted = undefined;
    if (key.name === 'paste-start') this.#pasted = '';
    else if (key.name === 'paste-end') this.#insertPasted();
    else if (this.#pasted !== undefined) this.#pasted += text ?? '';
    else this.#act(reading, text, key);
    this.#drawSoon();
  }

  #insertPasted(): void {
    this.#buffer.insert(this.#pasted ?? '');
    this.#pasted = undefined;
  }

  #act(reading: Reading, text: string | undefined, { ctrl, meta, name }: Key): void {
    const action = this.#actions[`${ctrl ? 'ctrl-' : ''}${meta ? 'meta-' : ''}${name ?? ''}`];
    if (action) action(reading);
    else if (text !== undefined && !ctrl && !meta) this.#buffer.insert(text);
  }

  #newActions(): Record<string, (reading: Reading) => void> {
    const buffer = this.#buffer;
    const left = (): void => {
      buffer.moveBy(-1);
    };
    const right = (): void => {
      buffer.moveBy(1);
    };
    const home = (): void => {
      buffer.moveTo(buffer.lineStart);
    };
    const end = (): void => {
      buffer.moveTo(buffer.lineEnd);
    };
    const wordLeft = (): void => {
      buffer.moveTo(buffer.wordStart);
    };
    const wordRight = (): void => {
      buffer.moveTo(buffer.wordEnd);
    };
    const backspace = (): void => {
      buffer.deleteTo(buffer.cursor - 1);
    };
    const deleteRight = (): void => {
      buffer.deleteTo(buffer.cursor + 1);
    };
    const killWordLeft = (): void => {
      this.#kill(buffer.wordStart);
    };
    const killWordRight = (): void => {
      this.#kill(buffer.wordEnd);
    };
    const newLine = (): void => {
      buffer.insert('\n');
    };
    const up = (reading: Reading): void => {
      this.#moveRow(reading, -1);
    };
    const down = (reading: Reading): void => {
      this.#moveRow(reading, 1);
    };
    return {
      return: (reading) => {
        this.#enter(reading);
      },
      enter: newLine,
      'meta-return': newLine,
      left,
      right,
      home,
      end,
      up,
      down,
      backspace,
      delete: deleteRight,
      tab: () => undefined,
      'ctrl-b': left,
      'ctrl-f': right,
      'ctrl-a': home,
      'ctrl-e': end,
      'ctrl-p': up,
      'ctrl-n': down,
      'ctrl-left': wordLeft,
      'meta-left': wordLeft,
      'meta-b': wordLeft,
      'ctrl-right': wordRight,
      'meta-right': wordRight,
      'meta-f': wordRight,
      'ctrl-w': killWordLeft,
      'ctrl-backspace': killWordLeft,
      'meta-backspace': killWordLeft,
      'meta-d': killWordRight,
      'ctrl-delete': killWordRight,
      'ctrl-u': () => {
        this.#kill(buffer.lineStart);
      },
      'ctrl-k': () => {
        this.#kill(buffer.lineEnd);
      },
      'ctrl-y': () => {
        buffer.insert(this.#killed);
      },
      'ctrl-l': (reading) => {
        this.screen.write(CLEAR_SCREEN);
        reading.cursorRow = 0;
      },
      'ctrl-c': (reading) => {
        this.#finish(reading, { type: 'interrupt', wasEmpty: buffer.text === '' });
      },
      'ctrl-d': (reading) => {
        if (buffer.text === '') this.#finish(reading, { type: 'end' });
        else deleteRight();
      },
    };
  }

  #kill(place: number): void {
    this.#killed = this.#buffer.deleteTo(place) || this.#killed;
  }

  #enter(reading: Reading): void {
    const buffer = this.#buffer;
    const { text } = buffer;
    const isBlock = isOpenBlock(text);
    if (isBlock || !text.endsWith('\\')) {
      if (isBlock) buffer.insert('\n');
      else this.#finish(reading, { type: 'line', text: withoutBlock(text) });
      return;
    }
    buffer.moveTo(buffer.graphemes.length);
    buffer.deleteTo(buffer.cursor - 1);
    buffer.insert('\n');
  }

  /** Up and down go through the rows of the text, and behind its ends through the texts before. */
  #moveRow(reading: Reading, step: -1 | 1): void {
    const layout = this.#layout(reading);
    const { row, column } = layout.places[this.#buffer.cursor] ?? { row: 0, column: 0 };
    const place = at(layout, { row: row + step, column });
    if (place === undefined) this.#recallBy(reading, step);
    else this.#buffer.moveTo(place);
  }

  #recallBy(reading: Reading, step: -1 | 1): void {
    const next = reading.recalled + step;
    if (next < 0 || next > this.recall.length) return;
    if (reading.recalled === this.recall.length) reading.draft = this.#buffer.text;
    reading.recalled = next;
    this.#buffer.set(this.recall[next] ?? reading.draft);
  }

  #finish(reading: Reading, line: TypedLine): void {
    this.#reading = undefined;
    this.#drawToEnd(reading);
    this.screen.write(line.type === 'interrupt' ? '^C\r\n' : '\r\n');
    reading.end(line);
  }

  #layout({ promptWidth }: Reading): Layout {
    const { columns = DEFAULT_COLUMNS } = this.screen;
    return layOut(this.#buffer.graphemes, Math.max(columns - promptWidth, 2));
  }

  /** Keys that come together, as those of a paste without marks, are drawn together. */
  #drawSoon(): void {
    if (this.#isDrawDue) return;
    this.#isDrawDue = true;
    queueMicrotask(() => {
      this.#isDrawDue = false;
      if (this.#reading) this.#draw(this.#reading);
    });
  }

  /** What is written next stands behind the text. */
  #drawToEnd(reading: Reading): void {
    this.#buffer.moveTo(this.#buffer.graphemes.length);
    this.#draw(reading);
  }

  #draw(reading: Reading): void {
    const { rows, places } = this.#layout(reading);
    const cursor = places[this.#buffer.cursor] ?? { row: 0, column: 0 };
    const height = Math.max((this.screen.rows ?? DEFAULT_ROWS) - 1, 1);
    const firstRow = Math.min(Math.max(reading.firstRow, cursor.row - height + 1), cursor.row);
    const shown = rows.slice(firstRow, firstRow + height);
    const margin = ' '.repeat(reading.promptWidth);
    const lines = shown.map((row, index) => (firstRow + index === 0 ? reading.prompt : margin) + row);
    const cursorRow = cursor.row - firstRow;
    this.screen.write(
      up(reading.cursorRow) +
        CLEAR_BELOW +
        lines.join('\r\n') +
        up(lines.length - 1 - cursorRow) +
        `\u001b[${reading.promptWidth + cursor.column + 1}G`,
    );
    reading.firstRow = firstRow;
    reading.cursorRow = cursorRow;
  }
}

function isInterrupt({ ctrl, name }: Key): boolean {
  return ctrl === true && name === 'c';
}

function isSuspend({ ctrl, meta, name }: Key): boolean {
  return ctrl === true && meta !== true && name === 'z';
}

function isPasteMark({ name }: Key): boolean {
  return name === 'paste-start' || name === 'paste-end';
}

function up(rows: number): string {
  return rows > 0 ? `\u001b[${rows}A` : '';
}
