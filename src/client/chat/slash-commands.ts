import { decimal } from '../flags.js';
import { SEVERAL_LINES, SlashWords } from '../slash-words.js';
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

const TEMPERATURE = decimal({ min: 0, max: 2 });

const KEYS: Text = {
  en: 'Ctrl-C stops an answer. // begins a message with a slash.',
  ko: 'Ctrl-C는 답변을 멈춥니다. 슬래시로 시작하는 메시지는 //로 시작하세요.',
};

/** What there is to type besides messages. */
export function slashHelp({ text, columns }: Pick<Terminal, 'text' | 'columns'>): string {
  const rows = HELP.map(([usage, meaning]) => [text(usage), text(meaning)] as const);
  return (
    inTwoColumns(rows, { columns, indent: 2, style: String }) + `\n${text(SEVERAL_LINES)}\n${text(KEYS)}`
  );
}

/** Does it. @returns a sentence, if the line says nothing that is known */
export function runSlashCommand(line: string, actions: SlashActions): Promise<string | undefined> {
  return wordsFor(actions).obey(line, 'a message');
}

function wordsFor(actions: SlashActions): SlashWords {
  return new SlashWords()
    .add(['/help'], () => {
      actions.help();
    })
    .addWithText('/system', (text) => {
      actions.system(text);
    })
    .addWithText('/model', (name) => actions.model(name))
    .addWithText('/temperature', (text) => {
      actions.temperature(text === undefined ? undefined : TEMPERATURE(text));
    })
    .addWithText('/save', (file) => {
      actions.save(file);
    })
    .add(['/clear'], () => {
      actions.clear();
    })
    .add(['/retry'], () => actions.retry())
    .add(['/exit', '/quit'], () => {
      actions.exit();
    });
}
