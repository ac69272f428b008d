import { describe, expect } from '@jest/globals';
import type { Problem } from '../../src/common/errors.js';
import { expectProblem } from '../support/problem.js';
import { ENDLESS } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { itForEach, LONG_QUESTIONS } from './questions.js';
import { ContractService } from './service.js';
import { isIdle, isUnderWay } from './work.js';

export function describeCancelling(engines: EngineSlot): void {
  describe('with a call that is cancelled', () => {
    const title = 'tells the caller of $name, and ends the engine’s work';
    itForEach(LONG_QUESTIONS, engines, title, async (question) => {
      const engine = await engines.get(ENDLESS);
      const service = await ContractService.start(engine);
      const call = service.begin(question);
      await isUnderWay(engine, call, question);
      // Of a reply that comes as a whole nothing but the request's id is known.
      const id = question.streams ? String((await call.head)['x-call-id']) : call.requestId;
      const cancel = `/api/calls/${id}/cancel`;

      const { status, body } = await service.post(cancel, {});

      expect({ status, body }).toEqual({ status: 200, body: { cancelled: [expect.any(String)] } });
      expect(await call.ended).toMatchObject({ status: question.streams ? 200 : 499, code: 'CANCELLED' });
      await isIdle(engine);
      expectProblem(await service.post<Problem>(cancel, {}), 'CALL_NOT_FOUND');
    });
  });
}
