import { type Command, Option } from 'commander';
import type { StructuredTask } from '../api/llm-client.js';
import { wholeNumber } from '../flags.js';
import { type Encoding, ENCODINGS } from '../prompts/choices.js';
import { addSamplingFlags, type SamplingValues, several } from '../sampling-flags.js';
import type { Text } from '../text.js';

/** The service's own bounds (its /docs). */
const MAX_SEED = 2_147_483_647;
const MAX_TOKENS = 131_072;
const MAX_TURN = 100_000;
const MAX_PASS_MARK = 10;

/** Fields of each task's reply, as examples. */
const SOME_FIELDS: Readonly<Record<StructuredTask, string>> = {
  step: 'message,action',
  feedback: 'feedback,score',
  report: 'summary,overall_score',
};

/** What a structured command was given. */
export interface StructuredFlags extends SamplingValues {
  readonly system?: string;
  readonly prompt?: string;
  readonly body?: string;
  readonly encoding?: Encoding;
  readonly passMark?: number;
  readonly fields?: readonly string[];
  readonly interview?: string;
  readonly turn?: number;
  readonly user?: string;
  readonly tag?: readonly string[];
  readonly json?: boolean;
}

/** Fields of a request's body and the flags that set them. */
export const BODY_FLAGS = {
  system_prompt: '--system',
  user_prompt: '--prompt',
  pass_mark: '--pass-mark',
  model: '--model',
  temperature: '--temperature',
  top_p: '--top-p',
  max_tokens: '--max-tokens',
  seed: '--seed',
  stop: '--stop',
  stream_fields: '--fields',
  interview_id: '--interview',
  turn: '--turn',
  user_id: '--user',
  tags: '--tag',
} as const;

/** Adds what a structured command takes. */
export function addStructuredFlags(
  command: Command,
  text: (text: Text) => string,
  task: StructuredTask,
): void {
  command
    .argument(
      '[file]',
      text({
        en: 'the material, such as a transcript; - reads standard input',
        ko: '질문과 답변 등 자료 파일, -는 표준 입력',
      }),
    )
    .option('--system <text|@file>', text({ en: 'instructions for the model', ko: '모델에게 줄 지시' }))
    .option('--prompt <text|@file>', text({ en: 'the material, instead of a file', ko: '자료 (파일 대신)' }))
    .option(
      '--body <file>',
      text({
        en: 'a whole request in JSON, - for standard input; flags win over it',
        ko: 'JSON 요청 파일, -는 표준 입력 (플래그가 우선)',
      }),
    )
    .addOption(
      new Option('--encoding <name>', text({ en: 'of these files', ko: '파일 인코딩' })).choices(ENCODINGS),
    );
  if (task === 'feedback') {
    command.option(
      '--pass-mark <score>',
      text({ en: 'score from which an answer passes', ko: '합격 기준 점수' }),
      wholeNumber({ min: 0, max: MAX_PASS_MARK }),
    );
  }
  command.option('--json', text({ en: 'the reply as JSON', ko: '응답을 JSON으로 출력' })).option(
    '--fields <names>',
    text({
      en: `only these, such as ${SOME_FIELDS[task]}`,
      ko: `일부 필드만 (예: ${SOME_FIELDS[task]})`,
    }),
    (names: string) => names.split(',').map((name) => name.trim()),
  );
  addSamplingFlags(command, text, {
    maxTokens: { min: 1, max: MAX_TOKENS },
    seed: { min: 0, max: MAX_SEED },
  });
  addLabels(command, text);
}

function addLabels(command: Command, text: (text: Text) => string): void {
  command
    .option('--interview <id>', text({ en: 'your id of it, for the log', ko: '로그에 남길 면접 ID' }))
    .option(
      '--turn <number>',
      text({ en: 'of the interview', ko: '면접의 몇 번째 차례인지' }),
      wholeNumber({ min: 0, max: MAX_TURN }),
    )
    .option('--user <id>', text({ en: 'your id of the user', ko: '사용자 ID' }))
    .option(
      '--tag <tag>',
      text({ en: 'for the log; may be repeated', ko: '로그용 태그 (여러 번 지정 가능)' }),
      several,
    );
}
