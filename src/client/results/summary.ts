import { createHistogram } from 'node:perf_hooks';
import type { RequestResult } from '../api/generation.js';
import type { Text } from '../text.js';
import type { Variety } from './answer-variety.js';

const RULE = '='.repeat(50);

/** Kinds of failures that are told apart, and of those how many are shown. */
const KNOWN_FAILURES = 100;
const SHOWN_FAILURES = 5;

/** The histogram counts whole tenths of milliseconds. */
const TICKS_PER_SECOND = 10_000;

/** Failures of one kind. */
interface Failures {
  readonly count: number;
  /** The lowest number of a prompt among them. */
  readonly first: number;
}

/** Counts what came of a run, in the same memory however many results come. */
export class Summary {
  readonly #latencies = createHistogram();
  readonly #began = performance.now();
  readonly #failures = new Map<string, Failures>();
  #total = 0;
  #answered = 0;
  #unreachable = 0;
  #tokens = 0;
  #latencySum = 0;
  #fastest = Infinity;
  #slowest = 0;

  get total(): number {
    return this.#total;
  }

  get answered(): number {
    return this.#answered;
  }

  get failed(): number {
    return this.#total - this.#answered;
  }

  /** Of those that failed, the calls that reached nobody. */
  get unreachable(): number {
    return this.#unreachable;
  }

  add(result: RequestResult): void {
    this.#total++;
    if (!result.success) {
      if (result.error_code === 'unreachable') this.#unreachable++;
      this.#noteFailure(result);
      return;
    }
    const seconds = result.latency_ms / 1000;
    this.#answered++;
    this.#tokens += result.completion_tokens ?? 0;
    this.#latencySum += seconds;
    this.#fastest = Math.min(this.#fastest, seconds);
    this.#slowest = Math.max(this.#slowest, seconds);
    this.#latencies.record(Math.max(1, Math.round(seconds * TICKS_PER_SECOND)));
  }

  /** The summary as it is printed, with a line feed at its end; latencies are those of answers, failures have none. */
  print(text: (text: Text) => string, variety?: Variety): string {
    return [
      text({ en: '📊 EXPERIMENT SUMMARY', ko: '📊 실험 요약' }),
      RULE,
      text({ en: `Total requests: ${this.#total}`, ko: `전체 요청: ${this.#total}` }),
      text({ en: `Successful: ${this.#answered}`, ko: `성공: ${this.#answered}` }),
      this.failures(text),
      ...(variety && variety.prompts > 0 ? [varietyLine(variety, text)] : []),
      ...(this.#answered > 0 ? this.#speedLines(text) : []),
      '',
    ].join('\n');
  }

  /** How many failed, and why: the most frequent kinds on a line each, with the prompt that each is found at. */
  failures(text: (text: Text) => string): string {
    const kinds = [...this.#failures].toSorted(([, a], [, b]) => b.count - a.count);
    const rest = kinds.slice(SHOWN_FAILURES).map(([, failures]) => failures);
    const line = (error: string, { count, first }: Failures) =>
      `  ${count} × ${error} ${text({ en: `(first: prompt ${first})`, ko: `(처음: 프롬프트 ${first})` })}`;
    return [
      text({ en: `Failed: ${this.failed}`, ko: `실패: ${this.failed}` }),
      ...kinds.slice(0, SHOWN_FAILURES).map(([error, failures]) => line(error, failures)),
      ...(rest.length > 0
        ? [line(text({ en: 'other errors', ko: '그 밖의 오류' }), rest.reduce(together))]
        : []),
    ].join('\n');
  }

  #noteFailure({ error, index }: RequestResult): void {
    const said = error ?? '';
    const kind = this.#failures.has(said) || this.#failures.size < KNOWN_FAILURES ? said : '…';
    const one = { count: 1, first: index };
    const before = this.#failures.get(kind);
    this.#failures.set(kind, before ? together(before, one) : one);
  }

  #speedLines(text: (text: Text) => string): string[] {
    const seconds = (value: number) => text({ en: `${inDigits(value)}s`, ko: `${inDigits(value)}초` });
    const percentile = (share: number) => seconds(this.#latencies.percentile(share) / TICKS_PER_SECOND);
    const elapsed = (performance.now() - this.#began) / 1000;
    const rate = (count: number) => inDigits(count / elapsed);
    return [
      '',
      text({ en: '⏱️  Latency:', ko: '⏱️  응답 시간:' }),
      text({ en: '  Average: ', ko: '  평균: ' }) + seconds(this.#latencySum / this.#answered),
      text({ en: '  Min: ', ko: '  최소: ' }) + seconds(this.#fastest),
      text({ en: '  Max: ', ko: '  최대: ' }) + seconds(this.#slowest),
      `  p50: ${percentile(50)}`,
      `  p95: ${percentile(95)}`,
      `  p99: ${percentile(99)}`,
      '',
      text({ en: '🚀 Performance:', ko: '🚀 성능:' }),
      text({ en: '  Requests per second: ', ko: '  초당 요청: ' }) + rate(this.#total),
      text({ en: '  Tokens per second: ', ko: '  초당 토큰: ' }) + rate(this.#tokens),
    ];
  }
}

function together(one: Failures, other: Failures): Failures {
  return { count: one.count + other.count, first: Math.min(one.first, other.first) };
}

function varietyLine({ prompts, answers, different, steady }: Variety, text: (text: Text) => string): string {
  if (prompts === 1)
    return text({
      en: `Different answers: ${different} of ${answers}`,
      ko: `서로 다른 답: ${answers}개 중 ${different}개`,
    });
  return text({
    en: `Different answers: ${different} of ${answers}; ${steady} of ${prompts} prompts were always answered alike`,
    ko: `서로 다른 답: ${answers}개 중 ${different}개 (프롬프트 ${prompts}개 중 ${steady}개는 답이 항상 같음)`,
  });
}

/** Two digits behind the point, more where the first two would say nothing. */
function inDigits(value: number): string {
  if (value < 0.1) return value.toFixed(value < 0.01 ? 4 : 3);
  return value.toFixed(value < 100 ? 2 : 1);
}
