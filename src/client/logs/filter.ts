import { type Command, Option } from 'commander';
import type { Flags } from '../commands/command.js';
import { wholeNumber } from '../flags.js';
import type { Text } from '../text.js';
import { moment } from './moment.js';

/** What the service knows of how a call ended. */
const OUTCOMES = ['running', 'ok', 'failed', 'cancelled', 'interrupted'] as const;

/** Milliseconds of a day, the most that the service takes. */
const MAX_LATENCY_MS = 86_400_000;

/** Flags by the parameters of the service's routes that they become. */
export const FILTER_FLAGS = {
  from: '--from',
  to: '--to',
  task: '--task',
  model: '--model',
  outcome: '--outcome',
  user_id: '--user',
  interview_id: '--interview',
  prompt_version: '--prompt-version',
  tag: '--tag',
  min_latency: '--min-latency',
} as const;

/** Adds `--from` and `--to`. */
export function addPeriod(command: Command, text: (text: Text) => string): void {
  command
    .option(
      '--from <time>',
      text({ en: 'began then or later: 2026-11-21T09:30, 24h', ko: '이 시각부터: 2026-11-21T09:30, 24h' }),
      moment,
    )
    .option(
      '--to <time>',
      text({ en: 'began before; local time', ko: '이 시각 전까지 (현지 시각)' }),
      moment,
    );
}

/** Adds a flag for each filter of the call log. */
export function addFilters(command: Command, text: (text: Text) => string): void {
  addPeriod(command, text);
  command
    .option(
      '--task <name>',
      text({
        en: 'such as chat_prompt, feedback, interview_step',
        ko: 'chat_prompt, feedback, interview_step 등',
      }),
    )
    .option('--model <name>', text({ en: 'asked for, or answered', ko: '요청했거나 응답한 모델' }))
    .addOption(
      new Option('--outcome <outcome>', text({ en: 'how it ended', ko: '호출 결과' })).choices(OUTCOMES),
    )
    .option('--user <id>', text({ en: 'of this user', ko: '사용자 ID' }))
    .option('--interview <id>', text({ en: 'of this interview', ko: '면접 ID' }))
    .option('--prompt-version <version>', text({ en: 'such as v1', ko: '프롬프트 버전 (예: v1)' }))
    .option('--tag <tag>', text({ en: 'with this tag', ko: '태그' }))
    .option(
      '--min-latency <ms>',
      text({ en: 'took at least so long', ko: '최소 소요 시간, 밀리초' }),
      wholeNumber({ min: 0, max: MAX_LATENCY_MS }),
    );
}

/** The filters that were given, as parameters of the service's routes. */
export function filterOf(flags: Flags): URLSearchParams {
  const query = new URLSearchParams();
  for (const [parameter, flag] of Object.entries(FILTER_FLAGS)) {
    const value = flags[nameOf(flag)];
    if (typeof value === 'string' || typeof value === 'number') query.set(parameter, String(value));
  }
  return query;
}

/** How commander calls a flag: `--min-latency` is minLatency. */
function nameOf(flag: string): string {
  return flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
