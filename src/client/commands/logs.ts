import { Option } from 'commander';
import { wholeNumber } from '../flags.js';
import { addFilters, addPeriod } from '../logs/filter.js';
import { ENCODINGS } from '../prompts/choices.js';
import type { ClientCommand, CommandGroup } from './command.js';

const list: ClientCommand = {
  name: 'list',
  summary: { en: 'Lists calls, newest first', ko: '최근 호출부터 목록으로 보여 줍니다' },
  asksServer: true,
  describe(command, text) {
    addFilters(command, text);
    command
      .option(
        '--limit <number>',
        text({ en: 'calls at the most (20)', ko: '최대 호출 수 (20)' }),
        wholeNumber({ min: 1 }),
      )
      .option('--json', text({ en: 'an object of JSON a line', ko: '한 줄에 JSON 객체 하나씩 출력' }))
      .addHelpText(
        'after',
        text({
          en: `
Examples:
  npm run client -- logs list --outcome failed --from 24h
  npm run client -- logs list --interview iv-2026-0042 --json | jq -r .answer

Times are this machine's, unless they name a zone: 2026-11-21T09:30Z.`,
          ko: `
예:
  npm run client -- logs list --outcome failed --from 24h
  npm run client -- logs list --interview iv-2026-0042 --json | jq -r .answer

시각은 시간대를 적지 않으면 현지 시각입니다. UTC는 2026-11-21T09:30Z처럼 씁니다.`,
        }),
      );
  },
  async run(context, flags) {
    const { listCalls } = await import('../logs/list.js');
    return listCalls(context, flags);
  },
};

const show: ClientCommand = {
  name: 'show',
  summary: { en: 'Shows everything about a call', ko: '호출 하나를 자세히 보여 줍니다' },
  asksServer: true,
  describe(command, text) {
    command
      .argument(
        '<id>',
        text({
          en: 'X-Call-Id, or its last characters as logs list shows them',
          ko: 'X-Call-Id, 또는 logs list에 나오는 끝자리',
        }),
      )
      .option(
        '--json',
        text({ en: 'one JSON object, with the request', ko: '요청까지 담은 JSON 객체 하나로 출력' }),
      )
      .addHelpText(
        'after',
        text({
          en: `
Examples:
  npm run client -- logs show 8c38d0
  npm run client -- logs show 8c38d0 --json | jq .tries`,
          ko: `
예:
  npm run client -- logs show 8c38d0
  npm run client -- logs show 8c38d0 --json | jq .tries`,
        }),
      );
  },
  async run(context, flags, [id = '']) {
    const { showCall } = await import('../logs/show.js');
    return showCall(context, flags, id);
  },
};

const exportCalls: ClientCommand = {
  name: 'export',
  summary: { en: 'Writes calls into a file, oldest first', ko: '호출을 오래된 것부터 파일로 저장합니다' },
  asksServer: true,
  describe(command, text) {
    command
      .option(
        '--output <file>',
        text({ en: 'where to; - is standard output (-)', ko: '저장할 파일, -는 표준 출력 (-)' }),
      )
      .option('--overwrite', text({ en: 'replaces a file that is there', ko: '이미 있는 파일을 덮어씁니다' }))
      .addOption(
        new Option(
          '--format <name>',
          text({
            en: 'else as the file’s name says, csv without one',
            ko: '생략하면 파일 이름대로, 파일이 없으면 csv',
          }),
        ).choices(['csv', 'jsonl']),
      )
      .addOption(
        new Option(
          '--columns <names>',
          text({ en: 'seed: the seven that analyze reads (all)', ko: 'seed는 analyze가 읽는 일곱 열 (all)' }),
        ).choices(['seed', 'all']),
      )
      .option(
        '--bom',
        text({
          en: 'a byte order mark first: Excel opens the CSV by a double click',
          ko: '맨 앞에 BOM을 씁니다. 엑셀에서 CSV를 더블 클릭으로 열 수 있습니다',
        }),
      );
    addFilters(command, text);
    command.addHelpText(
      'after',
      text({
        en: `
Examples:
  npm run client -- logs export --columns seed --output calls.csv --from 7d
  npm run client -- logs export --format jsonl --task feedback | jq -r .answer

A file that did not come to its end is called FILE.part.`,
        ko: `
예:
  npm run client -- logs export --columns seed --output calls.csv --from 7d
  npm run client -- logs export --format jsonl --task feedback | jq -r .answer

끝까지 받지 못한 파일은 이름 뒤에 .part가 붙습니다.`,
      }),
    );
  },
  async run(context, flags) {
    const { exportCalls: run } = await import('../logs/export.js');
    return run(context, flags);
  },
};

const analyze: ClientCommand = {
  name: 'analyze',
  summary: {
    en: 'Counts calls and averages them, by prompt version and by model',
    ko: '프롬프트 버전별, 모델별 호출 수와 평균을 보여 줍니다',
  },
  asksServer: true,
  describe(command, text) {
    command.argument(
      '[file]',
      text({
        en: 'a call log in CSV, - for standard input; else the service’s own log',
        ko: '호출 로그 CSV, -는 표준 입력. 생략하면 서비스의 로그',
      }),
    );
    addPeriod(command, text);
    command.addOption(
      new Option(
        '--encoding <name>',
        text({ en: 'of the file (utf-8)', ko: '파일의 인코딩 (utf-8)' }),
      ).choices(ENCODINGS),
    );
    command.addHelpText(
      'after',
      text({
        en: `
Examples:
  npm run client -- logs analyze --from 7d
  npm run client -- logs analyze calls.csv

Without --from: the last 24 hours. A period has 31 days at the most. A file
needs the columns prompt_version, model, latency_ms and total_tokens, in any
order and among others.`,
        ko: `
예:
  npm run client -- logs analyze --from 7d
  npm run client -- logs analyze calls.csv

--from을 생략하면 최근 24시간이며, 기간은 최대 31일입니다. 파일에는
prompt_version, model, latency_ms, total_tokens 열이 있어야 합니다.
순서는 상관없고 다른 열이 있어도 됩니다.`,
      }),
    );
  },
  async run(context, flags, [file]) {
    const { analyzeLog } = await import('../logs/analyze.js');
    return analyzeLog(context, flags, file);
  },
};

export const logs: CommandGroup = {
  name: 'logs',
  summary: { en: 'The call log: list, show, export, analyze', ko: '호출 로그: list, show, export, analyze' },
  commands: [list, show, exportCalls, analyze],
};
