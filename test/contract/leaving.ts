import { describe, expect, it } from '@jest/globals';
import type { EngineSlot } from './engine-slot.js';
import { ContractService, LONG_CALL } from './service.js';
import { beginsWorkOn, isIdle } from './work.js';

export function describeLeaving(engines: EngineSlot): void {
  describe('with a caller that leaves', () => {
    it.each([
      { how: 'as a stream', route: '/api/report' },
      { how: 'as a stream', route: '/api/chat/completions' },
      { how: 'as a whole', route: '/api/feedback' },
    ] as const)('ends the engine’s work for $route, which it asks $how', async ({ route }) => {
      const engine = await engines.get({ variant: 'endless' });
      const service = await ContractService.start(engine);
      const caller = new AbortController();
      const call = service.ask(route, LONG_CALL, caller.signal);
      await beginsWorkOn(engine, [call]);

      caller.abort();

      await expect(call).rejects.toThrow();
      await isIdle(engine);
    });
  });
}
