import { Injectable } from '@nestjs/common';
import type { Flaw, Rung } from './ladder.js';

/** What can happen to one reply of the engine, or to a call. */
export type Counted = Rung | Flaw | 'calls' | 're-asked' | 'valid' | 'failed' | 'cancelled';

/** Counts the rungs of the ladder per task since the start. */
@Injectable()
export class ReplyCounters {
  readonly #counts = new Map<string, Map<Counted, number>>();

  count(task: string, what: Counted): void {
    const counts = this.#counts.get(task) ?? new Map<Counted, number>();
    counts.set(what, (counts.get(what) ?? 0) + 1);
    this.#counts.set(task, counts);
  }

  /** Task -> what happened -> how often. */
  snapshot(): Record<string, Partial<Record<Counted, number>>> {
    return Object.fromEntries([...this.#counts].map(([task, counts]) => [task, Object.fromEntries(counts)]));
  }
}
