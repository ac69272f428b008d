import { Injectable } from '@nestjs/common';
import { CallEvents } from './call-events.js';
import type { CallRecord, Judgement } from './call-record.js';

/** What can happen to one reply of the engine, or to a call. */
type Counted = Judgement | 'calls' | 're-asked' | 'valid' | 'failed' | 'cancelled';

/** Counts calls, and the rungs of the ladder, per task since the start. */
@Injectable()
export class ReplyCounters {
  readonly #counts = new Map<string, Map<Counted, number>>();

  constructor(events: CallEvents) {
    events.on('start', ({ task }) => {
      this.#count(task.name, 'calls');
    });
    events.on('end', (call) => {
      this.#ended(call);
    });
  }

  /** Task -> what happened -> how often. */
  snapshot(): Record<string, Partial<Record<Counted, number>>> {
    return Object.fromEntries([...this.#counts].map(([task, counts]) => [task, Object.fromEntries(counts)]));
  }

  #ended({ task, judgements, outcome, reAsks }: CallRecord): void {
    for (const judgement of judgements) this.#count(task.name, judgement);
    if (reAsks > 0) this.#count(task.name, 're-asked');
    if (outcome) this.#count(task.name, outcome === 'ok' ? 'valid' : outcome);
  }

  #count(task: string, what: Counted): void {
    const counts = this.#counts.get(task) ?? new Map<Counted, number>();
    counts.set(what, (counts.get(what) ?? 0) + 1);
    this.#counts.set(task, counts);
  }
}
