import { CallFailed, interrupted } from './call-failed.js';
import { type ModelCard, namesOf, readModelList } from './model-list.js';
import type { Server } from './server.js';

/** The models of a server. Its list is asked for once, when the first call needs it. */
export class Models {
  /** The first that the server lists, once it is known. */
  known: string | undefined;
  #asking: Asking | undefined;

  constructor(private readonly server: Server) {}

  /**
   * The first that the server lists; none where it has no such list.
   * @throws CallFailed
   */
  async first(signal?: AbortSignal): Promise<string | undefined> {
    try {
      [this.known] = await this.names(signal);
      return this.known;
    } catch (error) {
      if (error instanceof CallFailed && hasNoList(error)) return undefined;
      throw error;
    }
  }

  /**
   * All that the server lists. Who gives up leaves the list to the others that wait for it.
   * @throws CallFailed
   */
  async names(signal?: AbortSignal): Promise<string[]> {
    const asking = (this.#asking ??= new Asking(this.server));
    try {
      return await asking.names(signal);
    } catch (error) {
      // The next call asks again.
      if (!asking.isWanted && this.#asking === asking) this.#asking = undefined;
      throw error;
    }
  }
}

/** A list that is asked for, for as long as anybody waits for it. */
class Asking {
  readonly #stop = new AbortController();
  readonly #cards: Promise<ModelCard[]>;
  #waiting = 0;

  constructor(server: Server) {
    this.#cards = readModelList(server, { signal: this.#stop.signal });
  }

  get isWanted(): boolean {
    return this.#waiting > 0;
  }

  async names(signal: AbortSignal | undefined): Promise<string[]> {
    this.#waiting++;
    try {
      return namesOf(await (signal ? unlessAborted(this.#cards, signal) : this.#cards));
    } finally {
      this.#waiting--;
      if (!this.isWanted) this.#stop.abort();
    }
  }
}

function hasNoList({ facts: { status } }: CallFailed): boolean {
  return status === 404 || status === 405;
}

/** @throws CallFailed interrupted, where `signal` aborts first */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(interrupted({ cause: signal.reason }));
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}
