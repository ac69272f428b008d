import { Command, CommanderError } from 'commander';
import { commandSentence } from '../command-sentence.js';
import { decimal } from '../flags.js';
import type { Terminal } from '../terminal/terminal.js';
import { inTwoColumns } from '../terminal/two-columns.js';
import type { Text } from '../text.js';

/** What a slash command asks of the chat. Arguments are undefined where they were left out. */
export interface SlashActions {
  help(): void;
  system(text: string | undefined): void;
  model(name: string | undefined): Promise<void>;
  temperature(value: number | undefined): void;
  save(file: string | undefined): void;
  clear(): void;
  retry(): Promise<void>;
  exit(): void;
}

const HELP: readonly (readonly [usage: Text, meaning: Text])[] = [
  [
    { en: '/system [TEXT]', ko: '/system [내용]' },
    {
      en: 'shows or sets the system prompt; - removes it',
      ko: '시스템 프롬프트를 보거나 바꿉니다. -는 지웁니다',
    },
  ],
  [
    { en: '/model [NAME]', ko: '/model [이름]' },
    { en: 'lists the models, or changes to one', ko: '모델 목록을 보거나 모델을 바꿉니다' },
  ],
  [
    { en: '/temperature [0-2]', ko: '/temperature [0-2]' },
    { en: 'shows or sets the temperature', ko: 'temperature를 보거나 바꿉니다' },
  ],
  [
    { en: '/retry', ko: '/retry' },
    { en: 'asks the last message again', ko: '마지막 메시지에 대한 답을 다시 받습니다' },
  ],
  [
    { en: '/clear', ko: '/clear' },
    { en: 'forgets the conversation', ko: '대화를 지우고 새로 시작합니다' },
  ],
  [
    { en: '/save [FILE]', ko: '/save [파일]' },
    { en: 'saves it as Markdown, or as .json', ko: '대화를 Markdown이나 .json으로 저장합니다' },
  ],
  [
    { en: '/exit', ko: '/exit' },
    { en: 'leaves, as Ctrl-D does', ko: '끝냅니다 (Ctrl-D도 같습니다)' },
  ],
];

const KEYS: Text = {
  en: `
Several lines: a line that ends in \\, Ctrl-J, """ before and after, or a paste.
Ctrl-C stops an answer. // begins a message with a slash.`,
  ko: `
여러 줄 입력: 줄 끝에 \\, Ctrl-J, 앞뒤로 """, 또는 붙여넣기.
Ctrl-C는 답변을 멈춥니다. 슬래시로 시작하는 메시지는 //로 시작하세요.`,
};

/** Commander says which argument of which command it was, as on a command line. */
const WHERE = /^error: (command-argument value '.*' is invalid for argument '\w+'\. )?/;

const WAY_OUT = '/help lists the commands; // begins a message with a slash.';

/** What there is to type besides messages. */
export function slashHelp({ text, columns }: Pick<Terminal, 'text' | 'columns'>): string {
  const rows = HELP.map(([usage, meaning]) => [text(usage), text(meaning)] as const);
  return inTwoColumns(rows, { columns, indent: 2, style: String }) + text(KEYS);
}

/**
 * Does what a line says that begins with a slash.
 * @returns a sentence, if it says nothing that is known
 */
export async function runSlashCommand(line: string, actions: SlashActions): Promise<string | undefined> {
  const [, name = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(line.trim()) ?? [];
  try {
    await newProgram(actions).parseAsync(rest ? [name, '--', rest] : [name], { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return `${commandSentence(error.message.replace(WHERE, ''))} ${WAY_OUT}`;
  }
}

/** Commander reads these commands too: it knows the nearest name, and what is wrong with a number. */
function newProgram(actions: SlashActions): Command {
  const program = new Command('chat')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined })
    .helpOption(false)
    .helpCommand(false);
  const add = (name: string, action: (value?: string) => void | Promise<void>, argument?: string): void => {
    const command = program.command(name).helpOption(false).action(action);
    if (argument !== undefined) command.argument(argument);
  };
  add('/help', () => {
    actions.help();
  });
  add(
    '/system',
    (text) => {
      actions.system(text);
    },
    '[text]',
  );
  add('/model', (name) => actions.model(name), '[name]');
  program
    .command('/temperature')
    .helpOption(false)
    .argument('[temperature]', '', decimal({ min: 0, max: 2 }))
    .action((value: number | undefined) => {
      actions.temperature(value);
    });
  add(
    '/save',
    (file) => {
      actions.save(file);
    },
    '[file]',
  );
  add('/clear', () => {
    actions.clear();
  });
  add('/retry', () => actions.retry());
  program
    .command('/exit')
    .alias('/quit')
    .helpOption(false)
    .action(() => {
      actions.exit();
    });
  return program;
}
