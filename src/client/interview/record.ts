import { rmSync } from 'node:fs';
import { SPEAKERS, type Turn } from './prompts.js';
import type { Feedback, QuestionFeedback, Report } from './replies.js';
import type { Script } from './script.js';
import { WORDS } from './words.js';
import { minuteOf, plain, quotation, stampOf } from '../markdown.js';
import { createFile, freeName } from '../new-file.js';
import { replaceFile } from '../replace-file.js';
import { writeFault } from '../faults/write-fault.js';
import type { Text } from '../text.js';

/** What is known of an interview when it begins. */
export interface Occasion {
  readonly script: Script;
  readonly id: string;
  readonly model: string;
  readonly began: Date;
}

/** A turn, and how it was judged. */
interface JudgedTurn extends Turn {
  feedback?: Feedback;
}

/** An interview as a Markdown file, written anew with every answer: what was said is never lost. */
export class InterviewRecord {
  readonly #turns: JudgedTurn[] = [];
  #report: Report | undefined;

  private constructor(
    readonly file: string,
    private readonly occasion: Occasion,
  ) {}

  /**
   * Makes the file, before anything is asked.
   * @param file interview-YYYYMMDD-HHMM.md in the current folder where it is left out
   * @throws ClientFault it is there already, or cannot be written
   */
  static create(file: string | undefined, occasion: Occasion): InterviewRecord {
    const record = new InterviewRecord(file ?? freeName(`interview-${stampOf(occasion.began)}`), occasion);
    createFile(record.file, record.#markdown());
    return record;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  get hasReport(): boolean {
    return this.#report !== undefined;
  }

  /** @throws ClientFault the file cannot be written any more */
  add(turn: Turn): void {
    this.#turns.push({ ...turn });
    this.#write();
  }

  /** Of the last turn. @throws ClientFault the file cannot be written any more */
  judge(feedback: Feedback): void {
    const last = this.#turns.at(-1);
    if (last) last.feedback = feedback;
    this.#write();
  }

  /** @throws ClientFault the file cannot be written any more */
  conclude(report: Report): void {
    this.#report = report;
    this.#write();
  }

  /** Leaves no file behind an interview without an answer. */
  discard(): void {
    rmSync(this.file, { force: true });
  }

  #write(): void {
    try {
      replaceFile(this.file, this.#markdown());
    } catch (error) {
      throw writeFault(error, this.file, 1);
    }
  }

  #markdown(): string {
    const { script, id, model, began } = this.occasion;
    const report = this.#report;
    const facts = [
      [this.#word(WORDS.date), minuteOf(began)],
      [this.#word(WORDS.interview), plain(id)],
      [this.#word(WORDS.model), plain(model)],
      [this.#word(WORDS.answers), String(this.#turns.length)],
      ...(report ? [[this.#word(WORDS.overall), `**${report.overallScore} / 100**`]] : []),
    ];
    const parts = [
      `# ${plain(script.title)}`,
      markdownTable(['', ''], facts),
      ...(report ? this.#sections(report) : [`*${this.#word(WORDS.noReport)}*`]),
      ...(this.#turns.length > 0 ? [`## ${this.#word(WORDS.transcript)}`] : []),
      ...this.#turns.flatMap((turn, index) => this.#exchange(turn, index)),
    ];
    return `${parts.join('\n\n')}\n`;
  }

  #sections(report: Report): string[] {
    const { questions } = report;
    const scores = questions.map(({ question, score }, index) => [
      String(index + 1),
      plain(question),
      `${score} / 10`,
    ]);
    return [
      ...(questions.length > 0
        ? [
            `## ${this.#word(WORDS.scores)}`,
            markdownTable(['#', this.#word(WORDS.question), this.#word(WORDS.score)], scores, [
              '--:',
              '---',
              '--:',
            ]),
          ]
        : []),
      `## ${this.#word(WORDS.summary)}`,
      paragraphs(report.summary),
      ...this.#list(WORDS.strengths, report.strengths),
      ...this.#list(WORDS.improvements, report.improvements),
      ...this.#list(WORDS.recommendations, report.recommendations),
      ...(questions.length > 0 ? [`## ${this.#word(WORDS.questions)}`] : []),
      ...questions.flatMap((one, index) => this.#question(one, index)),
    ];
  }

  #list(name: Text, items: readonly string[]): string[] {
    if (items.length === 0) return [];
    return [`## ${this.#word(name)}`, items.map((item) => `- ${plain(item)}`).join('\n')];
  }

  #question({ question, answerSummary, feedback, score }: QuestionFeedback, index: number): string[] {
    return [
      `### ${index + 1}. ${plain(question)}`,
      `**${score} / 10**`,
      `${this.#word(WORDS.answer)}: ${plain(answerSummary)}`,
      paragraphs(feedback),
    ];
  }

  #exchange({ question, answer, isFollowUp, feedback }: JudgedTurn, index: number): string[] {
    const { interviewer, candidate } = SPEAKERS[this.occasion.script.language];
    const mark = isFollowUp ? ` · ${this.#word(WORDS.followUp)}` : '';
    return [
      `**${index + 1}. ${interviewer}**${mark}`,
      quotation(question),
      `**${candidate}**`,
      quotation(answer),
      ...(feedback ? this.#feedback(feedback) : []),
    ];
  }

  #feedback({ feedback, score, isPassed, suggestion }: Feedback): string[] {
    const verdict = this.#word(isPassed ? WORDS.passed : WORDS.notPassed);
    return [
      `**${this.#word(WORDS.feedback)}: ${score} / 10, ${verdict}**`,
      paragraphs(feedback),
      `${this.#word(WORDS.nextTime)}: ${plain(suggestion)}`,
    ];
  }

  /** In the language of the interview. */
  #word(word: Text): string {
    return word[this.occasion.script.language];
  }
}

function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  ruler: readonly string[] = head.map(() => '---'),
): string {
  return [head, ruler, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function paragraphs(text: string): string {
  return text.split('\n').map(plain).filter(Boolean).join('\n\n');
}
