import { describe, expect } from '@jest/globals';
import { FULL } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { itForEach, LONG_QUESTIONS } from './questions.js';
import { ContractService } from './service.js';

/** Calls that come at once: more than the engine holds. */
const COMING = 16;

/** Our routes and OpenAI’s, asked as a whole and as a stream; two choices would be two calls to the engine. */
const SINGLE = LONG_QUESTIONS.filter(({ path, name }) => path !== '/api/report' && !name.includes('two'));

export function describeOverload(engines: EngineSlot): void {
  describe('with more calls than the engine holds', () => {
    itForEach(SINGLE, engines, 'says 503 and when to ask $name again', async (question) => {
      const service = await ContractService.start(await engines.get(FULL));
      const calls = Array.from({ length: COMING }, () => service.begin(question));

      // Those that the engine holds take long: whoever is answered first was refused, and refused again.
      const first = await Promise.race(calls.map(({ ended }) => ended));

      for (const call of calls) call.leave();
      await Promise.allSettled(calls.map(({ ended }) => ended));
      expect(first.code).toBe('ENGINE_OVERLOADED');
      // The service's own streams are open by then; OpenAI's open with their first event.
      const isOpen = first.headers['content-type']?.startsWith('text/event-stream');
      expect(isOpen).toBe(question.streams && question.path.startsWith('/api'));
      if (!isOpen) {
        expect(first.status).toBe(503);
        expect(Number(first.headers['retry-after'])).toBeGreaterThan(0);
      }
    });
  });
}
