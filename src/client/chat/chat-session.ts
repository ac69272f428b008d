import { AnswerView } from './answer-view.js';
import type { Conversation } from './conversation.js';
import type { History } from './history.js';
import { saveConversation } from './save.js';
import { runSlashCommand, slashHelp, type SlashActions } from './slash-commands.js';
import { CallFailed } from '../api/call-failed.js';
import type { Message } from '../api/generation.js';
import type { ChatPiece, LLMClient } from '../api/llm-client.js';
import { ClientFault, type ExitCode } from '../faults/fault.js';
import { inSeconds, inTokens } from '../measures.js';
import type { TypedLine, LineSource } from '../terminal/line-source.js';
import type { Terminal } from '../terminal/terminal.js';
import { wrap } from '../terminal/text-flow.js';
import { visible, visibleLines } from '../terminal/visible.js';
import type { Text } from '../text.js';

const SAYINGS = {
  hint: { en: '/help for commands, Ctrl-D to leave', ko: '/help 명령 안내, Ctrl-D 종료' },
  howToLeave: {
    en: 'Ctrl-C again leaves; so do Ctrl-D and /exit.',
    ko: '끝내려면 Ctrl-C를 한 번 더 누르거나 Ctrl-D 또는 /exit를 입력하세요.',
  },
  stopped: { en: 'stopped', ko: '중단됨' },
  cut: {
    en: 'cut at max_tokens: ask it to go on, or raise --max-tokens',
    ko: 'max_tokens에서 잘렸습니다. 이어 달라고 하거나 --max-tokens를 늘리세요',
  },
  empty: { en: 'The answer has no text.', ko: '답변에 내용이 없습니다.' },
  tooLong: { en: '/clear begins anew.', ko: '/clear로 대화를 새로 시작할 수 있습니다.' },
  retryHint: { en: '/retry asks again.', ko: '/retry로 다시 물을 수 있습니다.' },
  nothingToRetry: { en: 'There is no message yet.', ko: '아직 보낸 메시지가 없습니다.' },
  noSystem: { en: 'There is no system prompt.', ko: '시스템 프롬프트가 없습니다.' },
  systemSet: { en: 'System prompt set.', ko: '시스템 프롬프트를 바꿨습니다.' },
  systemRemoved: { en: 'System prompt removed.', ko: '시스템 프롬프트를 지웠습니다.' },
  notListed: {
    en: 'The server does not list this model; /model shows those that it has.',
    ko: '서버 목록에 없는 모델입니다. /model로 목록을 볼 수 있습니다.',
  },
  serverDecides: { en: 'The server decides the temperature.', ko: 'temperature는 서버 기본값입니다.' },
  cleared: { en: 'The conversation begins anew.', ko: '대화를 새로 시작합니다.' },
  saved: { en: 'Saved as', ko: '저장한 파일:' },
} satisfies Record<string, Text>;

type End = Extract<ChatPiece, { readonly type: 'end' }>;

/** What a session works with. */
export interface ChatParts {
  readonly terminal: Terminal;
  readonly client: LLMClient;
  readonly lines: LineSource;
  readonly history: History;
  readonly conversation: Conversation;
  readonly stop: AbortSignal;
}

/** A chat at a terminal or through a pipe, from the first line to the last. */
export class ChatSession {
  #isLeaving = false;
  /** Ctrl-C was the last thing that was typed. */
  #isWarned = false;
  #failures = 0;
  readonly #actions: SlashActions;

  constructor(private readonly parts: ChatParts) {
    this.#actions = this.#newActions();
  }

  /** @param model what answers unless another is asked for */
  async run(model: string, url: string): Promise<ExitCode> {
    const { lines, terminal, stop } = this.parts;
    if (lines.isInteractive) {
      terminal.note(terminal.errorColors.dim(`${visible(model)} · ${url}\n${terminal.text(SAYINGS.hint)}\n`));
    }
    while (!this.#isLeaving) await this.#take(await lines.read(this.#prompt));
    if (stop.aborted) return 130;
    return this.#failures > 0 && !lines.isInteractive ? 1 : 0;
  }

  get #prompt(): string {
    const { bold, cyan } = this.parts.terminal.errorColors;
    return bold(cyan('> '));
  }

  async #take(line: TypedLine): Promise<void> {
    if (line.type === 'end') this.#isLeaving = true;
    else if (line.type === 'interrupt') this.#warn(line.wasEmpty);
    else {
      this.#isWarned = false;
      // A paste brings the end of its last line.
      await this.#obey(line.text.trimEnd());
    }
  }

  #warn(wasEmpty: boolean): void {
    if (!wasEmpty) return;
    if (this.#isWarned) this.#isLeaving = true;
    else this.#say(SAYINGS.howToLeave);
    this.#isWarned = true;
  }

  /** Through a pipe, a line is a message whatever it says. */
  async #obey(text: string): Promise<void> {
    const { lines, history } = this.parts;
    if (text === '') return;
    if (!lines.isInteractive) return this.#ask(text);
    history.add(text);
    if (text.startsWith('//')) return this.#ask(text.slice(1));
    if (!text.startsWith('/')) return this.#ask(text);
    const complaint = await runSlashCommand(text, this.#actions);
    if (complaint !== undefined) this.#complain(complaint);
  }

  #ask(user: string): Promise<void> {
    return this.#answer(user, this.parts.conversation.messagesWith(user), false);
  }

  async #answer(user: string, messages: readonly Message[], isRetry: boolean): Promise<void> {
    const { terminal, lines, conversation, stop } = this.parts;
    const view = new AnswerView(terminal);
    try {
      const end = await lines.interruptible((signal) => this.#receive(messages, view, signal));
      view.end();
      if (end?.finishReason === 'abort')
        throw new CallFailed('refused', 'The server broke the answer off: ask again.');
      if (view.text === '') terminal.note(terminal.text(SAYINGS.empty));
      conversation.answered(
        { user, assistant: view.text, model: end?.model ?? null, isStopped: false },
        isRetry,
      );
      this.#sumUp(view, end);
    } catch (error) {
      view.end();
      if (!(error instanceof CallFailed)) throw error;
      if (stop.aborted) this.#isLeaving = true;
      else if (error.kind === 'interrupted' && view.text !== '') {
        conversation.answered({ user, assistant: view.text, model: null, isStopped: true }, isRetry);
        this.#remark(terminal.text(SAYINGS.stopped));
      } else this.#fail(error, user, isRetry);
    }
  }

  async #receive(
    messages: readonly Message[],
    view: AnswerView,
    signal: AbortSignal,
  ): Promise<End | undefined> {
    const { client, conversation } = this.parts;
    for await (const piece of client.chat(messages, { ...conversation.settings.sampling, signal })) {
      if (piece.type === 'end') return piece;
      view.write(piece.text);
    }
    return undefined;
  }

  #sumUp({ seconds }: AnswerView, end: End | undefined): void {
    const { terminal } = this.parts;
    const parts = [
      inSeconds(seconds, terminal.text),
      ...(end?.completionTokens == null ? [] : [inTokens(end.completionTokens, terminal.text)]),
      ...(end?.finishReason === 'length' ? [terminal.text(SAYINGS.cut)] : []),
    ];
    this.#remark(parts.join(' · '));
  }

  #fail(error: CallFailed, user: string, isRetry: boolean): void {
    const { terminal, lines, conversation } = this.parts;
    this.#failures++;
    conversation.failed(user, isRetry);
    const way = error.facts.code === 'CONTEXT_TOO_LONG' ? SAYINGS.tooLong : SAYINGS.retryHint;
    const hint = lines.isInteractive ? ` ${terminal.text(way)}` : '';
    if (error.kind === 'interrupted') this.#remark(`${terminal.text(SAYINGS.stopped)}.${hint}`);
    else this.#complain(error.message + hint);
    terminal.detail(error.stack ?? '');
  }

  /** A line beside the conversation, and one that keeps what follows apart. */
  #remark(text: string): void {
    const { terminal, lines } = this.parts;
    if (lines.isInteractive) terminal.note(`${terminal.errorColors.dim(text)}\n`);
  }

  /** What was asked for is said even where `--quiet` is. */
  #say(text: Text | string): void {
    const { terminal } = this.parts;
    const sentence = typeof text === 'string' ? text : terminal.text(text);
    terminal.host.stderr.write(`${terminal.errorColors.dim(sentence)}\n`);
  }

  #complain(sentence: string): void {
    const { terminal, lines } = this.parts;
    terminal.error(lines.isInteractive ? wrap(sentence, terminal.columns).join('\n') : sentence);
  }

  #newActions(): SlashActions {
    const { terminal, conversation } = this.parts;
    return {
      help: () => {
        terminal.host.stderr.write(`${slashHelp(terminal)}\n`);
      },
      system: (text) => {
        this.#setSystem(text);
      },
      model: (name) => this.#setModel(name),
      temperature: (value) => {
        this.#setTemperature(value);
      },
      save: (file) => {
        this.#save(file ?? '');
      },
      clear: () => {
        conversation.clear();
        this.#say(SAYINGS.cleared);
      },
      retry: () => this.#retry(),
      exit: () => {
        this.#isLeaving = true;
      },
    };
  }

  async #retry(): Promise<void> {
    const { retried } = this.parts.conversation;
    if (retried) await this.#answer(retried.user, retried.messages, true);
    else this.#say(SAYINGS.nothingToRetry);
  }

  #setSystem(text: string | undefined): void {
    const { conversation } = this.parts;
    const { settings } = conversation;
    if (text === undefined) {
      this.#say(settings.system === undefined ? SAYINGS.noSystem : visibleLines(settings.system));
      return;
    }
    const system = text === '-' ? undefined : text;
    conversation.settings = { ...settings, system };
    this.#say(system === undefined ? SAYINGS.systemRemoved : SAYINGS.systemSet);
  }

  async #setModel(name: string | undefined): Promise<void> {
    const { conversation } = this.parts;
    const { settings } = conversation;
    if (name === undefined) return this.#listModels();
    conversation.settings = { ...settings, sampling: { ...settings.sampling, model: name } };
    this.#say(visible(name));
    const models = await this.#models();
    if (models && models.length > 0 && !models.includes(name)) this.#say(SAYINGS.notListed);
  }

  /** @returns nothing where the server does not say them */
  async #models(): Promise<readonly string[] | undefined> {
    const { client, lines } = this.parts;
    try {
      return await lines.interruptible((signal) => client.models(signal));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      this.#complain(error.message);
      return undefined;
    }
  }

  async #listModels(): Promise<void> {
    const models = (await this.#models()) ?? [];
    const chosen = this.parts.conversation.settings.sampling.model ?? models[0];
    for (const model of models) this.#say(`${model === chosen ? '*' : ' '} ${visible(model)}`);
  }

  #setTemperature(value: number | undefined): void {
    const { conversation } = this.parts;
    const { settings } = conversation;
    const temperature = value ?? settings.sampling.temperature;
    conversation.settings = { ...settings, sampling: { ...settings.sampling, temperature } };
    this.#say(temperature === undefined ? SAYINGS.serverDecides : `temperature ${temperature}`);
  }

  #save(path: string): void {
    const { terminal, conversation } = this.parts;
    try {
      this.#say(
        `${terminal.text(SAYINGS.saved)} ${visible(saveConversation(conversation, path, terminal.text))}`,
      );
    } catch (error) {
      if (!(error instanceof ClientFault)) throw error;
      this.#complain(error.message);
    }
  }
}
