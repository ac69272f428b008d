import type { ClientCommand, Flags } from './command.js';
import type { LLMClient } from '../api/llm-client.js';
import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import { addSamplingFlags, samplingFrom } from '../sampling-flags.js';
import type { Text } from '../text.js';

const EXAMPLES: Text = {
  en: `
/help in it says what else there is to type. A pipe chats a message a line.

Examples:
  npm run client -- chat
  npm run client -- chat --system "Answer in one sentence." --temperature 0.2
  printf 'I am Mina.\\nWho am I?\\n' | npm run --silent client -- chat

Environment: LLM_SERVICE_HISTORY names the file of what you typed, for the up
key (~/.local/state/llm-service/history.jsonl); empty, it turns that off.`,
  ko: `
대화 중에 쓸 수 있는 명령은 /help로 볼 수 있습니다.
파이프로 보내면 한 줄이 메시지 하나입니다.

예:
  npm run client -- chat --lang ko
  npm run client -- chat --system "한 문장으로 답해 주세요." --temperature 0.2
  printf '저는 민아예요.\\n제가 누구죠?\\n' | npm run --silent client -- chat

환경 변수: LLM_SERVICE_HISTORY는 위쪽 화살표로 불러오는 입력 기록 파일입니다
(~/.local/state/llm-service/history.jsonl). 빈 값이면 기록하지 않습니다.`,
};

export const chat: ClientCommand = {
  name: 'chat',
  summary: {
    en: 'A chat in the terminal (same as --interactive)',
    ko: '터미널에서 대화합니다 (--interactive와 같습니다)',
  },
  asksServer: true,
  describe(command, text) {
    command.option('--system <text>', text({ en: 'system prompt', ko: '시스템 프롬프트' }));
    addSamplingFlags(command, text, { only: ['model', 'temperature', 'maxTokens'] });
    command.addHelpText('after', text(EXAMPLES));
  },
  withoutOutput: () => 'undone',
  async run(context, flags) {
    const { withClient } = await import('../with-client.js');
    return withClient(context, (client) => converse(context, client, flags));
  },
};

async function converse(context: Context, client: LLMClient, flags: Flags): Promise<ExitCode> {
  const { terminal, stop, server } = context;
  const sampling = samplingFrom(flags);
  const model = await answeringModel(client, sampling.model, stop);
  const [{ ChatSession }, { Conversation }, { History, historyFile }, { openLines }] = await Promise.all([
    import('../chat/chat-session.js'),
    import('../chat/conversation.js'),
    import('../chat/history.js'),
    import('../terminal/open-lines.js'),
  ]);
  const file = terminal.host.stdin.isTTY ? historyFile(terminal.host.env) : undefined;
  const history = new History(file, terminal.detail.bind(terminal));
  const lines = openLines(terminal, stop, history.entries);
  try {
    const system = flags.system as string | undefined;
    const conversation = new Conversation({ system, sampling });
    const session = new ChatSession({ terminal, client, lines, history, conversation, stop });
    return await session.run(model, server.url);
  } finally {
    lines.close();
  }
}

/** Asked for before anything is typed: a server that is away, or wants another key, is said first. */
async function answeringModel(
  client: LLMClient,
  chosen: string | undefined,
  stop: AbortSignal,
): Promise<string> {
  if (chosen !== undefined && (await client.health(stop, chosen)).ready) return chosen;
  const models = await client.models(stop);
  return chosen ?? models[0] ?? '';
}
