import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/common/errors.js';
import { expectProblem } from '../support/problem.js';
import type { Reply } from '../support/service.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';
import { hasShape, type Route, STRUCTURED_ROUTES } from './shapes.js';

/** Calls per route to the hostile model, each of which may take three asks. */
const CALLS = 8;

export function describeNeverEndingModel(engines: EngineSlot, variant: 'whitespace' | 'endless'): void {
  describe(`with a model that writes on without end (${variant})`, () => {
    it.each(STRUCTURED_ROUTES)('says after all asks that the reply to %s did not fit', async (route) => {
      const service = await ContractService.start(await engines.get({ variant }));

      const { attempts } = expectProblem(
        await service.ask<Problem>(route, { max_tokens: 120 }),
        'STRUCTURED_OUTPUT_INVALID',
      );

      expect(attempts?.map(({ reason }) => reason)).toEqual(
        Array(3).fill('The reply did not fit into 120 tokens.'),
      );
    });
  });
}

export function describeHostileModel(engines: EngineSlot): void {
  describe('with a model that writes noise', () => {
    it.each(STRUCTURED_ROUTES)('answers %s validly, or says that no reply was valid', async (route) => {
      const service = await ContractService.start(await engines.get({ variant: 'hostile' }));

      const replies = await askOften(service, route);

      for (const reply of replies) {
        if (reply.status === 200) expect(hasShape(route, reply.body)).toBe(true);
        else expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID');
      }
    });

    // An engine that looks for think marks in the reply would put what stands before or behind them elsewhere.
    it('loses no reply that quotes a think mark', async () => {
      const service = await ContractService.start(await engines.get({ variant: 'hostile' }));

      for (const route of STRUCTURED_ROUTES) await askOften(service, route);

      const { body } = await service.get<Health>('/health');
      for (const counts of Object.values(body.details.replies)) expect(counts).not.toHaveProperty('empty');
    });
  });
}

interface Health {
  readonly details: { readonly replies: Readonly<Record<string, Readonly<Record<string, number>>>> };
}

function askOften(service: ContractService, route: Route): Promise<Reply<Problem>[]> {
  return Promise.all(Array.from({ length: CALLS }, () => service.ask<Problem>(route, { max_tokens: 160 })));
}
