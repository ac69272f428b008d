import { feedbackPrompts, type TaskPrompts, reportPrompts, stepPrompts } from './prompts.js';
import type { InterviewRecord } from './record.js';
import { type Decision, toDecision, toFeedback, toReport } from './replies.js';
import { ReportView } from './report-view.js';
import type { Script } from './script.js';
import { runSlashCommand, slashHelp } from './slash-commands.js';
import { WORDS } from './words.js';
import { CallFailed } from '../api/call-failed.js';
import type { LLMClient, StructuredEvent, StructuredTask } from '../api/llm-client.js';
import { ClientFault, type ExitCode } from '../faults/fault.js';
import type { LineSource } from '../terminal/line-source.js';
import type { Terminal } from '../terminal/terminal.js';
import { TextFlow, wrap } from '../terminal/text-flow.js';
import { showWaiting } from '../terminal/waiting.js';
import type { Text } from '../text.js';

/** A word alone: commands take nothing behind them, and an answer that begins with a path is one. */
const COMMAND = /^\/[^\s/]*$/;

const SAYINGS = {
  hint: {
    en: '/help for commands · /end or Ctrl-D: finish with the report',
    ko: '/help 명령 안내 · /end 또는 Ctrl-D: 면접을 마치고 보고서 받기',
  },
  menu: {
    en: 'Enter: go on · f: finish with the report · l: leave > ',
    ko: 'Enter: 계속 · f: 보고서 받고 끝내기 · l: 나가기 > ',
  },
  tryAgain: {
    en: 'Your answer is kept. Enter: try again · Ctrl-C: finish or leave > ',
    ko: '답변은 저장되어 있습니다. Enter: 다시 시도 · Ctrl-C: 끝내기/나가기 > ',
  },
  noFeedback: { en: 'There is no feedback on this answer.', ko: '이 답변에는 피드백이 없습니다.' },
  void: { en: '(It is being written anew.)', ko: '(다시 작성하고 있습니다.)' },
} satisfies Record<string, Text>;

/** What was typed where letters are chosen; a Korean keyboard gives ㄹ for f and ㅣ for l. */
const FINISH = /^(f|finish|ㄹ)$/iu;
const LEAVE = /^(l|leave|q|quit|ㅣ|ㅂ)$/iu;

/** How an interview goes on. */
type Way = 'go on' | 'finish' | 'leave';

/** What an interview works with. */
export interface InterviewParts {
  readonly terminal: Terminal;
  readonly client: LLMClient;
  readonly lines: LineSource;
  readonly record: InterviewRecord;
  readonly script: Script;
  /** Under which the call log keeps it together. */
  readonly id: string;
  /** Answers at the most. */
  readonly turns: number;
  readonly model: string | undefined;
  readonly hasFeedback: boolean;
  readonly stop: AbortSignal;
}

/** One interview, from the first question to the report. */
export class InterviewSession {
  #hasFailed = false;

  constructor(private readonly parts: InterviewParts) {}

  async run(): Promise<ExitCode> {
    const { stop, record, terminal, lines } = this.parts;
    if (lines.isInteractive) terminal.note(this.#dim(terminal.text(SAYINGS.hint)));
    const way = await this.#hold();
    if (way === 'finish' && record.turns.length > 0) await this.#report();
    if (stop.aborted || (way === 'leave' && !this.#hasFailed)) return 130;
    return this.#hasFailed ? 1 : 0;
  }

  /** Asks and listens until the end. @returns `finish` or `leave` */
  async #hold(): Promise<Way> {
    const { script, record, turns } = this.parts;
    let question = script.firstQuestion;
    let isFollowUp = false;
    this.#heading(isFollowUp);
    this.#show(question);
    for (;;) {
      const answer = await this.#listen();
      if (answer === 'finish' || answer === 'leave') return answer;
      this.#keep(() => {
        record.add({ isFollowUp, question, answer: answer.text });
      });
      await this.#judge();
      const isLast = record.turns.length >= turns;
      const decision = await this.#decide(isLast);
      if (decision === 'finish' || decision === 'leave') return decision;
      if (isLast || decision.action === 'NEXT_PHASE') return 'finish';
      question = decision.message;
      isFollowUp = decision.action === 'FOLLOW_UP';
    }
  }

  async #listen(): Promise<{ readonly text: string } | 'finish' | 'leave'> {
    const { lines, terminal } = this.parts;
    const { bold, cyan } = terminal.errorColors;
    for (;;) {
      const line = await lines.read(bold(cyan('> ')));
      if (line.type === 'end') return this.#atEnd();
      if (line.type === 'interrupt') {
        if (!line.wasEmpty) continue;
        const way = await this.#menu();
        if (way !== 'go on') return way;
        continue;
      }
      const text = line.text.trim();
      if (COMMAND.test(text)) {
        if (await this.#isEndedBy(text)) return 'finish';
      } else if (text !== '') return { text: text.startsWith('//') ? text.slice(1) : text };
    }
  }

  /** Does what a line says that begins with a slash. */
  async #isEndedBy(line: string): Promise<boolean> {
    const { terminal, lines } = this.parts;
    let isEnd = false;
    const complaint = await runSlashCommand(line, {
      // What was asked for is said even where `--quiet` is.
      help: () => {
        terminal.host.stderr.write(`${slashHelp(terminal)}\n`);
      },
      finish: () => {
        isEnd = true;
      },
    });
    if (complaint !== undefined) {
      terminal.error(this.#wrapped(complaint));
      // Nobody is there to type it anew.
      if (!lines.isInteractive) this.#hasFailed = true;
    }
    return isEnd;
  }

  #atEnd(): 'finish' | 'leave' {
    return this.parts.stop.aborted ? 'leave' : 'finish';
  }

  /** Asked behind Ctrl-C. */
  async #menu(): Promise<Way> {
    const { lines, terminal, record } = this.parts;
    for (;;) {
      const line = await lines.read(this.#dim(terminal.text(SAYINGS.menu)));
      if (line.type !== 'line' || LEAVE.test(line.text.trim())) return 'leave';
      if (line.text.trim() === '') return 'go on';
      if (FINISH.test(line.text.trim())) return record.turns.length > 0 ? 'finish' : 'leave';
    }
  }

  /** Feedback is an extra: without it the interview goes on. */
  async #judge(): Promise<void> {
    const { hasFeedback, script, record, terminal } = this.parts;
    if (!hasFeedback) return;
    const prompts = feedbackPrompts(script, record.turns);
    const pass = script.passMark === undefined ? {} : { pass_mark: script.passMark };
    try {
      terminal.note('');
      const reply = await this.#showJudgement('feedback', { ...prompts, ...pass });
      this.#keep(() => {
        record.judge(toFeedback(reply));
      });
    } catch (error) {
      this.#complain(error);
      terminal.note(this.#dim(terminal.text(SAYINGS.noFeedback)));
    }
  }

  /** What the interviewer says next, shown as it comes. */
  #decide(isLast: boolean): Promise<Decision | 'finish' | 'leave'> {
    const { script, record } = this.parts;
    const body = {
      ...stepPrompts(script, record.turns, isLast),
      stream_fields: ['/action', '/message'],
    };
    return this.#persist(async () => toDecision(await this.#showMessage(body, isLast)));
  }

  async #report(): Promise<void> {
    const { script, record, terminal } = this.parts;
    const { bold } = terminal.errorColors;
    terminal.note(
      `\n${bold(script.language === terminal.language ? terminal.text(WORDS.report) : WORDS.report[script.language])}`,
    );
    const report = await this.#persist(async () =>
      toReport(await this.#showJudgement('report', reportPrompts(script, record.turns))),
    );
    if (report === 'finish' || report === 'leave') this.#hasFailed = true;
    else {
      this.#keep(() => {
        record.conclude(report);
      });
    }
  }

  /** Does it until it succeeds, or the person has had enough. */
  async #persist<T>(work: () => Promise<T>): Promise<T | 'finish' | 'leave'> {
    const { lines, stop } = this.parts;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const isInterrupted = this.#complain(error);
        if (stop.aborted) return 'leave';
        if (!lines.isInteractive) {
          this.#hasFailed = true;
          return 'leave';
        }
        const way = isInterrupted ? await this.#menu() : await this.#offerAgain();
        if (way !== 'go on') return way;
      }
    }
  }

  async #offerAgain(): Promise<Way> {
    const { lines, terminal } = this.parts;
    const line = await lines.read(this.#dim(terminal.text(SAYINGS.tryAgain)));
    if (line.type === 'interrupt') return this.#menu();
    if (line.type === 'line' && COMMAND.test(line.text.trim()))
      return (await this.#isEndedBy(line.text.trim())) ? 'finish' : this.#offerAgain();
    return line.type === 'end' ? this.#atEnd() : 'go on';
  }

  /** @returns whether Ctrl-C was what failed it @throws what is no failed call */
  #complain(error: unknown): boolean {
    const { terminal } = this.parts;
    if (!(error instanceof CallFailed)) throw error;
    if (error.kind === 'interrupted') return true;
    terminal.error(this.#wrapped(error.message));
    terminal.detail(error.stack ?? '');
    return false;
  }

  async #showMessage(body: TaskPrompts, isLast: boolean): Promise<unknown> {
    let action = '';
    let flow: TextFlow | undefined;
    try {
      return await this.#stream('step', body, ({ name, data }) => {
        if (name === 'field.done' && data.path === '/action') action = String(data.value);
        if (name !== 'field.delta' || data.path !== '/message') return;
        if (!flow) {
          if (isLast || action === 'NEXT_PHASE') this.parts.terminal.note('');
          else this.#heading(action === 'FOLLOW_UP');
          flow = this.#flow();
        }
        flow.write(String(data.text));
      });
    } finally {
      flow?.end();
    }
  }

  async #showJudgement(task: 'feedback' | 'report', body: TaskPrompts): Promise<unknown> {
    const { terminal, script } = this.parts;
    const view = new ReportView(terminal, (word) => word[script.language]);
    try {
      return await this.#stream(task, body, ({ name, data }) => {
        if (name === 'field.delta') view.delta(String(data.path), String(data.text));
        if (name === 'field.done') view.done(String(data.path), data.value);
        if (name !== 'reset' || !view.hasBegun) return;
        view.reset();
        terminal.note(this.#dim(terminal.text(SAYINGS.void)));
      });
    } finally {
      view.end();
    }
  }

  /** @returns the checked reply */
  #stream(
    task: StructuredTask,
    prompts: TaskPrompts,
    onEvent: (event: StructuredEvent) => void,
  ): Promise<unknown> {
    const { client, lines, terminal, id, model, record } = this.parts;
    const body = { ...prompts, interview_id: id, turn: record.turns.length, ...(model && { model }) };
    return lines.interruptible(async (signal) => {
      const hideWaiting = showWaiting(terminal);
      try {
        for await (const event of client.structured(task, body, signal)) {
          if (event.name === 'result') return event.data.reply;
          if (event.name !== 'field.done') hideWaiting();
          onEvent(event);
        }
        return undefined;
      } finally {
        hideWaiting();
      }
    });
  }

  #heading(isFollowUp: boolean): void {
    const { terminal, record, turns } = this.parts;
    const mark = isFollowUp ? ` · ${terminal.text(WORDS.followUp)}` : '';
    terminal.note(`\n${this.#dim(`${record.turns.length + 1}/${turns}${mark}`)}`);
  }

  #show(question: string): void {
    const flow = this.#flow();
    flow.write(question);
    flow.end();
  }

  #flow(): TextFlow {
    const { terminal } = this.parts;
    return new TextFlow({
      columns: terminal.columns,
      write: (text) => {
        terminal.print(terminal.colors.bold(text));
      },
    });
  }

  /** A record that cannot be written any more is no reason to lose the interview. */
  #keep(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof ClientFault)) throw error;
      this.parts.terminal.error(this.#wrapped(error.message));
    }
  }

  #wrapped(sentence: string): string {
    const { lines, terminal } = this.parts;
    return lines.isInteractive ? wrap(sentence, terminal.columns).join('\n') : sentence;
  }

  #dim(text: string): string {
    return this.parts.terminal.errorColors.dim(text);
  }
}
