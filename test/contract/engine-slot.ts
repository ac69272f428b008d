import { isDeepStrictEqual } from 'node:util';
import type { EngineDriver, EngineOptions, RunningEngine } from './drivers/driver.ts';

/** Holds one engine at a time: a real one takes half a minute to start, so the running one is handed out while it fits. */
export class EngineSlot {
  #engine: RunningEngine | undefined;
  #options: EngineOptions | undefined;

  constructor(private readonly driver: EngineDriver) {}

  /** An engine with these options that nobody has ended. */
  async get(options: EngineOptions = {}): Promise<RunningEngine> {
    if (this.#engine?.alive && isDeepStrictEqual(this.#options, options)) return this.#engine;
    await this.close();
    this.#options = options;
    this.#engine = await this.driver.start(options);
    return this.#engine;
  }

  async close(): Promise<void> {
    await this.#engine?.stop();
    this.#engine = undefined;
  }
}
