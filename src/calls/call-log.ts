import { Injectable, Logger } from '@nestjs/common';
import { CallEvents } from './call-events.js';
import type { CallRecord } from './call-record.js';

/** Writes the one line of each call; docs/operations.md explains its fields. */
@Injectable()
export class CallLog {
  readonly #logger = new Logger('Call');

  constructor(events: CallEvents) {
    events.on('end', (call) => {
      this.#write(call);
    });
  }

  #write(call: CallRecord): void {
    const { facts, context, usage, labels, outcome } = call;
    const { queue, engine, total } = facts.timing;
    const line = {
      message: 'call',
      call_id: facts.callId,
      request_id: context.requestId,
      task: call.task.name,
      lane: call.task.lane,
      stream: call.streams || undefined,
      outcome,
      code: call.code,
      left: outcome === 'cancelled' ? context.leftBecause : undefined,
      rung: call.rung,
      model: facts.model,
      provider: facts.provider,
      attempts: facts.attempts,
      resets: call.resets || undefined,
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      wasted_tokens: call.wastedTokens || undefined,
      queue_ms: round(queue),
      engine_ms: round(engine),
      first_token_ms: round(call.firstTokenMs),
      first_field_ms: round(call.firstFieldMs),
      total_ms: round(total),
      key: context.caller?.name,
      interview_id: labels.interviewId,
      turn: labels.turn,
      user_id: labels.userId,
      tags: labels.tags,
      prompt_version: call.plan.promptVersion,
    };
    if (outcome === 'failed') this.#logger.warn(line);
    else this.#logger.log(line);
  }
}

function round(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
