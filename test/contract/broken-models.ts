import { describe, expect, it } from '@jest/globals';
import type { Problem } from '../../src/common/errors.js';
import { expectProblem } from '../support/problem.js';
import { expectSound } from '../support/sse.js';
import { HOSTILE } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';
import { hasShape, ROUTES, STRUCTURED_ROUTES } from './shapes.js';

/** Calls per route to the hostile model, each of which may take three asks. */
const CALLS = 8;

const BRIEF = { max_tokens: 120 };

/** What a reply that never ends is told to be: cut by its tokens, or broken off before, where that could be seen. */
const NEVER_ENDED = expect.stringMatching(
  /^(The reply did not fit into 120 tokens|The model repeated itself without end \(blanks\))\.$/,
);

/** What may be wrong with every reply of a model. */
const FLAWED = ['STRUCTURED_OUTPUT_INVALID', 'ENGINE_REPLY_EMPTY', 'ENGINE_REPLY_RUNAWAY'];

export function describeNeverEndingModel(engines: EngineSlot, variant: 'whitespace' | 'endless'): void {
  const { itWithAll } = engines;

  describe(`with a model that writes on without end (${variant})`, () => {
    itWithAll('says after all asks why no reply was whole, to callers who wait and in streams', async () => {
      const service = await ContractService.start(await engines.get({ variant }));

      const [replies, streams] = await Promise.all([
        Promise.all(STRUCTURED_ROUTES.map((route) => service.ask<Problem>(route, BRIEF))),
        Promise.all(STRUCTURED_ROUTES.map((route) => service.stream(route, BRIEF))),
      ]);

      const problems = replies.map((reply) => expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID'));
      const ends = streams.map((stream) => expectSound(stream));
      expect(ends.map(({ name }) => name)).toEqual(STRUCTURED_ROUTES.map(() => 'error'));
      for (const end of [...problems, ...ends.map(({ data }) => data)]) {
        expect(end).toMatchObject({
          code: 'STRUCTURED_OUTPUT_INVALID',
          attempts: Array(3).fill(expect.objectContaining({ reason: NEVER_ENDED })),
        });
      }
    });
  });
}

export function describeHostileModel(engines: EngineSlot): void {
  describe('with a model that writes noise', () => {
    it.each(STRUCTURED_ROUTES)('answers %s validly, or says that no reply was valid', async (route) => {
      const service = await ContractService.start(await engines.get(HOSTILE));

      const replies = await Promise.all(times(() => service.ask<Problem>(route, NOISE)));

      for (const reply of replies) {
        if (reply.status === 200) expect(hasShape(route, reply.body)).toBe(true);
        else expectProblem(reply, 'STRUCTURED_OUTPUT_INVALID');
      }
      await expectNothingLost(service);
    });

    it.each(ROUTES)(
      'streams %s, takes back nothing that was spoken, and ends every stream',
      async (route) => {
        const service = await ContractService.start(await engines.get(HOSTILE));

        const streams = await Promise.all(times(() => service.stream(route, NOISE)));

        for (const stream of streams) {
          const { name, data } = expectSound(stream);
          if (name === 'result') expect(hasShape(route, data.reply)).toBe(true);
          else expect(FLAWED).toContain(data.code);
        }
      },
    );
  });
}

interface Health {
  readonly details: { readonly replies: Readonly<Record<string, Readonly<Record<string, number>>>> };
}

const NOISE = { max_tokens: 160 };

/** An engine that looks for think marks in a reply would put what stands before or behind them elsewhere. */
async function expectNothingLost(service: ContractService): Promise<void> {
  const { body } = await service.get<Health>('/health');
  for (const counts of Object.values(body.details.replies)) expect(counts).not.toHaveProperty('empty');
}

function times<T>(run: () => T): T[] {
  return Array.from({ length: CALLS }, run);
}
