import { isIPv6 } from 'node:net';

/** Wrong keys that an address may send within {@link WINDOW_MS} before it waits: a person's slips are fewer. */
const FREE = 20;

const WINDOW_MS = 60_000;

/** By how many milliseconds each further wrong key waits longer, up to the most. */
const STEP_MS = 100;
const MAX_DELAY_MS = 2000;

/** Answers that may wait at once; each holds a socket. */
const MAX_HELD = 100;

/** Addresses that are remembered; whoever was silent longest is forgotten first. */
const MAX_ADDRESSES = 10_000;

interface Guesses {
  /** When the first of them came, milliseconds of the process' clock. */
  readonly since: number;
  count: number;
}

/** Slows down whoever tries out keys, by address. A proxy has one for all of its callers, so a right key never waits. */
export class WrongKeys {
  readonly #guesses = new Map<string, Guesses>();
  #held = 0;

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#guesses.size;
  }

  /** Counts a wrong key, and lets its answer go at once or after a while. */
  answer(address: string, go: () => void): void {
    const delayMs = this.#delayOf(networkOf(address));
    if (delayMs === 0 || this.#held >= MAX_HELD) {
      go();
      return;
    }
    this.#held++;
    setTimeout(() => {
      this.#held--;
      go();
    }, delayMs);
  }

  #delayOf(network: string): number {
    const now = performance.now();
    const known = this.#guesses.get(network);
    const guesses = known && now - known.since < WINDOW_MS ? known : { since: now, count: 0 };
    guesses.count++;
    // The last in the map is who came last.
    this.#guesses.delete(network);
    this.#guesses.set(network, guesses);
    if (this.#guesses.size > MAX_ADDRESSES) this.#forgetOldest();
    return Math.min(Math.max(0, guesses.count - FREE + 1) * STEP_MS, MAX_DELAY_MS);
  }

  #forgetOldest(): void {
    for (const oldest of this.#guesses.keys()) {
      this.#guesses.delete(oldest);
      return;
    }
  }
}

/** Of IPv6 the first 64 bits: one household or machine has all addresses behind them. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.replace(/%.*/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  // What "::" stands for is all zeros; only those among the first four groups count here.
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + behind.length < 8) groups.push('0');
  return [...groups, ...behind].slice(0, 4).join(':');
}
