import { wholeNumber } from '../flags.js';
import { addVersions } from '../requests/version-flag.js';
import type { Text } from '../text.js';
import type { ClientCommand } from './command.js';

const EXAMPLES: Text = {
  en: `
Each message is sent with each version, one call after the other, at least six
in all.

Examples:
  npm run client -- requests
  npm run client -- --prompt-versions v1 v2 --url http://127.0.0.1:8000/chat
  npm run client -- requests --messages questions.txt --count 20 --json`,
  ko: `
메시지마다 모든 버전으로 한 번씩, 최소 여섯 번을 차례로 보냅니다.

예:
  npm run client -- requests --lang ko
  npm run client -- --prompt-versions v1 v2 --url http://127.0.0.1:8000/chat
  npm run client -- requests --messages questions.txt --count 20 --json`,
};

export const requests: ClientCommand = {
  name: 'requests',
  summary: {
    en: 'Sends test messages to /chat, versions of the prompt in turn (= --prompt-versions)',
    ko: '프롬프트 버전을 번갈아 /chat에 테스트 메시지를 보냅니다 (= --prompt-versions)',
  },
  asksServer: true,
  describe(command, text) {
    addVersions(command, text);
    command
      .option(
        '--count <number>',
        text({ en: 'calls in all', ko: '전체 요청 수' }),
        wholeNumber({ min: 1, max: 1_000_000 }),
      )
      .option(
        '--messages <file>',
        text({
          en: 'messages to send, as generate reads prompts',
          ko: '보낼 메시지 파일 (generate의 프롬프트 파일과 같은 형식)',
        }),
      )
      .option('--json', text({ en: 'one JSON object a call', ko: '요청마다 JSON 객체 하나로 출력' }))
      .addHelpText('after', text(EXAMPLES));
  },
  withoutOutput: () => 'undone',
  async run(context, flags) {
    const { readRequestsOptions, runRequests } = await import('../requests/run.js');
    return runRequests(context, readRequestsOptions(flags));
  },
};
