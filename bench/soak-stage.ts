import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { freePort } from '../scripts/free-port.ts';
import { startDatabase } from './database.ts';
import { MEASURED_CORE, NODE, OTHER_CORE, Pinned, SERVICE } from './machine.ts';

/** Idle connections are given up after 4 s by the service, 5 s by the stub, and 30 s to the database. */
const SOCKETS_WITHIN_MS = 45_000;

/** The body of every call. */
export const PROMPTS = {
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
};

/** The service in front of a stub engine that does what it is told, each on a core of its own. */
export interface Stage {
  readonly url: string;
  readonly service: Pinned;
  readonly engine: Pinned;
  /** Tells the engine what to do with the next calls, one by one. */
  script(faults: readonly object[]): Promise<void>;
  /**
   * Waits until neither of the two has more sockets than at the start.
   * @returns how many are open: before, and now
   */
  socketsLeft(): Promise<{ before: Sockets; after: Sockets }>;
  stop(): Promise<void>;
}

/** Open sockets. */
export interface Sockets {
  readonly service: number;
  readonly engine: number;
}

export async function startStage(env: NodeJS.ProcessEnv = {}): Promise<Stage> {
  const [enginePort, port] = [await freePort(), await freePort()];
  const engineUrl = `http://127.0.0.1:${enginePort}`;
  const options = ['--model', 'Qwen/Qwen3-32B', '--port', String(enginePort), '--control'];
  const command = [NODE, 'dist/engine/stub/main.js', ...options];
  const engine = await Pinned.start(OTHER_CORE, command, `${engineUrl}/ready`);
  const url = `http://127.0.0.1:${port}`;
  const database = await startDatabase();
  const service = await Pinned.start(MEASURED_CORE, SERVICE, `${url}/health/ready`, {
    APP_HOST: '127.0.0.1',
    APP_PORT: String(port),
    ENGINE: 'stub',
    ENGINE_URLS: engineUrl,
    LOG_LEVEL: 'ERROR',
    ...database.env,
    ...env,
  });
  const sockets = (): Sockets => ({ service: service.sockets, engine: engine.sockets });
  const before = sockets();
  return {
    url,
    service,
    engine,
    script: async (faults) => {
      const body = JSON.stringify(faults);
      const reply = await request(`${engineUrl}/control/script`, { method: 'POST', body });
      await reply.body.dump();
    },
    socketsLeft: async () => {
      const until = performance.now() + SOCKETS_WITHIN_MS;
      let after = sockets();
      while (isMore(after, before) && performance.now() < until) {
        await delay(200);
        after = sockets();
      }
      return { before, after };
    },
    stop: async () => {
      await service.stop();
      await engine.stop();
      await database.stop();
    },
  };
}

/** Whether sockets were opened that are still open. */
export function isMore(after: Sockets, before: Sockets): boolean {
  return after.service > before.service || after.engine > before.engine;
}
