import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/common/errors.js';
import { expectProblem } from '../support/problem.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService, LONG_CALL } from './service.js';

/** Calls that the engine holds, and calls that come at once. */
const HELD = 2;
const COMING = 8;

export function describeOverload(engines: EngineSlot): void {
  describe('with more calls than the engine holds', () => {
    it.each(['/api/feedback', '/api/report'] as const)('says 503 and when to ask %s again', async (route) => {
      const service = await ContractService.start(await engines.get({ variant: 'endless', maxCalls: HELD }));
      const callers = new AbortController();
      const calls = Array.from({ length: COMING }, () =>
        service.ask<Problem>(route, LONG_CALL, callers.signal),
      );

      // Those that the engine holds take long: whoever is answered first was refused, and refused again.
      const first = await Promise.race(calls);

      callers.abort();
      await Promise.allSettled(calls);
      expectProblem(first, 'ENGINE_OVERLOADED');
      expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
    });
  });
}
