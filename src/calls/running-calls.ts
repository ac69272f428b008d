import { Injectable } from '@nestjs/common';
import type { Caller } from '../common/request-context.js';
import { CallEvents } from './call-events.js';
import type { CallRecord } from './call-record.js';

/** The calls that run now, by their ids. */
@Injectable()
export class RunningCalls {
  readonly #calls = new Map<string, CallRecord>();

  constructor(events: CallEvents) {
    events.on('start', (call) => this.#calls.set(call.facts.callId, call));
    events.on('end', (call) => this.#calls.delete(call.facts.callId));
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
