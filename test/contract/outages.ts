import { describe, expect, it } from '@jest/globals';
import type { ErrorCode, Problem } from '../../src/common/errors.js';
import type { Settings } from '../../src/config/settings.js';
import { expectProblem } from '../support/problem.js';
import type { Reply } from '../support/service.js';
import type { RunningEngine } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService, LONG_CALL } from './service.js';
import { hasShape, type Route, ROUTES } from './shapes.js';
import { until } from './until.js';
import { beginsWorkOn } from './work.js';

/** SGLang ends 5 s after its scheduler, and health is looked at every 5 s. */
const NOTICED_WITHIN_MS = 60_000;

/** How calls end whose engine dies. */
const DEATHS: readonly ErrorCode[] = [
  'ENGINE_CONNECTION_LOST',
  'ENGINE_REPLY_CUT',
  'ENGINE_ERROR',
  'ENGINE_UNREACHABLE',
];

export function describeFrozenEngine(engines: EngineSlot): void {
  describe('with an engine that freezes', () => {
    it('says 504 of a report, which is asked as a stream, when no first token comes', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine, { firstTokenTimeout: 1 });

      const reply = await whileFrozen(engine, () => service.ask<Problem>('/api/report'));

      expectProblem(reply, 'ENGINE_STALLED');
    });

    it('says 504 of a step, which is asked as a whole, when its time is up', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine, { requestTimeout: 1 });

      const reply = await whileFrozen(engine, () => service.ask<Problem>('/api/interview/step'));

      expectProblem(reply, 'DEADLINE_EXCEEDED');
    });

    it('answers again once the engine goes on', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine);
      await whileFrozen(engine, async () => {
        const caller = new AbortController();
        const call = service.ask('/api/report', {}, caller.signal);
        caller.abort();
        await expect(call).rejects.toThrow();
      });

      expect((await service.ask('/api/report')).status).toBe(200);
    });
  });
}

export function describeDeadEngine(engines: EngineSlot): void {
  describe('with an engine that is dead', () => {
    it('is not ready, and says 503 and when to ask again', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine);

      await engine.kill();

      await until(async () => (await service.get('/health/ready')).status === 503, NOTICED_WITHIN_MS);
      const reply = await service.ask<Problem>('/api/feedback');
      expectProblem(reply, 'ENGINE_UNREACHABLE');
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    });
  });
}

export function describeDyingEngine(engines: EngineSlot): void {
  describe('with an engine that dies while it writes', () => {
    it('says to every caller that the engine failed', async () => {
      const engine = await engines.get({ variant: 'whitespace' });
      const calls = await startCalls(engine);

      await engine.kill();

      for (const reply of await Promise.all(calls)) {
        expect(DEATHS).toContain(reply.body.code);
        expectProblem(reply, reply.body.code);
      }
    });
  });
}

export function describeStoppingEngine(engines: EngineSlot): void {
  describe('with an engine that is told to stop while it writes', () => {
    it('answers every caller, or says what happened', async () => {
      const engine = await engines.get({ variant: 'endless' });
      // Some engines leave calls hanging: then this bound is what ends them.
      const calls = await startCalls(engine, { requestTimeout: 20 });

      engine.terminate();

      for (const { route, ...reply } of await Promise.all(calls)) {
        if (reply.status === 200) expect(hasShape(route, reply.body)).toBe(true);
        else expectProblem(reply, reply.body.code);
        expect(reply.status).not.toBe(500);
      }
    });
  });
}

async function whileFrozen<T>(engine: RunningEngine, run: () => Promise<T>): Promise<T> {
  await engine.freeze();
  try {
    return await run();
  } finally {
    await engine.thaw();
  }
}

/** Long calls to all routes, which the engine works on. */
async function startCalls(
  engine: RunningEngine,
  settings: Partial<Settings> = {},
): Promise<Promise<Reply<Problem> & { route: Route }>[]> {
  const service = await ContractService.start(engine, settings);
  const calls = ROUTES.map(async (route) => ({
    route,
    ...(await service.ask<Problem>(route, LONG_CALL)),
  }));
  await beginsWorkOn(engine, calls);
  return calls;
}
