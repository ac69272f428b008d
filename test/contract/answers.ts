import { describe, expect, it } from '@jest/globals';
import { CONTEXT_TOKENS } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';
import { hasShape, ROUTES, STRUCTURED_ROUTES } from './shapes.js';

/** Calls per structured route that must all be valid. */
const CALLS = 10;

export function describeAnswers(engines: EngineSlot): void {
  const { itWithAll } = engines;

  describe('with a model that answers', () => {
    it.each(ROUTES)('answers %s in the contract’s shape', async (route) => {
      const service = await ContractService.start(await engines.get());

      const { status, body } = await service.ask(route);

      expect({ status, body }).toEqual({ status: 200, body: expect.anything() });
      expect(hasShape(route, body)).toBe(true);
    });

    itWithAll.each(STRUCTURED_ROUTES)('needs one ask for each of many calls to %s', async (route) => {
      const service = await ContractService.start(await engines.get());

      const replies = await Promise.all(Array.from({ length: CALLS }, () => service.ask(route)));

      expect(replies.map(({ status, headers }) => [status, headers['x-attempts']])).toEqual(
        Array(CALLS).fill([200, '1']),
      );
      expect(replies.filter(({ body }) => !hasShape(route, body))).toEqual([]);
    });

    it('is ready, and says which model the engine serves', async () => {
      const engine = await engines.get();
      const service = await ContractService.start(engine);

      expect((await service.get('/health/ready')).status).toBe(200);
      expect((await service.get('/health')).body).toMatchObject({
        status: 'ok',
        details: { engines: [{ state: 'up', models: [engine.model], context_tokens: CONTEXT_TOKENS }] },
      });
    });
  });
}
