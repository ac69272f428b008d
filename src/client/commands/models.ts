import type { ClientCommand } from './command.js';

const EXAMPLES = {
  en: `
Examples:
  npm run client -- models
  npm run --silent client -- models | head -1`,
  ko: `
예:
  npm run client -- models
  npm run --silent client -- models | head -1`,
};

export const models: ClientCommand = {
  name: 'models',
  summary: {
    en: 'Names the models that the server has, one a line',
    ko: '서버에 있는 모델 이름을 한 줄에 하나씩 출력합니다',
  },
  asksServer: true,
  describe(command, text) {
    command
      .option('--json', text({ en: 'one JSON array', ko: 'JSON 배열 하나로 출력' }))
      .addHelpText('after', text(EXAMPLES));
  },
  async run(context, flags) {
    const { tellModels } = await import('../health/tell-models.js');
    return tellModels(context, flags.json === true);
  },
};
