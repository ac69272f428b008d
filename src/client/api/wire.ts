import { type CallFailed, interrupted } from './call-failed.js';
import { Deadlines } from './deadlines.js';
import type { Lanes } from './exchange.js';
import { Lane } from './lane.js';
import { StreamedExchange } from './streamed-exchange.js';
import { WholeExchange } from './whole-exchange.js';
import type { StreamedAnswer, WholeAnswer, WireRequest } from './wire-answer.js';

/** The connections to one server. */
export class Wire implements Lanes {
  /** Time limits of the requests under way. */
  readonly deadlines: Deadlines;
  /** Whether the server has ever answered. */
  hasAnswered = false;
  readonly #lanes: Lane[] = [];
  readonly #idle: Lane[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #heard = new Map<AbortSignal, () => void>();

  constructor(
    readonly root: string,
    readonly timeoutMs: number,
    private readonly connections: number,
  ) {
    this.deadlines = new Deadlines(timeoutMs);
  }

  /** @throws CallFailed where no whole answer came in time */
  send(request: WireRequest, signal?: AbortSignal): Promise<WholeAnswer> {
    const lane = this.#take(signal);
    return lane
      ? new WholeExchange(this, lane, request, signal).begin()
      : this.#wait(signal).then((next) => new WholeExchange(this, next, request, signal).begin());
  }

  /**
   * Waits for the head only. The time limit is one for the head, and for each piece behind it.
   * @throws CallFailed where no head came in time
   */
  async open(request: WireRequest, signal?: AbortSignal): Promise<StreamedAnswer> {
    const lane = this.#take(signal) ?? (await this.#wait(signal));
    return new StreamedExchange(this, lane, request, signal).begin();
  }

  /** Takes back a connection whose request is over. */
  release(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(lane);
    else this.#idle.push(lane);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** One that is free, where there is one and somebody still wants it. */
  #take(signal: AbortSignal | undefined): Lane | undefined {
    if (signal?.aborted) return undefined;
    const idle = this.#idle.pop();
    return idle ?? (this.#lanes.length < this.connections ? this.#open() : undefined);
  }

  #open(): Lane {
    const lane = new Lane(new URL(this.root).origin);
    this.#lanes.push(lane);
    this.deadlines.watch(lane);
    return lane;
  }

  #wait(signal: AbortSignal | undefined): Promise<Lane> {
    if (signal?.aborted) return Promise.reject(interrupted({ cause: signal.reason }));
    if (signal) this.hear(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ signal, resolve, reject });
    });
  }

  /** Listens to a signal once, however many calls it is for; and no more to those that are for none. */
  hear(signal: AbortSignal): void {
    if (this.#heard.has(signal)) return;
    this.#forgetUnused();
    const stop = (): void => {
      const failure = interrupted({ cause: signal.reason });
      for (const one of this.#waiting.filter((waiting) => waiting.signal === signal)) {
        this.#waiting.splice(this.#waiting.indexOf(one), 1);
        one.reject(failure);
      }
      for (const { exchange } of this.#lanes) if (exchange?.signal === signal) exchange.stop(failure);
    };
    this.#heard.set(signal, stop);
    signal.addEventListener('abort', stop, { once: true });
  }

  #forgetUnused(): void {
    const used = new Set([
      ...this.#lanes.map(({ exchange }) => exchange?.signal),
      ...this.#waiting.map(({ signal }) => signal),
    ]);
    for (const [signal, stop] of this.#heard) {
      if (used.has(signal)) continue;
      signal.removeEventListener('abort', stop);
      this.#heard.delete(signal);
    }
  }
}

/** A call for which no connection is free. */
interface Waiting {
  readonly signal: AbortSignal | undefined;
  resolve(lane: Lane): void;
  reject(failure: CallFailed): void;
}
