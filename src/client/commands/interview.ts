import { extname } from 'node:path';
import { Option } from 'commander';
import type { ClientCommand, Flags } from './command.js';
import type { LLMClient } from '../api/llm-client.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode, wrongUse } from '../faults/fault.js';
import { wholeNumber } from '../flags.js';
import type { Script } from '../interview/script.js';
import type { Text } from '../text.js';

const DEFAULT_TURNS = 6;

/** A name without an ending says nothing wrong. */
const REPORT_ENDINGS: ReadonlySet<string> = new Set(['', '.md', '.markdown', '.txt']);

const DEFAULT_ROLE: Text = { en: 'backend developer', ko: '백엔드 개발자' };

const EXAMPLES: Text = {
  en: `
--lang is the language of the interview too. A pipe answers a line at a time.

Examples:
  npm run client -- interview --role "frontend developer" --topic caching
  npm run client -- interview --lang ko --turns 3 --feedback
  npm run client -- interview --file examples/interview.en.json --output mine.md`,
  ko: `
--lang은 면접의 언어이기도 합니다. 파이프로 답하면 한 줄이 답변 하나입니다.

예:
  npm run client -- interview --lang ko
  npm run client -- interview --lang ko --role "프론트엔드 개발자" --topic 성능
  npm run client -- interview --lang ko --turns 3 --feedback
  npm run client -- interview --lang ko --file examples/interview.ko.json`,
};

const SAYINGS = {
  saved: { en: 'Saved as', ko: '저장한 파일:' },
  calls: { en: 'Its calls:', ko: '호출 기록:' },
  nothing: { en: 'Nothing was answered, so nothing is saved.', ko: '답변이 없어 저장하지 않았습니다.' },
} satisfies Record<string, Text>;

/** The command line of an interview. */
interface Options {
  readonly role: string | undefined;
  readonly topic: string | undefined;
  readonly file: string | undefined;
  readonly turns: number;
  readonly feedback: boolean;
  readonly model: string | undefined;
  readonly output: string | undefined;
}

export const interview: ClientCommand = {
  name: 'interview',
  summary: {
    en: 'A whole interview: it asks, you answer, the report follows',
    ko: '모의 면접을 봅니다. 질문에 답하면 끝에 보고서를 씁니다',
  },
  asksServer: true,
  describe(command, text) {
    command
      .option('--role <text>', text({ en: `position (${DEFAULT_ROLE.en})`, ko: `직무 (${DEFAULT_ROLE.ko})` }))
      .option('--topic <text>', text({ en: 'subject to stay with', ko: '집중할 주제' }))
      .addOption(
        new Option(
          '--file <file>',
          text({
            en: 'an interview of your own, as examples/interview.en.json',
            ko: '직접 만든 면접 (examples/interview.ko.json 형식)',
          }),
        ).conflicts(['role', 'topic']),
      )
      .option(
        '--turns <number>',
        text({ en: `answers at the most (${DEFAULT_TURNS})`, ko: `최대 답변 수 (${DEFAULT_TURNS})` }),
        wholeNumber({ min: 1, max: 40 }),
      )
      .option('--feedback', text({ en: 'a judgement behind every answer', ko: '답변마다 피드백 받기' }))
      .option(
        '--model <name>',
        text({ en: 'else the server’s own', ko: '사용할 모델 (없으면 서버의 첫 모델)' }),
      )
      .option(
        '--output <file>',
        text({ en: 'report (interview-DATE-TIME.md)', ko: '보고서 파일 (interview-날짜-시각.md)' }),
      )
      .addHelpText('after', text(EXAMPLES));
  },
  withoutOutput: () => 'undone',
  async run(context, flags) {
    const options = optionsOf(flags);
    const { withClient } = await import('../with-client.js');
    return withClient(context, (client) => hold(context, client, options));
  },
};

async function hold(context: Context, client: LLMClient, options: Options): Promise<ExitCode> {
  const { terminal, stop } = context;
  const script = await scriptOf(context, options);
  const model = await answeringModel(context, client, options.model);
  const [{ randomUUID }, { InterviewRecord }, { InterviewSession }, { stampOf }, { openLines }, { visible }] =
    await Promise.all([
      import('node:crypto'),
      import('../interview/record.js'),
      import('../interview/interview-session.js'),
      import('../markdown.js'),
      import('../terminal/open-lines.js'),
      import('../terminal/visible.js'),
    ]);
  const began = new Date();
  const id = `iv-${stampOf(began)}-${randomUUID().slice(0, 8)}`;
  const record = InterviewRecord.create(options.output, { script, id, model, began });
  const { bold, dim } = terminal.errorColors;
  terminal.note(`${bold(visible(script.title))} ${dim(`· ${visible(model)}`)}`);
  const lines = openLines(terminal, stop);
  const { turns, feedback: hasFeedback } = options;
  const parts = { terminal, client, lines, record, script, id, turns, hasFeedback, stop };
  try {
    return await new InterviewSession({ ...parts, model: options.model }).run();
  } finally {
    lines.close();
    if (record.turns.length === 0) {
      record.discard();
      terminal.note(terminal.text(SAYINGS.nothing));
    } else {
      terminal.note(`\n${terminal.text(SAYINGS.saved)} ${visible(record.file)}`);
      terminal.note(`${terminal.text(SAYINGS.calls)} npm run client -- logs list --interview ${id}`);
    }
  }
}

async function scriptOf({ terminal }: Context, { file, role, topic }: Options): Promise<Script> {
  if (file !== undefined) {
    const { readScript } = await import('../interview/read-script.js');
    return readScript(file);
  }
  const { builtInScript } = await import('../interview/script.js');
  return builtInScript(terminal.language, { role: role ?? terminal.text(DEFAULT_ROLE), topic });
}

/** A server that is away, is no LLM Service or wants another key is said before the first question. */
async function answeringModel(
  { server, stop }: Context,
  client: LLMClient,
  chosen: string | undefined,
): Promise<string> {
  const { kind, ready } = await client.health(stop);
  if (kind !== 'llm-service') {
    throw new ClientFault(
      1,
      `${server.url} answers, but an interview needs LLM Service. Name one with --url or LLM_SERVICE_URL.`,
    );
  }
  if (!ready) {
    throw new ClientFault(
      3,
      `${server.url} answers, but is not ready. Try again in a moment; npm run client -- health says why.`,
    );
  }
  const models = await client.models(stop);
  return chosen ?? models[0] ?? '';
}

/** @throws ClientFault a flag is empty, or the report's name says that it is something else */
function optionsOf(flags: Flags): Options {
  const options = readOptions(flags);
  for (const name of ['role', 'topic'] as const) {
    if (options[name]?.trim() === '')
      throw wrongUse(`--${name} is empty; write it behind the flag, in quotes, or leave the flag out.`);
  }
  const { output } = options;
  if (output !== undefined && !REPORT_ENDINGS.has(extname(output).toLowerCase()))
    throw wrongUse(`--output ${output}: the report is Markdown; give it a name that ends with .md or .txt.`);
  return options;
}

function readOptions(flags: Flags): Options {
  return {
    role: flags.role as string | undefined,
    topic: flags.topic as string | undefined,
    file: flags.file as string | undefined,
    turns: (flags.turns as number | undefined) ?? DEFAULT_TURNS,
    feedback: flags.feedback === true,
    model: flags.model as string | undefined,
    output: flags.output as string | undefined,
  };
}
