import type { RequestResult } from '../api/generation.js';
import type { LLMClient } from '../api/llm-client.js';
import { asFault } from '../faults/call-fault.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode } from '../faults/fault.js';
import { type Variety, varietyOf } from '../results/answer-variety.js';
import { EarlierResults } from '../results/earlier-results.js';
import { ResultFile } from '../results/result-file.js';
import { Summary } from '../results/summary.js';
import { textHash } from '../results/text-hash.js';
import { Uint32List } from '../results/uint32-list.js';
import { showProgress } from '../terminal/progress-bar.js';
import { visible } from '../terminal/visible.js';
import type { Text } from '../text.js';
import { Asked } from './asked.js';
import type { GenerateOptions } from './options.js';
import { Printer } from './printer.js';
import { prepareWork, type Work } from './work.js';

/** Results that wait for an earlier one to be printed, at the most. */
const MOST_WAITING = 1000;

/** Codes of refusals that every other call of the run would get as well, and that of a model that all of them use. */
const REFUSALS = ['UNAUTHORIZED', 'FORBIDDEN', 'invalid_api_key'];
const NO_SUCH_MODEL = 'MODEL_NOT_FOUND';

/** Asks one prompt or many. All that can be known to be wrong is found before the first is asked. */
export async function runGenerate(context: Context, options: GenerateOptions): Promise<ExitCode> {
  const work = await prepareWork(context, options);
  try {
    return await runWork(context, options, work);
  } finally {
    work.close();
  }
}

async function runWork(context: Context, options: GenerateOptions, work: Work): Promise<ExitCode> {
  const left = leftOf(work, options);
  if (left === 0) {
    context.terminal.note(
      context.terminal.text({
        en: 'All prompts are answered already.',
        ko: '모든 프롬프트에 이미 답이 있습니다.',
      }),
    );
    return 0;
  }
  const client = await context.connect();
  try {
    await requireServer(client, context.stop, options.batch.model);
    const file = work.target && (await ResultFile.open(work.target, options.repeat));
    return await new Run(context, options, work, file).ask(client, left);
  } finally {
    await client.close();
  }
}

/** How many requests are to be made. */
function leftOf({ count, earlier }: Work, { repeat }: GenerateOptions): number | undefined {
  return count === undefined ? undefined : count * repeat - (earlier?.answered ?? 0);
}

/** @throws ClientFault where no server is there, or one that cannot answer */
async function requireServer(client: LLMClient, stop: AbortSignal, model: string | undefined): Promise<void> {
  try {
    const { ready, reason, name, models } = await client.health(stop, model);
    if (ready) return;
    // A server that refuses its list says why: most often it wants another key.
    if (models.length === 0) await client.models(stop);
    const why = reason === null ? '' : ` ${reason}`;
    throw new ClientFault(
      3,
      `${name} at ${client.root} is not ready.${why} Try again when \`health\` says that it is.`,
    );
  } catch (error) {
    if (stop.aborted) return;
    throw asFault(error);
  }
}

/** @throws ClientFault where no other call of the run would fare better than the first */
function throwIfRefused({ error, error_code }: RequestResult, namesModels: boolean): void {
  const isForAll = REFUSALS.includes(error_code ?? '') || (error_code === NO_SUCH_MODEL && !namesModels);
  if (isForAll) throw new ClientFault(1, error ?? '');
}

/** One run from the first request to the summary. */
class Run {
  readonly #summary = new Summary();
  /** Hashes of answers by their place, where prompts are repeated. */
  readonly #answers: Uint32List;
  #last: RequestResult | undefined;
  #failure: unknown;

  constructor(
    private readonly context: Context,
    private readonly options: GenerateOptions,
    private readonly work: Work,
    private readonly file: ResultFile | undefined,
  ) {
    this.#answers = work.earlier?.answers ?? new Uint32List();
  }

  async ask(client: LLMClient, left: number | undefined): Promise<ExitCode> {
    const { terminal } = this.context;
    const summary = this.#summary;
    const before = this.work.earlier?.answered ?? 0;
    const endBar = showProgress(terminal, left, () => ({
      before,
      done: summary.total,
      failed: summary.failed,
    }));
    const { print, repeat: repeats } = this.options;
    const printer = new Printer(terminal, print, { prompts: this.work.count, repeats });
    try {
      await this.#askAll(client, printer);
    } catch (error) {
      this.#failure = error;
    }
    printer.end();
    endBar();
    await this.#finishFile();
    this.#tell();
    return this.#exitCode();
  }

  async #askAll(client: LLMClient, printer: Printer): Promise<void> {
    const { terminal, stop } = this.context;
    const { batch, repeat, print } = this.options;
    const asked = new Asked(repeat, this.work.earlier);
    const isPrinted = print !== 'none';
    const options = { ...batch, signal: stop, ahead: isPrinted ? MOST_WAITING : undefined };
    for await (const result of client.generateEach(asked.requests(this.work.prompts), options)) {
      const placed = asked.placed(result);
      if (this.#summary.total === 0) throwIfRefused(placed, asked.namesModels);
      this.file?.add(placed);
      this.#summary.add(placed);
      this.#last = placed;
      this.#noteAnswer(placed);
      printer.add(result.index, placed);
      if (isPrinted) await terminal.drained(stop);
    }
  }

  #noteAnswer({ index, repeat, response }: RequestResult): void {
    const { repeat: repeats } = this.options;
    if (repeats === 1 || response === null) return;
    this.#answers.set((index - 1) * repeats + repeat - 1, textHash(response));
  }

  async #finishFile(): Promise<void> {
    try {
      const unsorted = await this.file?.finish();
      if (unsorted !== undefined)
        this.context.terminal.note(
          `The results are all there, in the order in which they came: they could not be sorted. ${unsorted}`,
        );
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #tell(): void {
    const { terminal } = this.context;
    const { earlier, target } = this.work;
    if (this.#single) this.#tellSingle(this.#single);
    else if (this.#summary.total > 0) this.#tellSummary();
    if (earlier && earlier.answered > 0)
      terminal.note(
        terminal.text({
          en: `Answered before: ${earlier.answered}`,
          ko: `이전에 완료: ${earlier.answered}`,
        }),
      );
    const { path } = target ?? {};
    const hasResults = earlier !== undefined || this.#summary.total > 0;
    if (path !== undefined && hasResults)
      terminal.note(terminal.text({ en: `Results: ${path}`, ko: `결과: ${path}` }));
    if (this.#summary.failed > 0 && path !== undefined && !this.#isCutShort)
      terminal.note(
        terminal.text({
          en: `Those that failed are asked again with --resume ${path}.`,
          ko: `실패한 요청은 --resume ${path}로 다시 보낼 수 있습니다.`,
        }),
      );
  }

  #tellSingle(result: RequestResult): void {
    const { terminal } = this.context;
    if (result.success) terminal.note(singleLine(result, terminal.text));
  }

  #tellSummary(): void {
    const { terminal } = this.context;
    if (terminal.loudness !== 'quiet')
      terminal.note(`\n${this.#summary.print(terminal.text, this.#variety)}`);
    // Results that are printed say themselves why they failed.
    else if (this.options.print === 'none' && this.#summary.failed > 0)
      terminal.error(this.#summary.failures(terminal.text));
  }

  /** The result where there was only one to come. */
  get #single(): RequestResult | undefined {
    return this.work.count === 1 && this.options.repeat === 1 ? this.#last : undefined;
  }

  get #variety(): Variety | undefined {
    const { repeat } = this.options;
    return repeat > 1 ? varietyOf(this.#answers, repeat) : undefined;
  }

  get #isCutShort(): boolean {
    return this.context.stop.aborted || this.#failure !== undefined;
  }

  async #exitCode(): Promise<ExitCode> {
    if (this.#failure !== undefined) throw await this.#faultOf(this.#failure);
    if (this.context.stop.aborted) {
      if (isInterrupted(this.context.stop))
        this.context.terminal.error(this.context.terminal.text(this.#interruption()));
      return 130;
    }
    if (this.#summary.failed === 0) return 0;
    return this.#summary.unreachable === this.#summary.total ? 3 : 1;
  }

  #interruption(): Text {
    const [answered, all] = this.#counts();
    const { path } = this.work.target ?? {};
    return {
      en: `Interrupted: ${answered}${all === undefined ? '' : ` of ${all}`} answered.${path === undefined ? '' : ` Go on with --resume ${path}.`}`,
      ko: `중단됨: ${all === undefined ? '' : `${all}개 중 `}${answered}개 완료.${path === undefined ? '' : ` --resume ${path}로 이어서 진행할 수 있습니다.`}`,
    };
  }

  /** What stopped the run, with what is kept of it; an error that nobody can do anything about stays what it is. */
  async #faultOf(failure: unknown): Promise<unknown> {
    const fault = asFault(failure);
    if (!(fault instanceof ClientFault)) return failure;
    const { path } = this.work.target ?? {};
    const [, all] = this.#counts();
    const answered = await this.#kept();
    if (answered === 0) return fault;
    const kept = `${answered}${all === undefined ? '' : ` of ${all}`} were answered`;
    const onward = path === undefined ? '.' : ` and are in ${path}; go on with --resume ${path}.`;
    return new ClientFault(fault.exitCode, `${fault.message} ${kept}${onward}`, { cause: failure });
  }

  /** How many are answered and not lost: a disk that is full has not all of what came. */
  async #kept(): Promise<number> {
    const { target } = this.work;
    if (!target || !this.file?.isBroken) return this.#counts()[0];
    return (await EarlierResults.read(target.path, target.format, this.options.repeat)).answered;
  }

  /** How many are answered, earlier runs included, and of how many. */
  #counts(): readonly [answered: number, all: number | undefined] {
    const { count, earlier } = this.work;
    const all = count === undefined ? undefined : count * this.options.repeat;
    return [this.#summary.answered + (earlier?.answered ?? 0), all];
  }
}

/** Whether somebody stopped the run; an output that takes no more does so with the error of its write. */
function isInterrupted({ reason }: AbortSignal): boolean {
  return (reason as Error).name === 'AbortError';
}

function singleLine(result: RequestResult, text: (text: Text) => string): string {
  const { model, latency_ms, completion_tokens, finish_reason } = result;
  const seconds = (latency_ms / 1000).toFixed(2);
  return [
    ...(model === null ? [] : [visible(model)]),
    text({ en: `${seconds} s`, ko: `${seconds}초` }),
    ...(completion_tokens === null
      ? []
      : [text({ en: `${completion_tokens} tokens`, ko: `토큰 ${completion_tokens}개` })]),
    ...(finish_reason === 'length' ? [text({ en: 'cut by max_tokens', ko: 'max_tokens에서 잘림' })] : []),
  ].join(' · ');
}
