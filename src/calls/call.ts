import type { CallRecord } from './call-record.js';
import type { EventStream, StreamOptions } from '../common/event-stream.js';
import type { CallBudget, ReplyListener } from '../engine/call-budget.js';
import type { EngineService } from '../engine/engine.service.js';
import type { EngineReply, EngineRequest } from '../engine/engine-request.js';
import { type RelayedReply, RelayedStream } from '../engine/relayed-reply.js';
import type { RelayRequest } from '../engine/relay-request.js';

/** One call on its way through the pipeline: the only one that asks engines for it, and the one that counts. */
export class Call {
  readonly #budget: CallBudget;
  #stream: EventStream | undefined;
  #opensAtTry = false;

  constructor(
    readonly record: CallRecord,
    private readonly engine: EngineService,
    deadlineAt: number,
    /** How the caller is streamed to; absent where he waits for the whole. */
    private readonly streaming: StreamOptions | undefined,
    /** Hears every whole exchange with an engine, words and all. */
    private readonly onExchange?: (request: EngineRequest, reply: EngineReply) => void,
  ) {
    this.#budget = this.#newBudget(deadlineAt);
  }

  /** Whether the caller gets a stream. */
  get streams(): boolean {
    return this.streaming !== undefined;
  }

  /** The stream to the caller, once it is open. */
  get stream(): EventStream | undefined {
    return this.#stream;
  }

  /** The stream to the caller; opened here at the latest. */
  openStream(): EventStream {
    if (!this.streaming) throw new Error('This caller waits for the whole answer');
    this.#stream ??= this.record.context.openStream(this.streaming);
    return this.#stream;
  }

  /**
   * Asks for a reply; the caller's stream opens with the first try.
   * @param listener hears of a streamed reply while it is made
   */
  async ask(request: EngineRequest, listener?: ReplyListener): Promise<EngineReply> {
    this.#opensAtTry = true;
    const reply = await this.#timed(() => this.engine.ask(request, this.#budget, listener));
    const { record } = this;
    record.facts.model = reply.model;
    record.firstTokenMs ??= reply.firstTokenMs;
    if (reply.runaway) record.runaways.push(reply.runaway);
    this.onExchange?.(request, reply);
    return reply;
  }

  /** Passes a request on; the caller's stream opens when its first event is there. */
  async relay(request: RelayRequest): Promise<RelayedReply> {
    const askedAt = performance.now();
    const reply = await this.#timed(() => this.engine.relay(request, this.#budget));
    const { record } = this;
    if (reply.model) record.facts.model = reply.model;
    if (reply instanceof RelayedStream) record.firstTokenMs ??= performance.now() - askedAt;
    return reply;
  }

  async #timed<R>(run: () => Promise<R>): Promise<R> {
    const { facts, startedAt } = this.record;
    const askedAt = performance.now();
    if (facts.attempts === 0) facts.timing.queue = askedAt - startedAt;
    try {
      return await run();
    } finally {
      facts.timing.engine += performance.now() - askedAt;
    }
  }

  #newBudget(deadlineAt: number): CallBudget {
    const { record } = this;
    return {
      deadlineAt,
      signal: record.context.signal,
      onTry: () => {
        record.facts.attempts++;
        if (this.streaming && this.#opensAtTry) this.openStream();
      },
      onTried: (report) => {
        record.tries.push(report);
        record.addTokens(report.usage);
        if (report.fault !== undefined) record.wastedTokens += report.usage.total_tokens;
      },
    };
  }
}
