import { Command, CommanderError, Option } from 'commander';
import type { Retry } from './api/llm-client.js';
import { wayToAsk, withCommand } from './command-line.js';
import { commandSentence } from './command-sentence.js';
import type { ClientCommand, CommandGroup, Flags, WithoutOutput } from './commands/command.js';
import { COMMANDS } from './commands/index.js';
import type { Context, ServerOptions } from './context.js';
import { DEFAULT_DATA_DIR, DEFAULT_RETRIES, DEFAULT_TIMEOUT_S, DEFAULT_URL } from './defaults.js';
import { ClientFault, type ExitCode } from './faults/fault.js';
import { decimal, wholeNumber } from './flags.js';
import { writeFault } from './faults/write-fault.js';
import { findLocalKey } from './local-key.js';
import { widthOf } from './terminal/graphemes.js';
import { flushed, isClosedPipe, watchOutput } from './terminal/output-end.js';
import { DEFAULT_COLUMNS } from './terminal/screen.js';
import { type Host, type Loudness, Terminal } from './terminal/terminal.js';
import { type Language, LANGUAGES, type Text } from './text.js';
import { isOnThisMachine, proxyVariables } from '../common/proxy-variables.js';
import { VERSION } from '../common/version.js';

const SUMMARY: Text = {
  en: 'Talks to LLM Service and to any server with OpenAI’s API (SGLang, vLLM, OpenAI).',
  ko: 'LLM Service와 OpenAI 호환 서버(SGLang, vLLM, OpenAI)에 요청을 보내는 명령줄 클라이언트입니다.',
};

const EXAMPLES: Text = {
  en: `
Examples:
  npm run client -- health
  npm run client -- --prompt "Explain RAG in one sentence."
  npm run client -- --prompt-file examples/prompts.ko.txt --output results.csv
  npm run client -- --interactive
  npm run client -- interview --lang ko
  npm run client -- generate --help

Without a command, --interactive is chat, --prompt-versions is requests and
anything else is generate.

Environment: LLM_SERVICE_URL and LLM_SERVICE_API_KEY stand for --url and
--api-key; NO_COLOR turns colours off. Where no key is given, that of a service
on this machine is taken from its DATA_DIR, else from ./data.

Exit status: 0 all answered, 1 some failed, 2 wrong use, 3 no server,
130 interrupted.`,
  ko: `
예:
  npm run client -- health
  npm run client -- --prompt "RAG를 한 문장으로 설명해 주세요."
  npm run client -- --prompt-file examples/prompts.ko.txt --output results.csv
  npm run client -- --interactive
  npm run client -- interview --lang ko
  npm run client -- generate --help --lang ko

명령을 쓰지 않으면 --interactive는 chat, --prompt-versions는 requests,
나머지는 generate입니다.

환경 변수: LLM_SERVICE_URL과 LLM_SERVICE_API_KEY는 --url과 --api-key를
대신하고, NO_COLOR는 색을 끕니다. 키를 주지 않으면 이 컴퓨터에서 도는 서비스의
키를 DATA_DIR(없으면 ./data)에서 찾습니다.

종료 코드: 0 모두 성공, 1 일부 실패, 2 잘못된 사용, 3 서버 없음, 130 중단됨.`,
};

/** Headings of the help, as commander writes them. */
const HEADINGS: Readonly<Record<string, string>> = {
  'Usage:': '사용법:',
  'Arguments:': '인자:',
  'Options:': '옵션:',
  'Commands:': '명령:',
  'Common:': '공통:',
};

/** Milliseconds from which on a wait looks like a standstill. */
const NOTICED_WAIT_MS = 3000;

/** The flags that every command has which asks a server. */
interface CommonFlags {
  readonly url?: string;
  readonly apiKey?: string;
  readonly timeout?: number;
  readonly retries?: number;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** What a command line is read and run with. */
interface Invocation {
  readonly host: Host;
  readonly language: Language;
  readonly stop: AbortSignal;
  /** Aborted when standard output takes no more. */
  readonly outputEnd: AbortSignal;
}

type CommandAction = (command: ClientCommand, flags: Flags, args: readonly string[]) => Promise<void>;

/** Runs the client with these arguments. Nothing is thrown for what a user did. */
export async function runClient(args: readonly string[], host: Host, stop: AbortSignal): Promise<ExitCode> {
  const invocation = { host, language: languageOf(args), stop, outputEnd: watchOutput(host) };
  let ended: ExitCode = 0;
  try {
    const words = withCommand(args, COMMANDS);
    const program = newProgram(invocation, words, async (command, flags, positionals) => {
      ended = await runCommand(command, flags, positionals, invocation);
    });
    await program.parseAsync(words, { from: 'user' });
    return ended;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof ClientFault)) throw error;
    host.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

/** The help is made before the flags are read, so the language is looked for by hand. */
function languageOf(args: readonly string[]): Language {
  const at = args.findIndex((arg) => arg === '--lang' || arg.startsWith('--lang='));
  const name = args[at]?.split('=')[1] ?? args[at + 1];
  return LANGUAGES.find((language) => at >= 0 && language === name) ?? 'en';
}

function newProgram(
  { host, language }: Invocation,
  words: readonly string[],
  action: CommandAction,
): Command {
  const text = (one: Text): string => one[language];
  // Where it is like a command, commander goes on with a guess.
  const unlikeAny = `error: unknown command '${words[0]}'\n`;
  const program = new Command('client')
    .description(text(SUMMARY))
    .version(VERSION, '-V, --version', text({ en: 'prints the version', ko: '버전을 출력합니다' }))
    .addOption(languageFlag(text))
    .addHelpText('after', text(EXAMPLES))
    .exitOverride()
    .configureOutput({
      writeOut: (line) => host.stdout.write(line),
      writeErr: (line) => host.stderr.write(line),
      getOutHelpWidth: () => host.stdout.columns ?? DEFAULT_COLUMNS,
      getErrHelpWidth: () => host.stderr.columns ?? DEFAULT_COLUMNS,
      outputError: (line, write) => {
        write(`${commandSentence(line)}${line === unlikeAny ? ` ${wayToAsk(words)}` : ''}\n`);
      },
    })
    .configureHelp({
      displayWidth: widthOf,
      optionDescription: ({ description, argChoices }) =>
        argChoices ? `${description} (${argChoices.join(', ')})` : description,
      styleTitle: (title) => (language === 'ko' ? (HEADINGS[title] ?? title) : title),
    })
    .helpOption('-h, --help', text({ en: 'prints this', ko: '이 도움말을 출력합니다' }))
    .helpCommand(false);
  for (const one of COMMANDS) addCommand(program, one, text, action);
  return program;
}

function addCommand(
  parent: Command,
  one: ClientCommand | CommandGroup,
  text: (text: Text) => string,
  action: CommandAction,
): void {
  // Made by the parent, it inherits how errors and help are written.
  const command = parent.command(one.name).description(text(one.summary)).helpCommand(false);
  if ('commands' in one) {
    for (const inner of one.commands) addCommand(command, inner, text, action);
    return;
  }
  one.describe(command, text);
  command.optionsGroup('Common:');
  if (one.asksServer) addServerFlags(command, text);
  command
    .option('--quiet', text({ en: 'results and errors only', ko: '결과와 오류만 출력' }))
    .option('--verbose', text({ en: 'retries and stack traces too', ko: '재시도와 스택 트레이스까지 출력' }))
    .addOption(languageFlag(text))
    .helpOption('-h, --help', text({ en: 'prints this', ko: '이 도움말을 출력합니다' }))
    .action(async () => action(one, command.opts(), command.args));
}

function addServerFlags(command: Command, text: (text: Text) => string): void {
  command
    .option(
      '--url <url>',
      text({
        en: `server; else LLM_SERVICE_URL, else ${DEFAULT_URL}`,
        ko: `서버 주소 (없으면 LLM_SERVICE_URL, ${DEFAULT_URL})`,
      }),
    )
    .option(
      '--api-key <key>',
      text({ en: 'its key; else LLM_SERVICE_API_KEY', ko: 'API 키 (없으면 LLM_SERVICE_API_KEY)' }),
    )
    .option(
      '--timeout <seconds>',
      text({
        en: `for one answer (${DEFAULT_TIMEOUT_S})`,
        ko: `응답 하나의 제한 시간, 초 (${DEFAULT_TIMEOUT_S})`,
      }),
      decimal({ min: 0.001, max: 86_400 }),
    )
    .option(
      '--retries <number>',
      text({
        en: `when a server is busy or away (${DEFAULT_RETRIES})`,
        ko: `서버가 바쁘거나 없을 때 재시도 횟수 (${DEFAULT_RETRIES})`,
      }),
      wholeNumber({ min: 0, max: 100 }),
    );
}

function languageFlag(text: (text: Text) => string): Option {
  return new Option(
    '--lang <language>',
    text({ en: 'of help and summaries', ko: '도움말과 요약의 언어' }),
  ).choices(LANGUAGES);
}

async function runCommand(
  command: ClientCommand,
  flags: Flags & CommonFlags,
  args: readonly string[],
  { host, language, stop, outputEnd }: Invocation,
): Promise<ExitCode> {
  const loudness: Loudness = flags.verbose ? 'verbose' : flags.quiet ? 'quiet' : 'normal';
  const terminal = new Terminal(host, language, loudness, outputEnd);
  const withoutOutput = command.withoutOutput?.(flags) ?? 'done';
  const ends = withoutOutput === 'goes on' ? stop : AbortSignal.any([stop, outputEnd]);
  const context = newContext(terminal, flags, ends);
  const code = await exitCodeOf(() => command.run(context, flags, args), context);
  if (stop.aborted) return code;
  await flushed(host);
  return outputEnd.aborted ? codeWithoutOutput(code, withoutOutput, terminal, outputEnd.reason) : code;
}

/** Runs it, and says why it failed where it did. */
async function exitCodeOf(
  run: () => Promise<ExitCode>,
  { terminal, server, stop }: Context,
): Promise<ExitCode> {
  try {
    return await run();
  } catch (error) {
    // What a file or standard input is read with ends like this.
    if (stop.aborted && (error as Error).name === 'AbortError') return 130;
    terminal.error(
      error instanceof ClientFault
        ? error.message
        : `The client itself is at fault: ${String(error)}. Report it with what --verbose says.`,
    );
    if (error instanceof ClientFault && error.exitCode === 3) tellUnusedProxies(terminal, server.url);
    terminal.detail((error as Error).stack ?? '');
    return error instanceof ClientFault ? error.exitCode : 1;
  }
}

/** Where a server cannot be reached, a proxy that would lead there may have been expected. */
function tellUnusedProxies(terminal: Terminal, url: string): void {
  const proxies = proxyVariables(terminal.host.env);
  if (proxies.length === 0 || isOnThisMachine(url)) return;
  terminal.error(`${proxies.join(', ')} is set and not used: the client asks ${url} directly.`);
}

function codeWithoutOutput(
  code: ExitCode,
  withoutOutput: WithoutOutput,
  terminal: Terminal,
  reason: unknown,
): ExitCode {
  if (!isClosedPipe(reason)) {
    terminal.error((writeFault(reason, 'Standard output', 1) as Error).message);
    return code === 0 || code === 130 ? 1 : code;
  }
  if (code !== 130) return code;
  if (withoutOutput === 'done') return 0;
  terminal.error('Standard output was closed before the end, and the rest is left undone.');
  return 1;
}

function newContext(terminal: Terminal, flags: CommonFlags, stop: AbortSignal): Context {
  const { env } = terminal.host;
  const server: ServerOptions = {
    url: flags.url ?? filled(env.LLM_SERVICE_URL) ?? DEFAULT_URL,
    apiKey: flags.apiKey ?? filled(env.LLM_SERVICE_API_KEY),
    timeoutMs: (flags.timeout ?? DEFAULT_TIMEOUT_S) * 1000,
    retries: flags.retries ?? DEFAULT_RETRIES,
  };
  return {
    terminal,
    server,
    stop,
    connect: async ({ url = server.url, connections } = {}) => {
      const { LLMClient } = await import('./api/llm-client.js');
      const dataDir = filled(env.DATA_DIR) ?? DEFAULT_DATA_DIR;
      const local = server.apiKey === undefined ? findLocalKey(url, dataDir) : undefined;
      return new LLMClient({
        baseUrl: local?.url ?? url,
        apiKey: local?.apiKey ?? server.apiKey,
        timeoutMs: server.timeoutMs,
        retries: server.retries,
        connections,
        onRetry: tellRetries(terminal),
      });
    },
  };
}

/** All retries where more is to be told; else a wait that people notice, and of many calls that wait the first. */
function tellRetries(terminal: Terminal): (retry: Retry) => void {
  let quietUntil = 0;
  return ({ reason, waitMs, attempt }) => {
    const seconds = (waitMs / 1000).toFixed(1);
    if (terminal.loudness === 'verbose')
      terminal.detail(`${reason} Attempt ${attempt + 1} follows in ${seconds} s.`);
    else if (waitMs >= NOTICED_WAIT_MS && performance.now() >= quietUntil) {
      quietUntil = performance.now() + waitMs;
      terminal.note(terminal.errorColors.dim(`${reason} Asking again in ${seconds} s.`));
    }
  };
}

/** A variable that is empty is as one that is not set. */
function filled(variable: string | undefined): string | undefined {
  return variable === '' ? undefined : variable;
}
