import type { Interview, Language, Turn } from '../../examples/interview.ts';
import type { Feedback, Reply, Report, Step } from './client.ts';
import type { Service } from './service.ts';
import { COLUMNS, displayWidth, paint, padEnd, type Style, wrap } from './terminal.ts';
import { WORDS, type Words } from './words.ts';

const INDENT = '  ';
const WIDTH = COLUMNS - 2 * INDENT.length;
const BAR_LENGTH = 20;

/** Draws an interview for a reader at a terminal, one block at a time. */
export class Screen {
  readonly #words: Words;
  readonly #labelWidth: number;
  readonly #write: (text: string) => void;

  constructor(language: Language, write: (text: string) => void) {
    this.#words = WORDS[language];
    this.#labelWidth = this.#words.labelWidth;
    this.#write = write;
  }

  opening(interview: Interview, service: Service): void {
    const { startedHere, candidate, passMark } = this.#words;
    this.#line();
    this.#line(paint('bold', interview.title));
    this.#line(paint('dim', `${candidate} ${interview.candidate} · ${passMark(interview.pass_mark)}`));
    this.#line(paint('dim', service.isOurs ? `${service.url} · ${startedHere}` : service.url));
  }

  /** Who answers. Loud for the stub: nobody should take its words for a model's. */
  engine({ provider, model }: Reply<unknown>): void {
    if (provider === 'stub') {
      this.#line(paint(['bold', 'yellow', 'inverse'], padEnd(` ${this.#words.stubNotice}`, WIDTH)));
    } else {
      this.#line(paint('dim', `${this.#words.answeredBy} ${model} (${provider})`));
    }
    this.#line();
  }

  turn(turn: Turn, number: number, interview: Interview): void {
    const topic = interview.questions[turn.topicIndex]?.topic ?? '';
    const heading = turn.isFollowUp ? `${number}  ${topic} · ${this.#words.followUp}` : `${number}  ${topic}`;
    this.#rule();
    this.#line(paint('bold', heading));
    this.#line();
    this.#labelled(this.#words.interviewer, turn.question, ['bold', 'cyan']);
    this.#line();
    this.#labelled(this.#words.candidate, turn.answer, 'bold');
    this.#line();
  }

  feedback(reply: Reply<Feedback>): void {
    const { score, is_passed: isPassed, feedback, improvement_suggestion: suggestion } = reply.body;
    const { passed, notPassed } = this.#words;
    const style = isPassed ? 'green' : 'yellow';
    const verdict = `${score} / 10  ${isPassed ? passed : notPassed}`;
    this.#timed(this.#words.feedback, `${bar(score / 10)}  ${verdict}`, reply, style);
    this.#labelled('', feedback);
    this.#labelled('', suggestion, 'none', '→ ');
    this.#line();
  }

  step(reply: Reply<Step>): void {
    const { action, thought, evaluation } = reply.body;
    this.#timed(this.#words.step, `${action} · ${this.#words.actions[action]}`, reply, 'magenta');
    this.#labelled('', thought, 'dim');
    this.#labelled(this.#words.evaluation, evaluation, 'bold');
  }

  closing(message: string): void {
    this.#rule();
    this.#labelled(this.#words.interviewer, message, ['bold', 'cyan']);
  }

  report(reply: Reply<Report>): void {
    const { body } = reply;
    const { report, overall, summary, strengths, improvements, recommendations } = this.#words;
    this.#rule();
    this.#line(paint('bold', report));
    this.#line();
    this.#timed(overall, `${bar(body.overall_score / 100)}  ${body.overall_score} / 100`, reply, 'bold');
    this.#line();
    this.#labelled(summary, body.summary, 'bold');
    for (const [label, points] of [
      [strengths, body.strengths],
      [improvements, body.improvements],
      [recommendations, body.recommendations],
    ] as const) {
      this.#line();
      points.forEach((point, index) => {
        this.#labelled(index === 0 ? label : '', point, 'bold', '· ');
      });
    }
    for (const { question, score, answer_summary: answer, feedback } of body.question_feedbacks) {
      this.#line();
      this.#labelled(`${score} / 10`, question, 'bold');
      this.#labelled('', answer, 'dim');
      this.#labelled('', feedback);
    }
  }

  end(replies: readonly Reply<unknown>[], seconds: number): void {
    const models = new Set(replies.map(({ model, provider }) => `${model} (${provider})`));
    this.#rule();
    this.#line(paint('dim', this.#words.total(replies.length, seconds, [...models].join(', '))));
    this.#line();
  }

  #rule(): void {
    this.#line();
    this.#line(paint('dim', '─'.repeat(WIDTH)));
  }

  #timed(label: string, text: string, reply: Reply<unknown>, style: Style): void {
    const width = WIDTH - this.#labelWidth;
    const time = timeOf(reply, this.#words);
    const gap = ' '.repeat(Math.max(1, width - displayWidth(text) - displayWidth(time)));
    this.#line(
      paint('bold', padEnd(label, this.#labelWidth)) + paint(style, text) + gap + paint('dim', time),
    );
  }

  /** A text beside its label, wrapped under its mark; the style is the label's, or the text's without one. */
  #labelled(label: string, text: string, style: Style = 'none', mark = ''): void {
    wrap(text, WIDTH - this.#labelWidth - displayWidth(mark)).forEach((line, index) => {
      const margin = padEnd(index === 0 ? label : '', this.#labelWidth);
      const marked = padEnd(index === 0 ? mark : '', displayWidth(mark)) + line;
      if (label === '') this.#line(margin + paint(style, marked));
      else this.#line((index === 0 ? paint(style, margin) : margin) + marked);
    });
  }

  #line(text = ''): void {
    this.#write(text === '' ? '\n' : `${INDENT}${text}\n`);
  }
}

/** A share of 1, drawn as a line: heavy up to it, light beyond. */
function bar(share: number): string {
  const heavy = Math.round(Math.min(Math.max(share, 0), 1) * BAR_LENGTH);
  return '━'.repeat(heavy) + '┄'.repeat(BAR_LENGTH - heavy);
}

function timeOf({ milliseconds, attempts }: Reply<unknown>, words: Words): string {
  const time =
    milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
  return attempts > 1 ? `${words.attempts(attempts)} · ${time}` : time;
}
