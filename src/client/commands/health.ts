import type { ClientCommand } from './command.js';

const EXAMPLES = {
  en: `
Examples:
  npm run client -- health
  npm run client -- health --url http://localhost:30000 --json

Exit status: 0 ready, 1 something answers but is not ready, 3 nothing answers.`,
  ko: `
예:
  npm run client -- health
  npm run client -- health --url http://localhost:30000 --json

종료 코드: 0 준비됨, 1 응답하지만 준비되지 않음, 3 응답 없음.`,
};

export const health: ClientCommand = {
  name: 'health',
  summary: {
    en: 'Says what answers there and whether it is ready',
    ko: '무엇이 응답하는지, 준비됐는지 확인합니다',
  },
  asksServer: true,
  describe(command, text) {
    command
      .option('--json', text({ en: 'one JSON object', ko: 'JSON 객체 하나로 출력' }))
      .addHelpText('after', text(EXAMPLES));
  },
  async run(context, flags) {
    const { tellHealth } = await import('../health/tell-health.js');
    return tellHealth(context, flags.json === true);
  },
};
