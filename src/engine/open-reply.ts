import type { ServiceError } from '../common/errors.js';
import { EngineFault } from './engine-fault.js';
import type { Usage } from './engine-request.js';
import type { EngineStream, StreamEvent } from './engine-stream.js';
import type { Try } from './try.js';

/** A streamed reply that is handed on while it comes. Its try ends when it does. */
export class OpenReply {
  #first: readonly StreamEvent[] | undefined;
  #isClosed = false;

  private constructor(
    private readonly one: Try,
    private readonly stream: EngineStream,
    /** Turns a thrown value into the error that the caller gets, and ends the try with it. */
    private readonly onFault: (thrown: unknown) => ServiceError,
  ) {}

  /**
   * Waits for the first event with a choice, so that what goes wrong before it can be tried again.
   * @throws EngineFault where there is none, or where it is an error
   */
  static async begin(
    one: Try,
    stream: EngineStream,
    onFault: (thrown: unknown) => ServiceError,
  ): Promise<OpenReply> {
    const reply = new OpenReply(one, stream, onFault);
    const first: StreamEvent[] = [];
    while (first.every(({ isUsage }) => isUsage)) {
      const events = await stream.next();
      if (!events) throw reply.#runaway() ?? new EngineFault('bad-response', { seen: 'no events' });
      first.push(...events);
    }
    reply.#first = first;
    one.keepOpen();
    return reply;
  }

  /** The model that answers, by its own word. */
  get model(): string {
    return this.stream.model;
  }

  /** What it has said so far, without its thinking. */
  get said(): string {
    return this.one.tally.said;
  }

  /** The tokens that it has cost so far, by the engine's count; undefined where the engine has not counted. */
  get usage(): Usage | undefined {
    return this.one.tally.counted;
  }

  /**
   * The next events, as many as came together; nothing once the stream is whole.
   * @throws ServiceError where the stream ends too early or was broken off
   */
  async next(): Promise<readonly StreamEvent[] | undefined> {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      return first;
    }
    try {
      const events = await this.stream.next();
      if (events) return events;
      const runaway = this.#runaway();
      if (runaway) throw runaway;
    } catch (thrown) {
      this.#isClosed = true;
      throw this.onFault(thrown);
    }
    this.one.succeed();
    this.#close();
    return undefined;
  }

  /** Ends the engine's work: what has come is enough, or of no use. */
  stop(): void {
    this.stream.stop();
    this.one.succeed();
    this.#close();
  }

  /** Ends the engine's work when the reply cannot be handed on. Does nothing once the reply is over. */
  abandon(): void {
    if (this.#isClosed) return;
    this.stream.stop();
    this.#close();
  }

  /** Waits for a slow caller; the engine is not read on meanwhile, and its silence does not count. */
  async pausedFor(slow: Promise<void>): Promise<void> {
    this.one.guard.pause();
    await slow;
    this.one.guard.resume();
  }

  #runaway(): EngineFault | undefined {
    const { runaway } = this.stream;
    return runaway && new EngineFault('runaway', { seen: runaway, runaway });
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.one.close();
  }
}
