import { describe, expect, it } from '@jest/globals';
import { ENDLESS } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { itForEach, LONG_QUESTIONS } from './questions.js';
import { ContractService } from './service.js';
import { isIdle, isUnderWay, takesCalls } from './work.js';

export function describeLeaving(engines: EngineSlot): void {
  describe('with a caller that leaves', () => {
    itForEach(LONG_QUESTIONS, engines, 'ends the engine’s work for $name', async (question) => {
      const engine = await engines.get(ENDLESS);
      const service = await ContractService.start(engine);
      const call = service.begin(question);
      await isUnderWay(engine, call, question);

      call.leave();

      await expect(call.ended).rejects.toThrow();
      await isIdle(engine);
    });

    it('leaves an engine nothing to do that has not said a word yet', async () => {
      const engine = await engines.get(ENDLESS);
      const service = await ContractService.start(engine);
      await engine.freeze();
      const calls = LONG_QUESTIONS.map((question) => service.begin(question));
      // Answered behind all of them.
      await service.get('/health');

      for (const call of calls) call.leave();
      for (const call of calls) await expect(call.ended).rejects.toThrow();
      await engine.thaw();

      await takesCalls(service);
      await isIdle(engine);
    });
  });
}
