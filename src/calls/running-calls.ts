import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/call-context.js';
import { CallEvents } from './call-events.js';
import type { CallRecord } from './call-record.js';

/** The calls that run now, by their ids. */
@Injectable()
export class RunningCalls {
  readonly #calls = new Map<string, CallRecord>();
  #onNone: (() => void)[] = [];

  constructor(events: CallEvents) {
    events.on('start', (call) => this.#calls.set(call.facts.callId, call));
    events.on('end', (call) => {
      this.#calls.delete(call.facts.callId);
      if (this.#calls.size === 0) for (const resolve of this.#onNone.splice(0)) resolve();
    });
  }

  /** Fulfilled once no call runs. */
  async allOver(): Promise<void> {
    if (this.#calls.size === 0) return;
    await new Promise<void>((resolve) => this.#onNone.push(resolve));
  }

  /**
   * Cancels the calls that have an id: the call's own, or the request's, which a waiting caller knows alone.
   * Only calls of the same key are found.
   * @returns the ids of the cancelled calls
   */
  cancel(id: string, caller: Caller | undefined): string[] {
    const ids: string[] = [];
    for (const { facts, context } of this.#calls.values()) {
      if (facts.callId !== id && context.requestId !== id) continue;
      if (context.caller?.name !== caller?.name) continue;
      context.leave('cancelled');
      ids.push(facts.callId);
    }
    return ids;
  }
}
