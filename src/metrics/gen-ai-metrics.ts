import { Histogram, type Registry } from 'prom-client';
import type { CallRecord } from '../calls/call-record.js';
import { CALL_SECONDS, FIRST_CHUNK_SECONDS, FIRST_TOKEN_SECONDS, TOKENS } from './buckets.js';

const LABELS = ['task', 'gen_ai_operation_name', 'gen_ai_request_model', 'gen_ai_provider_name'] as const;

/**
 * Times and tokens of calls, under OpenTelemetry's names for generative AI with `_` for `.` and the unit behind. Names
 * with `server` are what a caller sees of this service, names with `client` what this service sees of the engine.
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
 */
export class GenAiMetrics {
  readonly #requestDuration;
  readonly #firstToken;
  readonly #operationDuration;
  readonly #firstChunk;
  readonly #tokens;

  constructor(registry: Registry) {
    const histogram = <L extends string>(
      name: string,
      help: string,
      buckets: number[],
      ...more: L[]
    ): Histogram<(typeof LABELS)[number] | L> =>
      new Histogram({
        name: `gen_ai_${name}`,
        help,
        buckets,
        labelNames: [...LABELS, ...more],
        registers: [registry],
      });

    this.#requestDuration = histogram(
      'server_request_duration_seconds',
      'Time of a call, from its start to its end.',
      CALL_SECONDS,
      'error_type',
    );
    this.#firstToken = histogram(
      'server_time_to_first_token_seconds',
      'Time until a streaming caller was sent the first piece of the answer.',
      FIRST_TOKEN_SECONDS,
    );
    this.#operationDuration = histogram(
      'client_operation_duration_seconds',
      'Time that a call spent on engines, all its tries together.',
      CALL_SECONDS,
      'error_type',
    );
    this.#firstChunk = histogram(
      'client_operation_time_to_first_chunk_seconds',
      'Time from the request to the engine’s first token, where the engine streams.',
      FIRST_CHUNK_SECONDS,
    );
    this.#tokens = histogram(
      'client_token_usage',
      'Tokens of a call, all its tries together.',
      TOKENS,
      'gen_ai_token_type',
    );
  }

  /**
   * Takes note of a call that is over.
   * @param model what its model counts as
   */
  ended({ task, facts, outcome, code, usage, firstTokenMs, firstFieldMs }: CallRecord, model: string): void {
    const labels = {
      task: task.name,
      gen_ai_operation_name: task.operation ?? 'chat',
      gen_ai_request_model: model,
      gen_ai_provider_name: facts.provider,
    };
    const { total, engine } = facts.timing;
    const timed = code === undefined ? labels : { ...labels, error_type: code };
    this.#requestDuration.observe(timed, total / 1000);
    if (outcome === 'ok' && firstFieldMs !== undefined) this.#firstToken.observe(labels, firstFieldMs / 1000);
    if (facts.attempts > 0) this.#operationDuration.observe(timed, engine / 1000);
    if (firstTokenMs !== undefined) this.#firstChunk.observe(labels, firstTokenMs / 1000);
    this.#observeTokens(labels, 'input', usage.prompt_tokens);
    this.#observeTokens(labels, 'output', usage.completion_tokens);
  }

  /** Nothing where the engine did not tell. */
  #observeTokens(labels: Record<(typeof LABELS)[number], string>, type: 'input' | 'output', tokens: number) {
    if (tokens > 0) this.#tokens.observe({ ...labels, gen_ai_token_type: type }, tokens);
  }
}
