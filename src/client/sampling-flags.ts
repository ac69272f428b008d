import { type Command, Option } from 'commander';
import type { Sampling } from './api/generation.js';
import { type Bounds, decimal, wholeNumber } from './flags.js';
import type { Text } from './text.js';

const TEMPERATURE: Bounds = { min: 0, max: 2 };
const TOP_P: Bounds = { min: 0.001, max: 1 };

const FLAGS = ['model', 'temperature', 'topP', 'maxTokens', 'seed', 'stop'] as const;

/** One of them, by the name that commander gives its value. */
type SamplingFlag = (typeof FLAGS)[number];

/** Their values as commander reads them. */
export interface SamplingValues {
  readonly model?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** In what the sampling flags of a command differ from those of the others. */
export interface SamplingFlags {
  /** Those that it has. @default all */
  readonly only?: readonly SamplingFlag[];
  /** Of the tokens of an answer. @default 1 and more */
  readonly maxTokens?: Bounds;
  /** How many tokens an answer may have where nothing is said. @default left unsaid */
  readonly tokensUnlessSaid?: Text;
  /** @default 0 and more */
  readonly seed?: Bounds;
}

/** Adds the flags that say which model answers, and how. */
export function addSamplingFlags(
  command: Command,
  text: (text: Text) => string,
  { only = FLAGS, maxTokens = { min: 1 }, tokensUnlessSaid, seed = { min: 0 } }: SamplingFlags = {},
): void {
  const unlessSaid = tokensUnlessSaid ? ` (${text(tokensUnlessSaid)})` : '';
  const flags: Readonly<Record<SamplingFlag, Option>> = {
    model: new Option(
      '--model <name>',
      text({ en: 'else the server’s own', ko: '사용할 모델 (없으면 서버의 첫 모델)' }),
    ),
    temperature: new Option('--temperature <number>', text({ en: '0 to 2', ko: '0 이상 2 이하' })).argParser(
      decimal(TEMPERATURE),
    ),
    topP: new Option('--top-p <number>', text({ en: 'over 0, at most 1', ko: '0 초과 1 이하' })).argParser(
      decimal(TOP_P),
    ),
    maxTokens: new Option(
      '--max-tokens <number>',
      text({ en: 'of an answer', ko: '답변의 최대 토큰 수' }) + unlessSaid,
    ).argParser(wholeNumber(maxTokens)),
    seed: new Option(
      '--seed <number>',
      text({ en: 'for the same answer again', ko: '같은 답변을 다시 얻기 위한 시드' }),
    ).argParser(wholeNumber(seed)),
    stop: new Option(
      '--stop <text>',
      text({ en: 'ends the answer; may be repeated', ko: '답변을 끝낼 문자열 (여러 번 지정 가능)' }),
    ).argParser(several),
  };
  for (const flag of only) command.addOption(flags[flag]);
}

/** What the flags say, as OpenAI's API and the service name it. */
export function samplingFrom({ model, temperature, topP, maxTokens, seed, stop }: SamplingValues): Sampling {
  return { model, temperature, top_p: topP, max_tokens: maxTokens, seed, stop };
}

/** Reads a flag that may be given more than once. */
export function several(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
