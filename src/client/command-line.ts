import { wrongUse } from './faults/fault.js';
import type { ClientCommand, CommandGroup } from './commands/command.js';

/** Flags of every command, which may stand in front of its name too. */
const WITH_VALUE = new Set(['--lang', '--url', '--api-key', '--timeout', '--retries']);
const WITHOUT_VALUE = new Set(['--quiet', '--verbose']);

/** Flags that mean the whole client. */
const ALONE = new Set(['-h', '--help', '-V', '--version']);

/** Longer texts are not repeated. */
const REPEATED_TEXT = 60;

/** Characters that a shell reads even in quotes, or that end the line. */
const READ_BY_SHELLS = /["$`\\!\p{Cc}]/u;

/**
 * Puts the command first, which the flags of a command line may leave to be understood: `--prompt …` is generate,
 * `--interactive` chat and `--prompt-versions …` requests.
 * @throws ClientFault where flags of two commands are there
 */
export function withCommand(
  args: readonly string[],
  commands: readonly (ClientCommand | CommandGroup)[],
): string[] {
  const start = endOfCommonFlags(args);
  const [common, rest] = [args.slice(0, start), args.slice(start)];
  const [first] = rest;
  if (first === 'help') return [...rest.slice(1), '--help'];
  if (first === '-v') return ['--version'];
  if (args.length === 0 || (first !== undefined && ALONE.has(first))) return rest;
  if (first === undefined || first.startsWith('-')) return [...understood(args)];
  const isGroup = commands.some((command) => command.name === first && 'commands' in command);
  return rest.toSpliced(isGroup ? 2 : 1, 0, ...common);
}

/** How to ask what stands where a command should, of the words that `withCommand` made. */
export function wayToAsk(words: readonly string[]): string {
  const end = words.findIndex((word) => word.startsWith('-'));
  const text = words.slice(0, end < 0 ? words.length : end).join(' ');
  const isRepeated = text.length <= REPEATED_TEXT && !READ_BY_SHELLS.test(text);
  return `To ask a model: --prompt "${isRepeated ? text : '…'}".`;
}

function endOfCommonFlags(args: readonly string[]): number {
  let at = 0;
  for (let flag = args[at]; flag !== undefined; flag = args[at]) {
    const name = flag.replace(/=.*/s, '');
    if (WITH_VALUE.has(name)) at += name === flag ? 2 : 1;
    else if (WITHOUT_VALUE.has(flag)) at++;
    else break;
  }
  return at;
}

function understood(args: readonly string[]): readonly string[] {
  const asks = args.find((arg) => /^--prompt(-file)?(=|$)/.test(arg));
  if (asks !== undefined && args.includes('--interactive'))
    throw wrongUse(
      `--interactive is a chat, which ${asks.replace(/=.*/s, '')} has no use in: leave one of the two out.`,
    );
  if (args.includes('--interactive')) return ['chat', ...args.filter((arg) => arg !== '--interactive')];
  return [args.includes('--prompt-versions') ? 'requests' : 'generate', ...args];
}
