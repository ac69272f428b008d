import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { CallStore } from '../call-store/call-store.js';
import { Call, type Question } from '../calls/call.js';
import { CallEvents } from '../calls/call-events.js';
import { type CallPlan, CallRecord } from '../calls/call-record.js';
import type { RowWrite } from '../calls/row-write.js';
import type { Sink } from '../calls/sink.js';
import type { Ending, Stage } from '../calls/stage.js';
import type { CallContext, CallFacts } from '../common/call-context.js';
import { ServiceError } from '../common/errors.js';
import { unexpectedFault } from '../common/unexpected-fault.js';
import { Settings } from '../config/settings.js';
import { EngineFault } from '../engine/engine-fault.js';
import { EngineService } from '../engine/engine.service.js';
import type { EngineReply, EngineRequest, Usage } from '../engine/engine-request.js';
import type { RunawayReason } from '../engine/watchdog.js';

/** What came of a question, streamed or not. */
export interface Answer<R extends object> {
  readonly reply: R;
  readonly facts: CallFacts;
  /** Tokens of all replies, discarded ones included. */
  readonly usage: Usage;
}

/**
 * The one way from a question to its answer, for requests and background jobs alike. A question of any kind meets the
 * same stages in the same order, and every call that begins ends with a row, a log line and its counters.
 */
@Injectable()
export class Pipeline {
  /** The stages, in the order in which a call meets them on its way to an engine and back. */
  readonly stages: Stage[];
  readonly #logger = new Logger('Call');

  constructor(
    private readonly settings: Settings,
    private readonly engine: EngineService,
    private readonly events: CallEvents,
    private readonly store: CallStore,
  ) {
    // prompt -> guard in -> idempotency -> limits -> route -> cache -> budget -> lane -> [engine and ladder]
    // -> guard out -> settle -> [call store]. Each joins the list with its folder; there is none yet.
    this.stages = [];
  }

  /**
   * Asks a question.
   * @param sink where the answer goes while it is made; undefined where the caller waits for the whole
   * @throws ServiceError: also after it was the last event of a sink that is open
   */
  async run<R extends object>(question: Question<R>, context: CallContext, sink?: Sink): Promise<Answer<R>> {
    this.store.admit();
    const call = this.#begin(question, context, sink);
    const { record } = call;
    try {
      const reply = (await this.#live(call)) as R;
      sink?.result(reply, record);
      return { reply, facts: record.facts, usage: record.usage };
    } catch (error) {
      const known = error instanceof ServiceError ? error : unexpectedFault(error, context.requestId);
      if (sink?.isOpen) sink.error(known);
      throw known;
    }
  }

  #begin(question: Question, context: CallContext, sink: Sink | undefined): Call {
    const { settings } = this;
    const plan = this.#planOf(question);
    const facts = {
      callId: randomUUIDv7(),
      model: plan.modelAsked,
      provider: settings.engineKind,
      attempts: 0,
      timing: { queue: 0, engine: 0, total: 0 },
    };
    context.facts = facts;
    const record = new CallRecord(question.task, sink !== undefined, context, facts, plan);
    const onExchange = (request: EngineRequest, reply: EngineReply): void => {
      this.#logger.debug({ message: 'exchange', call_id: facts.callId, request, reply });
    };
    return new Call(
      question,
      record,
      settings,
      this.engine,
      sink,
      settings.logPrompts ? onExchange : undefined,
    );
  }

  #planOf({ model, plan }: Question): CallPlan {
    return { ...plan, modelAsked: model ?? this.settings.modelName };
  }

  /** A call from its beginning to its end: whatever happens in between, it is told and kept. */
  async #live(call: Call): Promise<object> {
    const { record } = call;
    this.events.emit('start', record);
    try {
      const reply = await this.#answer(call);
      record.outcome = 'ok';
      await this.#end(call, { outcome: 'answered' });
      return reply;
    } catch (error) {
      const isEnded = record.outcome === 'ok';
      const known = error instanceof ServiceError ? error : undefined;
      record.code = known?.code ?? 'INTERNAL_ERROR';
      record.outcome = record.code === 'CANCELLED' ? 'cancelled' : 'failed';
      const runaway = known && runawayOf(known);
      if (runaway) record.runaways.push(runaway);
      // The caller learns what went wrong first, also where the log fails on top of it.
      if (!isEnded) await this.#end(call, endingOf(record, known)).catch(() => undefined);
      throw error;
    } finally {
      record.facts.timing.total = record.elapsedMs();
      this.events.emit('end', record);
    }
  }

  async #answer(call: Call): Promise<object> {
    const early = await this.#before(call);
    if (call.sink) this.#keepBeginning(call);
    const { question } = call;
    const whole = early ?? (await question.ask(call));
    for (const stage of this.stages) await stage.after?.(call, whole);
    const reply = question.toCaller?.(whole, call) ?? whole;
    if (call.sink && (early || question.streamsWhole)) question.deliver(call, reply);
    call.record.verdict = question.verdictOf?.(whole) ?? {};
    question.keep(call.record.content, reply);
    return reply;
  }

  /** @returns the answer that a stage gave */
  async #before(call: Call): Promise<object | undefined> {
    try {
      for (const stage of this.stages) {
        const early = await stage.before?.(call);
        if (early) return early;
      }
      call.openFilters = this.stages
        .map((stage) => stage.filter?.(call))
        .filter((open) => open !== undefined);
      return undefined;
    } finally {
      this.#describe(call);
    }
  }

  /** Puts the question into the record as the stages have left it: what they masked is in no log. */
  #describe({ question, record }: Call): void {
    record.plan = this.#planOf(question);
    if (record.facts.attempts === 0) record.facts.model = record.plan.modelAsked;
    if (this.settings.logContent !== 'full') return;
    record.content.question = question.asked;
    record.content.input = JSON.stringify({ task: question.task.name, ...question.input() });
  }

  /**
   * Nobody waits for it: the row that ends the call goes the same way, and says how that went. The engine is asked first,
   * so that it does not cost the first token's time.
   */
  #keepBeginning({ record }: Call): void {
    setImmediate(() => {
      if (record.outcome === undefined) this.#keep(record).catch(() => undefined);
    });
  }

  /** Lets the stages give back what they took, and writes the row with what they add to it. */
  async #end(call: Call, ending: Ending): Promise<void> {
    const writes: RowWrite[] = [];
    for (const stage of this.stages.toReversed()) {
      if (!stage.end) continue;
      try {
        const write = await stage.end(call, ending);
        if (write) writes.push(write);
      } catch (error) {
        // The others still hold something.
        this.#logger.error({
          message: 'a stage failed at the end of a call',
          stage: stage.name,
          call_id: call.record.facts.callId,
          reason: error instanceof Error ? error.stack : String(error),
        });
      }
    }
    await this.#keep(call.record, writes);
  }

  /** Writes a call into the log as it stands: before its answer is whole for the caller. */
  #keep(record: CallRecord, writes?: readonly RowWrite[]): Promise<void> {
    record.facts.timing.total = record.elapsedMs();
    return this.store.write(record, writes);
  }
}

function endingOf({ outcome, facts }: CallRecord, error: ServiceError | undefined): Ending {
  const isRefused = facts.attempts === 0 && error !== undefined && error.status < 500;
  return {
    outcome: outcome === 'cancelled' ? 'cancelled' : isRefused ? 'refused' : 'failed',
    ...(error && { error }),
  };
}

/** Why the watchdog broke a relayed stream off, where that is what ended the call. */
function runawayOf({ cause }: ServiceError): RunawayReason | undefined {
  return cause instanceof EngineFault ? cause.facts.runaway : undefined;
}
