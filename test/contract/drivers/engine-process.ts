import { request } from 'undici';
import type { EngineKind } from '../../../src/config/settings.ts';
import type { RunningEngine } from './driver.ts';
import { LeashedProcess, type ServerCommand } from './leashed-process.ts';

/** How an engine is started and looked at. */
export interface Launch extends ServerCommand {
  readonly kind: EngineKind;
  readonly model: string;
  /** The gauge in `/metrics` that counts the calls it generates for. */
  readonly runningGauge: string;
  /** The title of the process that generates, where that is not the engine's first one. */
  readonly generator?: string;
}

/** An engine that runs as a process, or as several. */
export class EngineProcess implements RunningEngine {
  readonly url: string;
  readonly kind: EngineKind;
  readonly model: string;
  readonly #launch: Launch;
  readonly #process: LeashedProcess;
  #doomed = false;

  static async start(launch: Launch): Promise<EngineProcess> {
    return new EngineProcess(launch, await LeashedProcess.start(launch));
  }

  private constructor(launch: Launch, process: LeashedProcess) {
    this.#launch = launch;
    this.#process = process;
    ({ url: this.url, kind: this.kind, model: this.model } = launch);
  }

  get alive(): boolean {
    return this.#process.alive && !this.#doomed;
  }

  async running(): Promise<number> {
    const { body } = await request(`${this.url}/metrics`);
    const gauge = new RegExp(`^${this.#launch.runningGauge}(?:\\{.*\\})? (\\S+)$`, 'm').exec(
      await body.text(),
    );
    return Number(gauge?.[1]);
  }

  async freeze(): Promise<void> {
    process.kill(await this.#generator(), 'SIGSTOP');
  }

  async thaw(): Promise<void> {
    process.kill(await this.#generator(), 'SIGCONT');
  }

  async kill(): Promise<void> {
    this.#doomed = true;
    process.kill(await this.#generator(), 'SIGKILL');
  }

  killServer(): void {
    this.#doomed = true;
    process.kill(this.#process.pid, 'SIGKILL');
  }

  terminate(): void {
    this.#doomed = true;
    process.kill(this.#process.pid, 'SIGTERM');
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }

  async #generator(): Promise<number> {
    const { generator } = this.#launch;
    return generator === undefined ? this.#process.pid : this.#process.find(generator);
  }
}
