import { freePort } from '../scripts/free-port.ts';
import { type BenchDatabase, startDatabase } from './database.ts';
import { MEASURED_CORE, NODE, Pinned, SERVICE } from './machine.ts';
import type { Question } from './questions.ts';

/** Something that is asked, and the process whose CPU and memory count, where there is one. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly body: object;
  readonly process: Pinned | undefined;
}

/** What starts targets, in front of an engine each, and stops them all. */
export class Targets {
  readonly #profiles: string | undefined;
  readonly #service: readonly string[];
  readonly #running: Pinned[] = [];
  #database: BenchDatabase | undefined;
  /** Services so far, so that each has a profile of its own. */
  #started = 0;

  /**
   * @param profiles folder into which services write where their CPU time went, as `NUMBER-NAME.cpuprofile`; undefined: none
   * @param service command of the services
   */
  constructor(profiles: string | undefined, service = SERVICE) {
    this.#profiles = profiles;
    this.#service = service;
  }

  /** The least that a proxy in Node can do. */
  async bareProxy(engine: string, { body }: Question): Promise<Target> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/v1/chat/completions`;
    const process = await this.#start([NODE, 'bench/bare-proxy.ts', String(port), engine], url);
    return { name: 'bare proxy', url, body, process };
  }

  async service(
    name: string,
    engine: string,
    { path, body }: Question,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Target> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    this.#database ??= await startDatabase();
    const process = await this.#start(this.#command(name), `${url}/health/ready`, {
      APP_HOST: '127.0.0.1',
      APP_PORT: String(port),
      ENGINE: 'sglang',
      ENGINE_URLS: engine,
      LOG_LEVEL: 'WARNING',
      LOG_FORMAT: 'json',
      ...this.#database.env,
      ...env,
    });
    return { name, url: url + path, body, process };
  }

  async stopAll(): Promise<void> {
    for (const one of this.#running.splice(0)) await one.stop();
    await this.#database?.stop();
    this.#database = undefined;
  }

  #command(name: string): string[] {
    const [node = NODE, ...rest] = this.#service;
    if (this.#profiles === undefined) return [node, ...rest];
    const file = `${++this.#started}-${name.replaceAll(/[^\w.]+/g, '-')}.cpuprofile`;
    return [node, '--cpu-prof', `--cpu-prof-dir=${this.#profiles}`, `--cpu-prof-name=${file}`, ...rest];
  }

  async #start(command: readonly string[], readyUrl: string, env?: NodeJS.ProcessEnv): Promise<Pinned> {
    const one = await Pinned.start(MEASURED_CORE, command, readyUrl, env);
    this.#running.push(one);
    return one;
  }
}
