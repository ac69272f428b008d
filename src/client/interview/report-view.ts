import { WORDS } from './words.js';
import type { Terminal } from '../terminal/terminal.js';
import { TextFlow } from '../terminal/text-flow.js';
import type { Text } from '../text.js';

const BAR_COLUMNS = 20;
const BULLET = '  · ';
const INDENT = 3;

const HEADINGS: Readonly<Record<string, Text>> = {
  strengths: WORDS.strengths,
  improvements: WORDS.improvements,
  recommendations: WORDS.recommendations,
  summary: WORDS.summary,
};

type Style = (text: string) => string;

/** Shows a judgement on a terminal while its fields come. */
export class ReportView {
  /** The pointer of the field that came last. */
  #path = '';
  #section = '';
  #flow: TextFlow | undefined;
  #hasBegun = false;

  constructor(
    private readonly terminal: Terminal,
    /** In the language of the interview, which the judgement is written in. */
    private readonly word: (word: Text) => string,
  ) {}

  /** Whether something is on the screen. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The next characters of a text; `pointer` is its place in the object, such as /strengths/0. */
  delta(pointer: string, text: string): void {
    this.#open(pointer);
    this.#flow?.write(text);
  }

  /** A whole value. Texts are on the screen already. */
  done(pointer: string, value: unknown): void {
    if (typeof value !== 'number') return;
    const { bold } = this.terminal.colors;
    this.end();
    const isOverall = pointer === '/overall_score';
    if (isOverall) this.#begin(`\n${bold(this.word(WORDS.overall))}\n`);
    this.#begin(`   ${this.#score(value, isOverall ? 100 : 10)}\n`);
  }

  /** Ends the line; what comes next begins anew. */
  end(): void {
    this.#flow?.end();
    this.#flow = undefined;
    this.#path = '';
  }

  /** Forgets what was shown: it is void. */
  reset(): void {
    this.end();
    this.#section = '';
  }

  #open(pointer: string): void {
    if (pointer === this.#path) return;
    this.end();
    this.#path = pointer;
    const [, section = '', index = '', field = ''] = pointer.split('/');
    const { bold, dim } = this.terminal.colors;
    if (section === 'question_feedbacks') {
      if (field === 'question') this.#begin('\n');
      if (field === 'question') this.#start(`${Number(index) + 1}.`.padEnd(INDENT), bold);
      else this.#start(undefined, field === 'answer_summary' ? dim : plain);
      return;
    }
    const heading = HEADINGS[section];
    if (heading && section !== this.#section) this.#begin(`\n${bold(this.word(heading))}\n`);
    this.#section = section;
    this.#start(index === '' ? undefined : BULLET, section === 'improvement_suggestion' ? dim : plain);
  }

  #start(mark: string | undefined, style: Style): void {
    this.#flow = new TextFlow({
      columns: this.terminal.columns,
      indent: mark === undefined ? INDENT : mark.length,
      ...(mark !== undefined && { mark }),
      write: (text) => {
        this.#begin(style(text));
      },
    });
  }

  #begin(text: string): void {
    this.#hasBegun = true;
    this.terminal.print(text);
  }

  #score(score: number, most: number): string {
    const { green, yellow, red } = this.terminal.colors;
    const share = Math.min(Math.max(score / most, 0), 1);
    const filled = Math.round(share * BAR_COLUMNS);
    const paint = share >= 0.7 ? green : share >= 0.4 ? yellow : red;
    return `${paint('━'.repeat(filled))}${'┄'.repeat(BAR_COLUMNS - filled)} ${score} / ${most}`;
  }
}

function plain(text: string): string {
  return text;
}
