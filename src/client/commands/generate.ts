import { InvalidArgumentError, Option } from 'commander';
import { wholeNumber } from '../flags.js';
import { ENCODINGS, PRINT_FORMATS, PROMPT_FORMATS } from '../prompts/choices.js';
import { addSamplingFlags } from '../sampling-flags.js';
import type { Text } from '../text.js';
import type { ClientCommand } from './command.js';

const EXAMPLES: Text = {
  en: `
Prompt files: .txt a prompt a line, # begins a comment; .json an array of texts
or objects; .jsonl one of them a line; .csv with a column "prompt". An object
has id, prompt or messages, system, temperature, top_p, max_tokens, seed, stop
and model, each of which beats the flag.

Results are written as they come. Ctrl-C stops and loses none; --resume goes
on. It compares the prompts (of a conversation the last message) with those of
the earlier run, and not the model or other settings: give the same flags again.

Examples:
  npm run client -- --prompt "2+2=?" --repeat 10 --temperature 0
  npm run client -- --prompt-file prompts.txt --concurrent 3 --output out.jsonl
  npm run client -- --prompt-file prompts.txt --resume out.jsonl
  npm run client -- generate --prompt-file old.txt --encoding euc-kr --chat
  cat prompts.txt | npm run --silent client -- --prompt-file - --format jsonl`,
  ko: `
프롬프트 파일: .txt는 한 줄에 하나(#은 주석), .json은 문자열이나 객체의 배열,
.jsonl은 한 줄에 하나씩, .csv는 "prompt" 열. 객체에는 id, prompt 또는 messages,
system, temperature, top_p, max_tokens, seed, stop, model을 쓸 수 있고 플래그보다
우선합니다.

결과는 도착하는 대로 기록됩니다. Ctrl-C로 멈춰도 잃지 않으며 --resume으로 이어서
할 수 있습니다. 이때 프롬프트(대화는 마지막 메시지)만 이전 실행과 비교하고 모델
등 설정은 비교하지 않으므로 같은 플래그를 다시 지정해 주세요.

예:
  npm run client -- --prompt "2+2는?" --repeat 10 --temperature 0
  npm run client -- --prompt-file prompts.txt --concurrent 3 --output out.jsonl
  npm run client -- --prompt-file prompts.txt --resume out.jsonl
  npm run client -- generate --prompt-file old.txt --encoding euc-kr --chat
  cat prompts.txt | npm run --silent client -- --prompt-file - --format jsonl`,
};

export const generate: ClientCommand = {
  name: 'generate',
  summary: {
    en: 'Asks one prompt or a file of them (= --prompt, --prompt-file)',
    ko: '프롬프트 하나 또는 파일 전체를 요청합니다 (= --prompt, --prompt-file)',
  },
  asksServer: true,
  describe(command, text) {
    command
      .addOption(
        new Option('--prompt <text>', text({ en: 'what to ask', ko: '물어볼 내용' }))
          .argParser(onePrompt)
          .conflicts('promptFile'),
      )
      .option(
        '--prompt-file <file>',
        text({ en: 'many prompts; - is standard input', ko: '프롬프트 파일 (-는 표준 입력)' }),
      )
      .addOption(
        new Option(
          '--prompt-format <format>',
          text({ en: 'where the file’s name does not say it', ko: '파일 이름으로 알 수 없을 때의 형식' }),
        ).choices(PROMPT_FORMATS),
      )
      .addOption(
        new Option(
          '--encoding <name>',
          text({ en: 'of the file, utf-8 by default', ko: '파일의 인코딩, 기본값은 utf-8' }),
        ).choices(ENCODINGS),
      )
      .option('--chat', text({ en: 'by /v1/chat/completions', ko: '/v1/chat/completions로 요청' }))
      .option(
        '--system <text>',
        text({ en: 'system prompt; means --chat', ko: '시스템 프롬프트 (지정하면 --chat으로 요청)' }),
      )
      .option(
        '--concurrent <number>',
        text({ en: 'requests at once (1)', ko: '동시 요청 수 (1)' }),
        wholeNumber({ min: 1, max: 10_000 }),
      )
      .option(
        '--repeat <number>',
        text({ en: 'how often each is asked (1)', ko: '프롬프트마다 반복할 횟수 (1)' }),
        wholeNumber({ min: 1, max: 1_000_000 }),
      )
      .option(
        '--output <file>',
        text({
          en: 'new file for results: .json, .jsonl, .csv',
          ko: '결과를 쓸 새 파일: .json, .jsonl, .csv',
        }),
      )
      .option(
        '--resume <file>',
        text({ en: 'results of an earlier run, to go on with', ko: '이어서 진행할 이전 결과 파일' }),
      )
      .addOption(
        new Option(
          '--format <format>',
          text({
            en: 'on standard output, text by default, none with a file',
            ko: '표준 출력의 형식, 기본값은 text이고 파일에 쓰면 none',
          }),
        ).choices(PRINT_FORMATS),
      )
      .optionsGroup(text({ en: 'Model:', ko: '모델:' }));
    addSamplingFlags(command, text, {
      tokensUnlessSaid: { en: '1024; a chat’s is the server’s', ko: '1024, 채팅은 서버 기본값' },
    });
    command.addHelpText('after', text(EXAMPLES));
  },
  withoutOutput: ({ output, resume }) =>
    output === undefined && resume === undefined ? 'undone' : 'goes on',
  async run(context, flags) {
    const { readOptions } = await import('../generate/options.js');
    const { runGenerate } = await import('../generate/run.js');
    return runGenerate(context, readOptions(flags));
  },
};

function onePrompt(value: string, before: string | undefined): string {
  if (before === undefined) return value;
  throw new InvalidArgumentError('It is given twice; write several prompts into a file for --prompt-file.');
}
