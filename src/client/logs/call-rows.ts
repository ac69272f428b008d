import { inOneLine, padded } from '../terminal/columns.js';
import { widthOf } from '../terminal/graphemes.js';
import type { ListedCall } from './call.js';
import { shortTime } from './local-time.js';

/** Characters of an id's end that tell calls apart; its beginning is the time. */
const SHORT_ID = 6;

/** Columns that the question has at least, and that a model's name may be cut to for it. */
const MIN_QUESTION = 10;
const MIN_MODEL = 6;

interface Column {
  readonly name: string;
  readonly cell: (call: ListedCall, now: Date) => string;
  /** Columns of a terminal at the most. */
  readonly most: number;
  readonly isNumber?: boolean;
}

const COLUMNS: readonly Column[] = [
  { name: 'id', cell: ({ id }) => id.slice(-SHORT_ID), most: SHORT_ID },
  { name: 'time', cell: (call, now) => shortTime(new Date(call.started_at), now), most: 11 },
  { name: 'task', cell: ({ task }) => task, most: 14 },
  { name: 'outcome', cell: ({ outcome }) => outcome, most: 11 },
  { name: 'model', cell: modelOf, most: 14 },
  {
    name: 'ms',
    cell: ({ total_ms }) => (total_ms === null ? '' : String(Math.round(total_ms))),
    most: 7,
    isNumber: true,
  },
  {
    name: 'tokens',
    cell: (call) => String(call.prompt_tokens + call.completion_tokens),
    most: 7,
    isNumber: true,
  },
];

/** Calls in rows of a table that fits a terminal. The first calls decide how wide the columns are. */
export class CallRows {
  readonly #widths: readonly number[];
  readonly #question: number;

  constructor(
    first: readonly ListedCall[],
    columns: number,
    private readonly now: Date,
  ) {
    const wanted = COLUMNS.map(({ name, cell, most }) =>
      Math.min(most, Math.max(widthOf(name), ...first.map((call) => widthOf(cell(call, now))))),
    );
    const left = columns - wanted.reduce((sum, width) => sum + width + 1, 0);
    const missing = Math.max(0, MIN_QUESTION - left);
    this.#widths = wanted.map((width, at) =>
      COLUMNS[at]?.name === 'model' ? Math.max(Math.min(width, MIN_MODEL), width - missing) : width,
    );
    this.#question = Math.max(MIN_QUESTION, left);
  }

  header(): string {
    return this.#row(
      COLUMNS.map(({ name }) => name),
      'question',
    );
  }

  row(call: ListedCall): string {
    return this.#row(
      COLUMNS.map(({ cell }) => cell(call, this.now)),
      call.question ?? '',
    );
  }

  #row(cells: readonly string[], question: string): string {
    const fitted = cells.map((cell, at) => {
      const width = this.#widths[at] ?? 0;
      return padded(inOneLine(cell, width), width, COLUMNS[at]?.isNumber ? 'right' : 'left');
    });
    return `${[...fitted, inOneLine(question, this.#question)].join(' ').trimEnd()}\n`;
  }
}

/** A name of the model hub without whose it is. */
function modelOf({ model_served, model_asked }: ListedCall): string {
  const model = model_served ?? model_asked;
  return model.slice(model.lastIndexOf('/') + 1);
}
