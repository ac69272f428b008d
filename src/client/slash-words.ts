import { Command, CommanderError } from 'commander';
import { typedLineSentence } from './command-sentence.js';
import type { Text } from './text.js';

/** How a text of several lines is typed. */
export const SEVERAL_LINES: Text = {
  en: 'Several lines: a line that ends in \\, Ctrl-J, """ before and after, or a paste.',
  ko: '여러 줄 입력: 줄 끝에 \\, Ctrl-J, 앞뒤로 """, 또는 붙여넣기.',
};

/** Words that begin with a slash, to be typed where messages are: commander knows the nearest. */
export class SlashWords {
  readonly #program = new Command('words')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .helpOption(false)
    .helpCommand(false);

  /** Adds one to which nothing is added. */
  add([name, ...aliases]: readonly [string, ...string[]], action: () => void | Promise<void>): this {
    this.#program.command(name).aliases(aliases).helpOption(false).action(action);
    return this;
  }

  /** Adds one that the rest of its line may say more of. An InvalidArgumentError says what that must be. */
  addWithText(name: string, action: (text: string | undefined) => void | Promise<void>): this {
    this.#program.command(name).argument('[text]').helpOption(false).action(action);
    return this;
  }

  /**
   * Does what a line says that begins with a slash, in small letters or capitals.
   * @param kind what is typed besides: a message, or an answer
   * @returns a sentence, if it says nothing that is known
   */
  async obey(line: string, kind: 'a message' | 'an answer'): Promise<string | undefined> {
    const [, typed = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(line.trim()) ?? [];
    const name = typed.toLowerCase();
    try {
      await this.#program.parseAsync(rest ? [name, '--', rest] : [name], { from: 'user' });
      return undefined;
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      const said = typedLineSentence(error.message.replace(/^It (?=must )/, `${name} `));
      return `${said} /help lists the commands; // begins ${kind} with a slash.`;
    }
  }
}
