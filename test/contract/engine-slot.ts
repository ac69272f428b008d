import { isDeepStrictEqual } from 'node:util';
import { it } from '@jest/globals';
import { freePort } from '../../scripts/free-port.ts';
import type { EngineDriver, EngineOptions, RunningEngine } from './drivers/driver.ts';

/**
 * Holds one engine at a time: a real one takes half a minute to start, so the running one is handed out while it fits.
 * All of them have one address: to a service that is running, the next one is the last one, started again.
 */
export class EngineSlot {
  #engine: RunningEngine | undefined;
  #options: EngineOptions | undefined;
  #port: number | undefined;

  /** `it` for what the stub shows as well as a real engine: skipped there, unless all of the contract is to run. */
  readonly itWithAll: typeof it.skip;

  constructor(
    readonly driver: EngineDriver,
    { all }: { readonly all: boolean },
  ) {
    this.itWithAll = all ? it : it.skip;
  }

  /** An engine with these options that nobody has ended. */
  async get(options: EngineOptions = {}): Promise<RunningEngine> {
    if (this.#engine?.alive && isDeepStrictEqual(this.#options, options)) return this.#engine;
    await this.close();
    this.#port ??= await freePort();
    this.#options = options;
    this.#engine = await this.driver.start(options, this.#port);
    return this.#engine;
  }

  async close(): Promise<void> {
    await this.#engine?.stop();
    this.#engine = undefined;
  }
}
