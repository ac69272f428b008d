import { FieldView } from '../structured/field-view.js';
import type { Terminal } from '../terminal/terminal.js';
import { inTwoColumns, wrapped } from '../terminal/two-columns.js';
import { visible } from '../terminal/visible.js';
import type { CallTry, WholeCall } from './call.js';
import { localTime } from './local-time.js';

/** Fields that are shown below the others. */
const BELOW = new Set(['question', 'answer', 'input', 'request', 'reply', 'tries']);

const INDENT = 2;

type Screen = Pick<Terminal, 'columns' | 'colors'>;

/** Everything about a call that people read; the request, as it came and as the engine got it, is in JSON alone. */
export function callText(call: WholeCall, screen: Screen): string {
  const { tries, question, answer, reply } = call;
  return [
    facts(call, screen),
    tries === null ? '' : section('tries', triesText(tries), screen),
    question === null ? '' : section('question', question, screen),
    answer === null ? replyText(reply, screen) : section('answer', answer, screen),
  ].join('');
}

function facts(call: WholeCall, { columns, colors }: Screen): string {
  const known = Object.entries(call).flatMap(([name, value]): [string, string][] => {
    const shown = BELOW.has(name) ? '' : factText(name, value);
    return shown === '' ? [] : [[visible(name), shown]];
  });
  return inTwoColumns(known, { columns, style: colors.bold });
}

function factText(name: string, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.join(', ');
  if (name.endsWith('_at') && typeof value === 'string') return localTime(new Date(value));
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** An object field by field, as it is shown while it comes. */
function replyText(reply: unknown, screen: Screen): string {
  if (reply === null) return '';
  let fields = '';
  const { columns, colors } = screen;
  const view = new FieldView((piece) => (fields += piece), { columns: columns - INDENT, colors });
  view.show(reply);
  return `\n${colors.bold('reply')}\n${fields.replaceAll(/^(?=.)/gm, ' '.repeat(INDENT))}`;
}

/** A line for each try, with what came of it. */
function triesText(tries: readonly CallTry[]): string {
  return tries
    .map(({ engine, ms, fault, judgement, usage }, index) => {
      const tokens = usage ? `${usage.prompt_tokens ?? 0} + ${usage.completion_tokens ?? 0} tokens` : '';
      return `${index + 1}. ${[engine, fault ?? judgement ?? 'answered', `${ms} ms`, tokens].filter(Boolean).join(' · ')}`;
    })
    .join('\n');
}

function section(name: string, text: string, { columns, colors }: Screen): string {
  return `\n${colors.bold(name)}\n${wrapped(text, { columns, indent: INDENT })}`;
}
