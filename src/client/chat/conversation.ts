import type { Message, Sampling } from '../api/generation.js';

/** A message and what came back. */
export interface Exchange {
  readonly user: string;
  readonly assistant: string;
  readonly model: string | null;
  /** Ctrl-C ended the answer. */
  readonly isStopped: boolean;
}

/** How the next answer is to be made. */
export interface ChatSettings {
  readonly system: string | undefined;
  readonly sampling: Sampling;
}

/** A conversation: what was said, and how it goes on. */
export class Conversation {
  settings: ChatSettings;
  readonly #exchanges: Exchange[] = [];
  /** A message that got no answer. */
  #unanswered: string | undefined;

  constructor(settings: ChatSettings) {
    this.settings = settings;
  }

  get exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  /** What to send, to have this message answered. */
  messagesWith(user: string): Message[] {
    return [...this.#messages(this.#exchanges), { role: 'user', content: user }];
  }

  /** What to send, to have the last message answered anew. */
  get retried(): { readonly user: string; readonly messages: Message[] } | undefined {
    if (this.#unanswered !== undefined)
      return { user: this.#unanswered, messages: this.messagesWith(this.#unanswered) };
    const last = this.#exchanges.at(-1);
    if (!last) return undefined;
    const before = this.#messages(this.#exchanges.slice(0, -1));
    return { user: last.user, messages: [...before, { role: 'user', content: last.user }] };
  }

  answered(exchange: Exchange, isRetry: boolean): void {
    if (isRetry && this.#unanswered === undefined) this.#exchanges.pop();
    this.#unanswered = undefined;
    this.#exchanges.push(exchange);
  }

  failed(user: string, isRetry: boolean): void {
    // What an answer was to replace stays until there is another one.
    if (!isRetry) this.#unanswered = user;
  }

  clear(): void {
    this.#exchanges.length = 0;
    this.#unanswered = undefined;
  }

  /** In the form of OpenAI's API. */
  get messages(): Message[] {
    return this.#messages(this.#exchanges);
  }

  #messages(exchanges: readonly Exchange[]): Message[] {
    const { system } = this.settings;
    const said = exchanges.flatMap(({ user, assistant }): Message[] => [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ]);
    return system ? [{ role: 'system', content: system }, ...said] : said;
  }
}
