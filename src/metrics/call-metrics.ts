import { Counter, Gauge, type Registry } from 'prom-client';
import type { CallRecord } from '../calls/call-record.js';

/** Counts calls by what became of them; docs/metrics.md explains each number. */
export class CallMetrics {
  readonly #inFlight;
  readonly #calls;
  readonly #cancelled;
  readonly #replies;
  readonly #reAsks;
  readonly #tries;
  readonly #resets;
  readonly #watchdogStops;
  readonly #wastedTokens;
  /** Pairs of task and model that have their series. */
  readonly #known = new Set<string>();

  constructor(registry: Registry) {
    const counter = <L extends string>(name: string, help: string, ...more: L[]) =>
      new Counter({
        name: `llm_service_${name}_total`,
        help,
        labelNames: ['task', 'model', ...more],
        registers: [registry],
      });

    this.#inFlight = new Gauge({
      name: 'llm_service_calls_in_flight',
      help: 'Calls that run now.',
      labelNames: ['task'],
      registers: [registry],
    });
    this.#calls = counter('calls', 'Calls that are over; code says why one failed.', 'outcome', 'code');
    this.#cancelled = counter('cancelled_calls', 'Calls that nobody waited for any more.', 'reason');
    this.#replies = counter('replies', 'Replies to structured calls, as they were judged.', 'judgement');
    this.#reAsks = counter('re_asks', 'Times that a structured call asked again after a flaw.');
    this.#tries = counter('engine_tries', 'Requests to engines, retries and re-asks included.');
    this.#resets = counter('stream_resets', 'Times that what a caller had been sent became void.');
    this.#watchdogStops = counter('watchdog_stops', 'Replies that the watchdog broke off.', 'reason');
    this.#wastedTokens = counter('wasted_tokens', 'Tokens of replies that nobody got.');
  }

  /** Takes note of a call that begins. */
  started({ task }: CallRecord): void {
    this.#inFlight.inc({ task: task.name });
  }

  /**
   * Takes note of a call that is over.
   * @param model what its model counts as
   */
  ended(call: CallRecord, model: string): void {
    const { outcome, code, judgements, context } = call;
    const task = call.task.name;
    const leftBecause = context.leftBecause?.replaceAll(' ', '-');
    const labels = { task, model };
    this.#inFlight.dec({ task });
    if (outcome) this.#calls.inc({ ...labels, outcome, ...(outcome === 'failed' && code && { code }) });
    if (outcome === 'cancelled' && leftBecause) this.#cancelled.inc({ ...labels, reason: leftBecause });
    for (const judgement of judgements) this.#replies.inc({ ...labels, judgement });
    for (const reason of call.runaways) this.#watchdogStops.inc({ ...labels, reason });
    this.#begin(labels);
    this.#tries.inc(labels, call.facts.attempts);
    if (call.reAsks > 0) this.#reAsks.inc(labels, call.reAsks);
    if (call.resets > 0) this.#resets.inc(labels, call.resets);
    if (call.wastedTokens > 0) this.#wastedTokens.inc(labels, call.wastedTokens);
  }

  /** Begins what may stay 0 with 0: a series that begins with its first event hides that event from rate(). */
  #begin(labels: { readonly task: string; readonly model: string }): void {
    const key = `${labels.task} ${labels.model}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    for (const counter of [this.#reAsks, this.#resets, this.#wastedTokens]) counter.inc(labels, 0);
  }
}
