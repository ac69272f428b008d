import type { Settings } from '../config/settings.js';
import type { CallBudget, ReplyListener } from '../engine/call-budget.js';
import type { EngineService } from '../engine/engine.service.js';
import type { EngineReply, EngineRequest } from '../engine/engine-request.js';
import type { OpenReply } from '../engine/open-reply.js';
import type { OpenFilter } from '../text/text-filter.js';
import type { CallContext } from '../common/call-context.js';
import type { CallContent, CallPlan, CallRecord, Verdict } from './call-record.js';
import type { Sink } from './sink.js';
import type { TaskEntry } from './task-registry.js';

/** Who speaks in a conversation, as far as the question says. */
export type Role = 'system' | 'user' | 'assistant' | 'tool';

/** One question on its way through the pipeline, of any kind: an object, free text, or a request that is passed on. */
export interface Question<R extends object = object> {
  readonly task: TaskEntry;
  /** The model that the caller named; undefined: MODEL_NAME. */
  readonly model: string | undefined;
  /** What the call asks by, for the log. */
  readonly plan: Omit<CallPlan, 'modelAsked'>;
  /** What the caller wanted to know, as text. */
  readonly asked: string | undefined;
  /** What the caller sent, as it was sent: prompts or messages, facts and options. The log keeps it as JSON. */
  readonly input: () => object;
  /** The same question with each of the caller's texts changed, in the order in which the model reads them. */
  rewrite(change: (text: string, role: Role) => string): Question<R>;
  /**
   * Asks until there is a valid answer, and streams it where the caller wants that.
   * @throws ServiceError
   */
  ask(call: Call): Promise<R>;
  /** Streams an answer that is there as a whole, given by a stage for instance. */
  deliver(call: Call, reply: R): void;
  /** Whether `ask` leaves it to `deliver` to stream the answer. */
  readonly streamsWhole?: true;
  /** Puts the reply into the record, in the form in which the log keeps it. */
  keep(content: CallContent, reply: R): void;
  /** What the answer decides. */
  verdictOf?(reply: R): Verdict | undefined;
  /** The reply as this caller gets it, where that is a part of it. */
  toCaller?(reply: R, call: Call): R;
}

/** One call on its way through the pipeline: the only one that asks engines for it, and the one that counts. */
export class Call {
  /** What the stages' filters open for each text of the answer; set before an engine is asked. */
  openFilters: readonly OpenFilter[] = [];
  readonly #budget: CallBudget;
  #opensAtTry = false;

  constructor(
    /** A stage may put another one here before an engine is asked. */
    public question: Question,
    readonly record: CallRecord,
    readonly settings: Settings,
    private readonly engine: EngineService,
    /** Where the answer goes while it is made; undefined where the caller waits for the whole. */
    readonly sink: Sink | undefined,
    /** Hears every whole exchange with an engine, words and all. */
    private readonly onExchange: ((request: EngineRequest, reply: EngineReply) => void) | undefined,
  ) {
    this.#budget = this.#newBudget(record.startedAt + settings.requestTimeout * 1000);
  }

  /** Who asks, and whether they still wait. */
  get context(): CallContext {
    return this.record.context;
  }

  /** The sink, open: its head goes out now at the latest. */
  get openSink(): Sink {
    if (!this.sink) throw new Error('This caller waits for the whole answer');
    this.sink.open();
    return this.sink;
  }

  /**
   * Asks for a reply and reads it to its end; the caller's stream opens with the first try.
   * @param listener hears of a streamed reply while it is made
   */
  async ask(request: EngineRequest, listener?: ReplyListener): Promise<EngineReply> {
    this.#opensAtTry = listener !== undefined;
    const reply = await this.#timed(() => this.engine.ask(request, this.#budget, listener));
    const { record } = this;
    record.facts.model = reply.model;
    record.firstTokenMs ??= reply.firstTokenMs;
    if (reply.runaway) record.runaways.push(reply.runaway);
    this.onExchange?.(request, reply);
    return reply;
  }

  /** Asks for a reply that is handed on as it comes; the caller's stream opens with the first text that goes out. */
  async open(request: EngineRequest): Promise<OpenReply> {
    const askedAt = performance.now();
    const reply = await this.#timed(() => this.engine.open(request, this.#budget));
    const { record } = this;
    if (reply.model) record.facts.model = reply.model;
    record.firstTokenMs ??= performance.now() - askedAt;
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
      onTry: (provider) => {
        record.facts.attempts++;
        record.facts.provider = provider;
        if (this.#opensAtTry) this.sink?.open();
      },
      onTried: (report) => {
        record.tries.push(report);
        record.addTokens(report.usage);
        if (report.fault !== undefined) record.wastedTokens += report.usage.total_tokens;
      },
    };
  }
}
