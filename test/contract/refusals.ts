import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/common/errors.js';
import { expectProblem } from '../support/problem.js';
import { CONTEXT_TOKENS } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';
import { hasShape } from './shapes.js';

const LONG_PROMPT = 'word '.repeat(2 * CONTEXT_TOKENS);

export function describeRefusals(engines: EngineSlot): void {
  const { itWithAll } = engines;

  describe('with calls that the engine cannot serve', () => {
    it('says 404 for a model that the engine does not serve', async () => {
      const service = await ContractService.start(await engines.get());

      expectProblem(
        await service.ask<Problem>('/api/feedback', { model: 'nobody/nothing' }),
        'MODEL_NOT_FOUND',
      );
    });

    it.each(['/api/feedback', '/api/report'] as const)(
      'says 413 with the engine’s own count for a prompt to %s that is longer than the context',
      async (route) => {
        const service = await ContractService.start(await engines.get());

        const { detail } = expectProblem(
          await service.ask<Problem>(route, { user_prompt: LONG_PROMPT }),
          'CONTEXT_TOO_LONG',
        );

        expect(detail).toMatch(
          new RegExp(`The engine counts (\\d+ tokens in the prompt and )?${CONTEXT_TOKENS} in`),
        );
      },
    );

    it.each(['/api/chat/completions', '/api/feedback'] as const)(
      'lowers max_tokens to the room that is left, and answers %s',
      async (route) => {
        const service = await ContractService.start(await engines.get());

        const { status, body } = await service.ask(route, { max_tokens: CONTEXT_TOKENS });

        expect(status).toBe(200);
        expect(hasShape(route, body)).toBe(true);
      },
    );

    itWithAll('says why where a caller’s max_tokens is too small for any object', async () => {
      const service = await ContractService.start(await engines.get());

      const { attempts } = expectProblem(
        await service.ask<Problem>('/api/feedback', { max_tokens: 3 }),
        'STRUCTURED_OUTPUT_INVALID',
      );

      expect(attempts?.map(({ reason }) => reason)).toEqual(
        Array(3).fill('The reply did not fit into 3 tokens.'),
      );
    });

    itWithAll('says that max_tokens cut a chat', async () => {
      const service = await ContractService.start(await engines.get());

      const { status, headers, body } = await service.ask('/api/chat/completions', {
        max_tokens: 2,
        temperature: 0,
      });

      expect({ status, finish: headers['x-finish-reason'] }).toEqual({ status: 200, finish: 'length' });
      expect(body).toMatchObject({ usage: { completion_tokens: 2 } });
    });

    it.each([undefined, 'another-key'])(
      'says that the engine refuses its key where that is %s',
      async (engineApiKey) => {
        const service = await ContractService.start(await engines.get(), { engineApiKey });

        for (const route of ['/api/feedback', '/api/report'] as const) {
          expectProblem(await service.ask<Problem>(route), 'ENGINE_UNAUTHORIZED');
        }
      },
    );
  });
}
