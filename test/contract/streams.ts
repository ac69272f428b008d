import { describe, expect, it } from '@jest/globals';
import { expectSound } from '../support/sse.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';
import { hasShape, ROUTES } from './shapes.js';

/** Streams per route at once. */
const STREAMS = 8;

export function describeStreams(engines: EngineSlot): void {
  describe('with a model that answers, streamed', () => {
    it.each(ROUTES)('brings %s in parts, and whole at its end', async (route) => {
      const service = await ContractService.start(await engines.get());

      // Free text may be empty at first, and is asked for again then.
      const attempts = route === '/api/chat/completions' ? expect.any(Number) : 1;

      const streams = await Promise.all(Array.from({ length: STREAMS }, () => service.stream(route)));

      for (const stream of streams) {
        const { name, data } = expectSound(stream);
        expect({ name, data }).toMatchObject({ name: 'result', data: { call: { attempts } } });
        expect(hasShape(route, data.reply)).toBe(true);
      }
      expect(streams.some(({ events }) => events.length > 2)).toBe(true);
    });

    engines.itWithAll('brings only the fields that are asked for', async () => {
      const service = await ContractService.start(await engines.get());

      const stream = await service.stream('/api/interview/step', { stream_fields: ['/message'] });

      const { reply } = expectSound(stream).data;
      expect(reply).toEqual({ message: expect.any(String) });
      const paths = stream.events.map(({ data }) => data.path).filter((path) => path !== undefined);
      expect(new Set(paths)).toEqual(new Set(['/message']));
    });
  });
}
