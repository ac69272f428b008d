import type { ServiceError } from '../common/errors.js';
import type { Dialect } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import { DONE, EventReader } from './event-reader.js';
import { refuseErrors } from './read-reply.js';
import type { RelayRequest } from './relay-request.js';
import type { ReplyGuard } from './reply-guard.js';
import type { Tally } from './tally.js';
import type { Try } from './try.js';
import { Watchdog } from './watchdog.js';
import { readBytes } from './wire.js';
import { choiceOf, parseBody, textOf, usageOf, type WireChoice } from './wire-body.js';

/** A reply in OpenAI's own shape: its text as the engine wrote it, or its events as they come. */
export type RelayedReply = RelayedText | RelayedStream;

/** A reply that came as a whole. */
export interface RelayedText {
  readonly text: string;
  /** The model that answered, by its own word. */
  readonly model: string | undefined;
}

/** Looks a whole reply over: it is JSON with what the route gives, and tells what it cost. */
function readWhole(bytes: Buffer, dialect: Dialect, tally: Tally): RelayedText {
  const text = bytes.toString('utf8');
  tally.said = text;
  const body = parseBody(text);
  tally.whole = bytes;
  if (!Array.isArray(body.data)) {
    const choice = choiceOf(body, dialect);
    if (!choice) throw new EngineFault('bad-response', { seen: 'no choices' });
    if (dialect.finishOf(choice) === 'abort') throw new EngineFault('cut', { seen: 'finish_reason abort' });
  }
  tally.count(usageOf(body.usage));
  return { text, model: typeof body.model === 'string' ? body.model : undefined };
}

/**
 * Passes one request on.
 * @param toFault makes of what a stream threw a fault, and takes note of it
 * @throws whatever went wrong before the first event or in a whole reply
 */
export async function relayOnce(
  one: Try,
  request: RelayRequest,
  dialect: Dialect,
  toFault: (thrown: unknown) => EngineFault,
): Promise<RelayedReply> {
  const { address, guard, tally } = one;
  const { path, body } = request;
  const sent = path === '/v1/embeddings' ? body : dialect.relayed(body, one.id);
  one.request = Buffer.from(JSON.stringify(sent));
  const response = await address.post(path, one.request, guard);
  await refuseErrors(response, dialect);
  if (body.stream !== true) return readWhole(await readBytes(response), dialect, tally);
  const stream = await RelayedStream.open(response, {
    dialect,
    guard,
    tally,
    request,
    contextTokens: address.contextTokens,
    onEnd: () => {
      one.succeed();
      one.close();
    },
    onFault: (thrown) => {
      const fault = toFault(thrown);
      one.fail(fault.kind);
      one.close();
      return fault.toServiceError(address.contextTokens);
    },
  });
  one.keepOpen();
  return stream;
}

/** What reading a relayed stream needs besides its bytes. */
interface RelayReading {
  readonly dialect: Dialect;
  readonly guard: ReplyGuard;
  readonly tally: Tally;
  readonly request: RelayRequest;
  /** Bounds the watchdog where the caller named no number of tokens. */
  readonly contextTokens: number | undefined;
  /** Hears that the stream is whole. */
  onEnd(): void;
  /** Makes of what was thrown the error that the caller gets. */
  onFault(thrown: unknown): ServiceError;
}

/** A stream whose events are handed on while they are watched over. */
export class RelayedStream {
  /** The model that answers, by its own word. */
  model: string | undefined;
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #events = new EventReader();
  readonly #watchdogs = new Map<number, Watchdog>();
  readonly #ended = new Set<number>();
  #first: readonly string[] | undefined;
  #done = false;

  private constructor(
    bytes: AsyncIterable<Buffer>,
    private readonly reading: RelayReading,
  ) {
    this.#bytes = bytes[Symbol.asyncIterator]();
  }

  /**
   * Waits for the first event.
   * @throws EngineFault where there is none, or where it is an error
   */
  static async open(bytes: AsyncIterable<Buffer>, reading: RelayReading): Promise<RelayedStream> {
    const stream = new RelayedStream(bytes, reading);
    stream.#first = await stream.#read();
    if (!stream.#first) throw new EngineFault('bad-response', { seen: 'no events' });
    return stream;
  }

  /**
   * The data of the next events, as many as came together, without `[DONE]`; nothing once the stream is whole.
   * @throws ServiceError where the stream ends too early or was broken off
   */
  async next(): Promise<readonly string[] | undefined> {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      return first;
    }
    try {
      const events = await this.#read();
      if (events) return events;
      if (!this.#isWhole)
        throw new EngineFault('cut', { seen: this.#done ? 'no finish_reason' : 'no [DONE]' });
    } catch (thrown) {
      // What happens to the connection behind the last word does not matter.
      if (!this.#isWhole) throw this.reading.onFault(thrown);
    }
    this.reading.onEnd();
    return undefined;
  }

  /** What it has said so far, without its thinking. */
  get said(): string {
    return this.reading.tally.said;
  }

  /** Waits for a slow caller; the engine is not read on meanwhile, and its silence does not count. */
  async pausedFor(slow: Promise<void>): Promise<void> {
    this.reading.guard.pause();
    await slow;
    this.reading.guard.resume();
  }

  get #isWhole(): boolean {
    return this.#done && this.#ended.size >= (this.reading.request.choices ?? 1);
  }

  async #read(): Promise<string[] | undefined> {
    for (;;) {
      const next = await this.#bytes.next();
      this.reading.guard.check();
      if (next.done) return undefined;
      const events = this.#wanted(next.value);
      if (events.length > 0) return events;
    }
  }

  /** Looks the events of a piece over; the engine's work ends where one of them is wrong. */
  #wanted(bytes: Buffer): string[] {
    try {
      return this.#events.read(bytes).filter((data) => this.#look(data));
    } catch (fault) {
      this.reading.guard.end();
      throw fault;
    }
  }

  /** Looks one event over; says whether the caller gets it. */
  #look(data: string): boolean {
    if (this.#done) return false;
    if (data === DONE) {
      this.#done = true;
      return false;
    }
    const { dialect, tally, request } = this.reading;
    const event = parseBody(data);
    if (typeof event.model === 'string') this.model = event.model;
    if (event.usage) tally.count(usageOf(event.usage));
    if (!choiceOf(event, dialect)) return request.wantsUsage === true;
    for (const choice of event.choices ?? []) this.#watch(choice);
    return true;
  }

  #watch(choice: WireChoice): void {
    const { guard, tally } = this.reading;
    const index = choice.index ?? 0;
    if (index >= (this.reading.request.choices ?? 1)) return;
    if (choice.finish_reason) this.#end(index, choice);
    const { content, reasoning } = textOf(choice.delta);
    const said = content || (choice.text ?? '') || argumentsOf(choice);
    if (!said && !reasoning) return;
    guard.started();
    tally.piece();
    tally.said += said;
    const watchdog = this.#watchdogOf(index);
    const runaway =
      (reasoning ? watchdog.reasoning(reasoning) : undefined) ?? (said ? watchdog.content(said) : undefined);
    if (runaway) throw new EngineFault('runaway', { seen: runaway, runaway });
  }

  #end(index: number, choice: WireChoice): void {
    if (this.reading.dialect.finishOf(choice) === 'abort')
      throw new EngineFault('cut', { seen: 'finish_reason abort' });
    this.#ended.add(index);
  }

  #watchdogOf(index: number): Watchdog {
    let watchdog = this.#watchdogs.get(index);
    if (!watchdog) {
      const maxTokens = this.reading.request.maxTokens ?? this.reading.contextTokens ?? Infinity;
      watchdog = new Watchdog({ maxTokens, reasoningTokens: maxTokens });
      this.#watchdogs.set(index, watchdog);
    }
    return watchdog;
  }
}

/** Pieces of a tool call's arguments. */
function argumentsOf({ delta }: WireChoice): string {
  return delta?.tool_calls?.map((call) => call.function?.arguments ?? '').join('') ?? '';
}
