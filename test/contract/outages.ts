import { describe, expect, it } from '@jest/globals';
import type { ErrorCode, Problem } from '../../src/common/errors.js';
import type { Settings } from '../../src/config/settings.js';
import { expectProblem } from '../support/problem.js';
import { ENDLESS, type EngineOptions, type RunningEngine } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import type { LongCall } from './long-call.js';
import { CHAT, LONG_QUESTIONS, type LongQuestion } from './questions.js';
import { ContractService } from './service.js';
import { beginsWorkOn, isIdle, takesCalls } from './work.js';
import { until } from './until.js';

/** SGLang ends 5 s after its scheduler, and health is looked at every 5 s. */
const NOTICED_WITHIN_MS = 60_000;

/** How calls end whose engine dies. */
const DEATHS: readonly ErrorCode[] = [
  'ENGINE_CONNECTION_LOST',
  'ENGINE_REPLY_CUT',
  'ENGINE_ERROR',
  'ENGINE_UNREACHABLE',
];

const STREAMS = LONG_QUESTIONS.filter(({ streams }) => streams);

/** One of each kind: whole and streamed, ours and OpenAI’s. */
const FEW = LONG_QUESTIONS.filter(({ name }) =>
  [
    '/api/feedback as a whole',
    '/api/interview/step as a stream',
    `${CHAT} as a whole`,
    `${CHAT} as a stream`,
  ].includes(name),
);

export function describeFrozenEngine(engines: EngineSlot): void {
  const { itWithAll } = engines;

  describe('with an engine that freezes', () => {
    itWithAll('says 504 of a report, which is asked as a stream, when no first token comes', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine, { firstTokenTimeout: 1 });

      const reply = await whileFrozen(engine, () => service.ask<Problem>('/api/report'));

      expectProblem(reply, 'ENGINE_STALLED');
    });

    itWithAll('says 504 of a step, which is asked as a whole, when its time is up', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine, { requestTimeout: 1 });

      const reply = await whileFrozen(engine, () => service.ask<Problem>('/api/interview/step'));

      expectProblem(reply, 'DEADLINE_EXCEEDED');
    });

    it('ends streams to callers with that error, before the first of OpenAI’s events as a status', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine, { firstTokenTimeout: 1 });

      const ends = await whileFrozen(engine, () =>
        Promise.all(STREAMS.map((question) => service.begin(question).ended)),
      );

      expect(ends).toEqual(
        STREAMS.map(({ path }) =>
          expect.objectContaining({ status: path.startsWith('/v1') ? 504 : 200, code: 'ENGINE_STALLED' }),
        ),
      );
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

export function describeFreezingEngine(engines: EngineSlot): void {
  const { itWithAll } = engines;

  describe('with an engine that freezes while it writes', () => {
    itWithAll('ends every stream with an error, and serves again once the engine goes on', async () => {
      const engine = await engines.get(ENDLESS);
      const { slowestToken } = engines.driver;
      const { service, calls } = await startCalls(engine, STREAMS, {
        stallTimeout: slowestToken,
        firstTokenTimeout: slowestToken,
        structuredMaxAttempts: 1,
      });

      const codes = await whileFrozen(engine, () => Promise.all(calls.map(codeOf)));

      expect(codes).toEqual(STREAMS.map(() => 'ENGINE_STALLED'));
      await takesCalls(service);
      await isIdle(engine);
    });
  });
}

export function describeDeadlines(engines: EngineSlot): void {
  describe('with a model that writes on when a call’s time is up', () => {
    it('ends every call, and the engine’s work for it', async () => {
      const engine = await engines.get(ENDLESS);
      const service = await ContractService.start(engine, { requestTimeout: 3 });

      const codes = await Promise.all(LONG_QUESTIONS.map((question) => codeOf(service.begin(question))));

      expect(codes).toEqual(LONG_QUESTIONS.map(() => 'DEADLINE_EXCEEDED'));
      await isIdle(engine);
    });
  });
}

/**
 * @param first the engine that dies
 * @param next the engine that is started in its place
 */
export function describeDeadEngine(engines: EngineSlot, first: EngineOptions, next: EngineOptions): void {
  describe('with an engine that is dead', () => {
    it('is not ready, says 503 and when to ask again, and serves once it is back', async () => {
      const engine = await engines.get(first);
      const service = await ContractService.start(engine);

      await engine.kill();

      await until(async () => (await service.get('/health/ready')).status === 503, NOTICED_WITHIN_MS);
      const reply = await service.ask<Problem>('/api/feedback');
      expectProblem(reply, 'ENGINE_UNREACHABLE');
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
      for (const question of STREAMS) {
        expect(await service.begin(question).ended).toMatchObject({
          status: question.path.startsWith('/v1') ? 503 : 200,
          code: 'ENGINE_UNREACHABLE',
        });
      }

      await engines.get(next);
      await takesCalls(service);
    });
  });
}

/** @param next the engine that is started in the dead one’s place */
export function describeDyingEngine(engines: EngineSlot, next: EngineOptions): void {
  describe('with an engine that dies while it writes', () => {
    // A process that callers are connected to dies in the same way on every engine.
    engines.itWithAll('says to every caller that its server failed, and serves once it is back', async () => {
      await ends((engine) => {
        engine.killServer();
      }, ENDLESS);
    });

    it('says to every caller that its generator failed, and serves once it is back', async () => {
      await ends((engine) => engine.kill(), next);
    });

    async function ends(kill: (engine: RunningEngine) => unknown, next: EngineOptions): Promise<void> {
      const engine = await engines.get(ENDLESS);
      await isIdle(engine);
      const { service, calls } = await startCalls(engine, LONG_QUESTIONS);

      await kill(engine);

      for (const code of await Promise.all(calls.map(codeOf))) expect(DEATHS).toContain(code);
      await engines.get(next);
      await takesCalls(service);
    }
  });
}

/** @param next the engine that is started in its place */
export function describeStoppingEngine(
  engines: EngineSlot,
  options: EngineOptions,
  next: EngineOptions,
): void {
  describe('with an engine that is told to stop while it writes', () => {
    it('answers every caller, or says what happened, and serves once it is back', async () => {
      const engine = await engines.get(options);
      await isIdle(engine);
      // Some engines leave calls hanging, others finish them: then this bound is what ends them.
      const { service, calls } = await startCalls(engine, FEW, { requestTimeout: 15 });

      engine.terminate();

      for (const code of await Promise.all(calls.map(codeOf))) expect(code).not.toBe('INTERNAL_ERROR');
      await engines.get(next);
      await takesCalls(service);
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

async function codeOf(call: LongCall): Promise<ErrorCode | undefined> {
  return (await call.ended).code;
}

/** Long calls that the engine works on; the streams among them have begun. */
async function startCalls(
  engine: RunningEngine,
  questions: readonly LongQuestion[],
  settings: Partial<Settings> = {},
): Promise<{ service: ContractService; calls: readonly LongCall[] }> {
  const service = await ContractService.start(engine, settings);
  const calls = questions.map((question) => service.begin(question));
  await Promise.all(calls.filter((_, at) => questions[at]?.streams).map((call) => call.firstWord()));
  await beginsWorkOn(
    engine,
    calls.map(({ ended }) => ended),
  );
  return { service, calls };
}
