import type { Dialect, EndedChoice } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import { DONE, EventReader } from './event-reader.js';
import type { ReplyGuard } from './reply-guard.js';
import type { Tally } from './tally.js';
import { type RunawayReason, Watchdog, type WatchBounds } from './watchdog.js';
import { choiceOf, parseBody, reasoningTokensOf, textOf, usageOf, type WireChoice } from './wire-body.js';

/** One event of a stream, as it came and as it was read. */
export interface StreamEvent {
  /** The event's JSON, byte for byte. */
  readonly data: string;
  /** Words of the reply, of its first choice. */
  readonly content: string;
  readonly reasoning: string;
  /** Whether it has no choice: an event that only tells the tokens. */
  readonly isUsage: boolean;
}

/** What reading a stream needs besides its bytes. */
export interface StreamReading {
  readonly dialect: Dialect;
  readonly guard: ReplyGuard;
  readonly tally: Tally;
  /** `performance.now()` of the request; the headers may come as late as the first token. */
  readonly askedAt: number;
  /** Bounds of each choice. */
  readonly bounds: WatchBounds;
  /** Choices that the stream brings to an end. */
  readonly choices: number;
}

/**
 * The events of a streamed reply, looked over as they come: tokens are counted, the watchdog and the guard watch, errors
 * inside the stream are thrown. A stream that was cut can look like a whole one, so both a finish reason for every
 * choice and the closing `[DONE]` are required.
 */
export class EngineStream {
  /** The model that answers, by its own word. */
  model = '';
  /** Milliseconds until the first token. */
  firstTokenMs: number | undefined;
  /** Why the watchdog broke the stream off. */
  runaway: RunawayReason | undefined;
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #events = new EventReader();
  readonly #watchdogs: Watchdog[] = [];
  readonly #ended: EndedChoice[] = [];
  #fault: Error | undefined;
  #hasEvents = false;
  #done = false;

  constructor(
    bytes: AsyncIterable<Buffer>,
    private readonly reading: StreamReading,
  ) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  /** Whether everything that belongs to the reply has come. */
  get isWhole(): boolean {
    return this.#done && Object.keys(this.#ended).length >= this.reading.choices;
  }

  /** How the first choice ended. */
  get ended(): EndedChoice | undefined {
    return this.#ended[0];
  }

  /**
   * The next events, as many as came together; nothing once the stream is whole, or after the watchdog broke it off.
   * @throws EngineFault, and whatever the connection throws, where it ends too early
   */
  async next(): Promise<readonly StreamEvent[] | undefined> {
    try {
      while (this.runaway === undefined) {
        if (this.#fault !== undefined) throw this.#fault;
        const next = await this.#bytes.next();
        this.reading.guard.check();
        if (next.done) break;
        const events = this.#read(next.value);
        if (events.length > 0) return events;
      }
    } catch (thrown) {
      // What happens to the connection after the last word does not matter.
      if (!this.isWhole) throw thrown;
    }
    if (this.runaway === undefined && !this.isWhole) throw this.#cut();
    return undefined;
  }

  /** Ends the engine's work, where there is any left: what has come is enough. */
  stop(): void {
    if (!this.isWhole) this.reading.guard.end();
  }

  #cut(): EngineFault {
    if (!this.#hasEvents) return new EngineFault('bad-response', { seen: 'no events' });
    return new EngineFault('cut', { seen: this.#done ? 'no finish_reason' : 'no [DONE]' });
  }

  /** The engine's work ends where an event is wrong; the events before it still count. */
  #read(bytes: Buffer): StreamEvent[] {
    const events: StreamEvent[] = [];
    try {
      for (const data of this.#events.read(bytes)) {
        const event = this.#look(data);
        if (this.runaway !== undefined) break;
        if (event) events.push(event);
      }
    } catch (fault) {
      this.#fault = fault as Error;
    }
    if (this.#fault !== undefined || this.runaway !== undefined) this.stop();
    return events;
  }

  #look(data: string): StreamEvent | undefined {
    if (this.#done) return undefined;
    this.#hasEvents = true;
    if (data === DONE) {
      this.#done = true;
      return undefined;
    }
    const { dialect, tally } = this.reading;
    const event = parseBody(data);
    if (typeof event.model === 'string') this.model = event.model;
    if (event.usage) tally.count(usageOf(event.usage));
    const first = choiceOf(event, dialect);
    if (!first) return { data, content: '', reasoning: '', isUsage: true };
    const reasoningTokens = reasoningTokensOf(event.usage);
    const { content, reasoning } = this.#watch(first, reasoningTokens);
    for (const choice of event.choices?.slice(1) ?? []) this.#watch(choice, reasoningTokens);
    return { data, content, reasoning, isUsage: false };
  }

  /** @returns the words of the choice */
  #watch(
    choice: WireChoice,
    reasoningTokens: number | undefined,
  ): { readonly content: string; readonly reasoning: string } {
    const { guard, tally, askedAt, choices } = this.reading;
    const index = choice.index ?? 0;
    const text = textOf(choice.delta);
    if (index >= choices) return text;
    if (choice.finish_reason) this.#end(index, choice);
    const { content, reasoning } = text;
    const said = content || (typeof choice.text === 'string' ? choice.text : '') || argumentsOf(choice);
    if (!said && !reasoning) return text;
    this.firstTokenMs ??= performance.now() - askedAt;
    guard.started();
    tally.piece();
    const watchdog = (this.#watchdogs[index] ??= new Watchdog(this.reading.bounds));
    if (reasoning) this.runaway ??= watchdog.reasoning(reasoning, reasoningTokens);
    if (said) {
      tally.said += said;
      this.runaway ??= watchdog.content(said);
    }
    return text;
  }

  #end(index: number, choice: WireChoice): void {
    if (this.reading.dialect.finishOf(choice) === 'abort')
      throw new EngineFault('cut', { seen: 'finish_reason abort' });
    this.#ended[index] = choice;
  }
}

/** Pieces of a tool call's arguments. */
function argumentsOf({ delta }: WireChoice): string {
  return delta?.tool_calls?.map((call) => call.function?.arguments ?? '').join('') ?? '';
}
