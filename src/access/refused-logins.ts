import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Throttle } from '../logging/throttle.js';
import { WrongKeys } from './wrong-keys.js';

/** Why a request was not let in, or its key not taken. */
export type RefusedBecause = 'no-key' | 'wrong-key' | 'no-scope' | 'not-direct';

/** What the log says of each, and what its reader may do. */
const TOLD: Readonly<Record<RefusedBecause, string>> = {
  'no-key': 'requests without a key are refused; docs/access.md says who needs which',
  'wrong-key': 'requests with a wrong key are refused: is a key mistyped, or does somebody guess?',
  'no-scope': 'requests are refused whose key lacks the scope; docs/access.md says which route needs which',
  'not-direct': 'requests from elsewhere are refused, because no API_KEYS are set',
};

/** One line a minute for each reason, whatever is thrown at the service. */
const TELL_EVERY_MS = 60_000;

interface Told {
  readonly address: string;
  readonly route: string;
}

/** Keeps count of logins that failed, tells the log, and slows down whoever tries out keys. */
@Injectable()
export class RefusedLogins implements OnApplicationShutdown {
  readonly #logger = new Logger('Access');
  readonly #counts = new Map<RefusedBecause, number>();
  readonly #throttles = new Map<RefusedBecause, Throttle<Told>>();
  readonly #wrongKeys = new WrongKeys();

  /** How many there were since the start; a reason without one is not there. */
  get counts(): ReadonlyMap<RefusedBecause, number> {
    return this.#counts;
  }

  /**
   * Takes note of one.
   * @param answer sends the reply: at once, or later where the address has sent many wrong keys
   */
  add(reason: RefusedBecause, request: FastifyRequest, answer: () => void): void {
    const address = request.raw.socket.remoteAddress ?? '';
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    this.#throttleOf(reason).add({ address, route: request.routeOptions.url ?? '' });
    if (reason === 'wrong-key') this.#wrongKeys.answer(address, answer);
    else answer();
  }

  onApplicationShutdown(): void {
    for (const throttle of this.#throttles.values()) throttle.flush();
  }

  #throttleOf(reason: RefusedBecause): Throttle<Told> {
    let throttle = this.#throttles.get(reason);
    if (!throttle) {
      throttle = new Throttle(TELL_EVERY_MS, (told, count) => {
        this.#logger.warn({ message: TOLD[reason], reason, count, ...told });
      });
      this.#throttles.set(reason, throttle);
    }
    return throttle;
  }
}
