import { SEVERAL_LINES, SlashWords } from '../slash-words.js';
import type { Terminal } from '../terminal/terminal.js';
import { inTwoColumns } from '../terminal/two-columns.js';
import type { Text } from '../text.js';

/** What a slash command asks of the interview. */
export interface SlashActions {
  help(): void;
  finish(): void;
}

const FINISH: Text = {
  en: 'finishes with the report, as Ctrl-D does',
  ko: '면접을 마치고 보고서를 받습니다 (Ctrl-D도 같습니다)',
};

const KEYS: Text = {
  en: 'Ctrl-C asks whether to finish or leave. // begins an answer with a slash.',
  ko: 'Ctrl-C는 마칠지 나갈지 묻습니다. 슬래시로 시작하는 답변은 //로 시작하세요.',
};

/** What there is to type besides answers. */
export function slashHelp({ text, columns }: Pick<Terminal, 'text' | 'columns'>): string {
  const rows = inTwoColumns([['/end, /exit', text(FINISH)]], { columns, indent: 2, style: String });
  return `${rows}\n${text(SEVERAL_LINES)}\n${text(KEYS)}`;
}

/** Does what a line says that begins with a slash. @returns a sentence, if it says nothing that is known */
export function runSlashCommand(line: string, actions: SlashActions): Promise<string | undefined> {
  return new SlashWords()
    .add(['/help'], () => {
      actions.help();
    })
    .add(['/end'], () => {
      actions.finish();
    })
    .add(['/exit', '/quit'], () => {
      actions.finish();
    })
    .obey(line, 'an answer');
}
