import type { Context } from '../context.js';
import { PromptSource } from '../prompts/prompt-source.js';
import { EarlierResults } from '../results/earlier-results.js';
import { ResultLock } from '../results/result-lock.js';
import { type ResultTarget, resultTarget } from '../results/result-target.js';
import type { Terminal } from '../terminal/terminal.js';
import { visible } from '../terminal/visible.js';
import type { PromptBatches } from './asked.js';
import type { GenerateOptions, PromptOrigin } from './options.js';

/** What is asked, and where results go. */
export interface Work {
  readonly prompts: PromptBatches;
  /** How many prompts; undefined where only reading them would tell. */
  readonly count: number | undefined;
  readonly target: ResultTarget | undefined;
  readonly earlier: EarlierResults | undefined;
  /** Leaves what the prompts are read from, and the results to others. */
  close(): void;
}

/** Prompts, and how many they are where that is known. */
interface Prompts extends Pick<Work, 'prompts' | 'count'> {
  close(): void;
}

/** Fields without a use that are named. */
const NAMED_FIELDS = 5;

/**
 * Looks at all that can be known to be wrong before anything is asked.
 * @throws ClientFault
 */
export async function prepareWork(context: Context, options: GenerateOptions): Promise<Work> {
  const { output, origin } = options;
  const target = output && (await resultTarget(output.path, output.resumes));
  const lock = target && ResultLock.take(target.path);
  try {
    const earlier = target && (await earlierResults(target, options, context.terminal));
    const prompts = await readPrompts(context.terminal, origin, earlier);
    const close = (): void => {
      prompts.close();
      lock?.release();
    };
    return { ...prompts, target, earlier, close };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function earlierResults(
  target: ResultTarget,
  { output, repeat }: GenerateOptions,
  terminal: Terminal,
): Promise<EarlierResults | undefined> {
  const { path, format, hasResults } = target;
  if (hasResults) return EarlierResults.read(path, format, repeat);
  if (output?.resumes)
    terminal.note(
      terminal.text({
        en: `${path} has no results yet: all prompts are asked.`,
        ko: `${path}에 아직 결과가 없어 모든 프롬프트를 요청합니다.`,
      }),
    );
  return undefined;
}

/** Reads a file once to its end, where it can be read again. */
async function readPrompts(
  terminal: Terminal,
  origin: PromptOrigin,
  earlier: EarlierResults | undefined,
): Promise<Prompts> {
  if ('prompt' in origin) {
    earlier?.compare(origin, 1);
    earlier?.compareCount(1);
    return { prompts: [[origin]], count: 1, close: () => undefined };
  }
  const source = await PromptSource.open(origin.file, { ...origin, stdin: terminal.host.stdin });
  const prompts = source.read();
  const close = (): void => {
    source.close();
  };
  if (!source.canCheck) return { prompts, count: undefined, close };
  const { count, unused } = await source.check((request, index) => earlier?.compare(request, index));
  earlier?.compareCount(count);
  if (unused.size > 0) terminal.note(unusedSentence(source.name, unused));
  return { prompts, count, close };
}

function unusedSentence(name: string, fields: ReadonlyMap<string, number>): string {
  const named = [...fields]
    .slice(0, NAMED_FIELDS)
    .map(([field, prompt]) => `${visible(field)} (prompt ${prompt})`)
    .join(', ');
  const more = fields.size > NAMED_FIELDS ? ` and ${fields.size - NAMED_FIELDS} more` : '';
  return `${name} has fields that mean nothing here and are left alone: ${named}${more}.`;
}
