import type { Dialect, EndedChoice } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import { EventReader } from './event-reader.js';
import type { ReplyGuard } from './reply-guard.js';
import { strangeReply } from './strange-reply.js';
import type { Tally } from './tally.js';
import { type RunawayReason, Watchdog, type WatchBounds } from './watchdog.js';
import {
  abortedBy,
  asOneText,
  errorIn,
  indexOf,
  isDone,
  NOTHING,
  readBody,
  reasoningTokensOf,
  saidIn,
  usageOf,
  type WireBody,
  type WireChoice,
  type WireSaid,
} from './wire-body.js';

/**
 * Events in a row without a choice that are passed over: what a proxy sends to keep a stream alive. At one every 50 ms
 * that is the time of a whole call, REQUEST_TIMEOUT's default.
 */
const MOST_PASSED_OVER = 6000;

/** Code of the bracket that the data of every event that says something begins with. */
const BRACE = 0x7b;

/** One event of a stream, as it came and as it was read; what it says is that of the first choice. */
export interface StreamEvent extends WireSaid {
  /** The event's JSON, byte for byte where that is JSON. */
  readonly data: string;
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
  /** The reply's own word for what it is, for the case that it is nothing known. */
  readonly contentType: string | undefined;
}

/**
 * The events of a streamed reply, looked over as they come: tokens are counted, the watchdog and the guard watch, errors
 * inside the stream are thrown, and events that say nothing are passed over. A stream that was cut can look like a whole
 * one, so both a finish reason for every choice and the closing `[DONE]` are required.
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
  /** What ended the stream, where anything did; after the last word it does not matter. */
  #fault: Error | undefined;
  #isOver = false;
  #hasEvents = false;
  #passedOver = 0;
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
    while (this.runaway === undefined && this.#fault === undefined && !this.#isOver) {
      let bytes: Buffer | undefined;
      try {
        const next = await this.#bytes.next();
        this.reading.guard.check();
        if (!next.done) bytes = next.value;
      } catch (thrown) {
        this.#fault = thrown as Error;
      }
      this.#isOver = bytes === undefined;
      const events = this.#read(bytes);
      if (events.length > 0) return events;
    }
    if (this.runaway === undefined && !this.isWhole) throw this.#fault ?? this.#cut();
    return undefined;
  }

  /** Ends the engine's work, where there is any left: what has come is enough. */
  stop(): void {
    if (!this.isWhole) this.reading.guard.end();
  }

  #cut(): EngineFault {
    if (!this.#hasEvents) return strangeReply(this.reading.contentType, this.#events.beginning);
    return new EngineFault('cut', { seen: this.#done ? 'no finish_reason' : 'no [DONE]' });
  }

  /**
   * The engine's work ends where an event is wrong; the events before it still count.
   * @param bytes undefined where no more come
   */
  #read(bytes: Buffer | undefined): StreamEvent[] {
    const events: StreamEvent[] = [];
    try {
      for (const data of bytes ? this.#events.read(bytes) : this.#rest()) {
        const event = this.#look(data);
        if (this.runaway !== undefined) break;
        if (event) events.push(event);
      }
    } catch (fault) {
      this.#fault ??= fault as Error;
    }
    if (this.#fault !== undefined || this.runaway !== undefined) this.stop();
    return events;
  }

  /** What the end of the bytes leaves; it may lack its blank line, but not be torn. */
  #rest(): string[] {
    if (this.isWhole || this.reading.guard.isEnded) return [];
    return this.#events.end().filter((data) => isDone(data) || readBody(data) !== undefined);
  }

  #look(data: string): StreamEvent | undefined {
    if (this.#done) return undefined;
    const text = data.charCodeAt(0) === BRACE ? data : data.trim();
    if (text.charCodeAt(0) === BRACE) return this.#lookInto(text);
    if (isDone(text)) {
      this.#done = true;
      this.#hasEvents = true;
    } else this.#passOver();
    return undefined;
  }

  #lookInto(text: string): StreamEvent | undefined {
    const read = readBody(text);
    if (!read) throw new EngineFault('bad-response', { seen: 'no JSON object', said: text.slice(0, 500) });
    const { body, json } = read;
    const { dialect, tally } = this.reading;
    if (typeof body.model === 'string') this.model = body.model;
    if (body.usage) tally.count(usageOf(body.usage));
    const { choices } = body;
    const error = choices?.length ? undefined : errorIn(body, dialect);
    if (error) throw error;
    if (!Array.isArray(choices)) {
      this.#passOver();
      return body.usage
        ? { data: JSON.stringify({ ...body, choices: [] }), ...NOTHING, isUsage: true }
        : undefined;
    }
    this.#hasEvents = true;
    const said = this.#listen(choices as readonly (WireChoice | null)[], body);
    if (!said) this.#passOver();
    else this.#passedOver = 0;
    const { content, reasoning, refusal } = said ?? NOTHING;
    const data = this.#isPlain(choices) ? json : this.#plain(body, choices);
    return data === undefined
      ? undefined
      : { data, content, reasoning, refusal, isUsage: said === undefined };
  }

  /** Whether an event is as OpenAI's API writes them: no choice that was not asked for, and content as a text. */
  #isPlain(choices: readonly (WireChoice | null)[]): boolean {
    for (const choice of choices) {
      if (!choice || indexOf(choice) >= this.reading.choices || Array.isArray(choice.delta?.content))
        return false;
    }
    return true;
  }

  /** @returns the event as OpenAI's API would write it, undefined where nothing is left of it */
  #plain(body: WireBody, choices: readonly (WireChoice | null)[]): string | undefined {
    const own = choices.filter((choice) => choice !== null && indexOf(choice) < this.reading.choices);
    if (own.length === 0 && !body.usage) return undefined;
    const plain = own.map((choice) =>
      choice?.delta ? { ...choice, delta: asOneText(choice.delta) } : choice,
    );
    return JSON.stringify({ ...body, choices: plain });
  }

  /** An event that is no chunk and no error, whatever it is: nothing of the reply is lost with it. */
  #passOver(): void {
    this.#passedOver++;
    if (this.#passedOver > MOST_PASSED_OVER)
      throw new EngineFault('bad-response', { seen: `${MOST_PASSED_OVER} events in a row without a choice` });
  }

  /** @returns what the first choice says, undefined where there is no choice at all */
  #listen(choices: readonly (WireChoice | null)[], body: WireBody): WireSaid | undefined {
    const reasoningTokens = reasoningTokensOf(body.usage);
    let said: WireSaid | undefined;
    for (const choice of choices) {
      if (!choice) continue;
      const own = this.#watch(choice, body, reasoningTokens);
      if (indexOf(choice) === 0) said = own;
      else said ??= NOTHING;
    }
    return said;
  }

  /** @returns the words of the choice */
  #watch(choice: WireChoice, body: WireBody, reasoningTokens: number | undefined): WireSaid {
    const { guard, tally, askedAt, choices } = this.reading;
    const index = indexOf(choice);
    const own = saidIn(choice.delta);
    if (index >= choices) return own;
    if (choice.finish_reason) this.#end(index, choice, body);
    const { content, reasoning, refusal } = own;
    const said =
      content || (typeof choice.text === 'string' ? choice.text : '') || argumentsOf(choice) || refusal;
    if (!said && !reasoning) return own;
    this.firstTokenMs ??= performance.now() - askedAt;
    guard.started();
    tally.piece();
    const watchdog = (this.#watchdogs[index] ??= new Watchdog(this.reading.bounds));
    if (reasoning) this.runaway ??= watchdog.reasoning(reasoning, reasoningTokens);
    if (said) {
      tally.said += said;
      this.runaway ??= watchdog.content(said);
    }
    return own;
  }

  #end(index: number, choice: WireChoice, body: WireBody): void {
    const { dialect } = this.reading;
    if (dialect.finishOf(choice) === 'abort') throw abortedBy(body, dialect);
    this.#ended[index] = choice;
  }
}

/** Pieces of a tool call's arguments. */
function argumentsOf({ delta }: WireChoice): string {
  return delta?.tool_calls?.map((call) => call.function?.arguments ?? '').join('') ?? '';
}
