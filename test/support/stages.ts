import type { Stage } from '../../src/calls/stage.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { SentenceGate } from '../../src/text/sentence-gate.js';
import { type Replacement, WindowFilter } from '../../src/text/window-filter.js';
import type { INestApplicationContext } from '@nestjs/common';

/** Why the {@link blocker} stops a sentence. */
export const REASON = 'Salaries are not talked about.';

/** What the {@link masker} puts in the place of a name. */
export const MASK = '[NAME]';

/** Masks the name Kim wherever it stands. */
export const masker: Stage = {
  name: 'masker',
  filter: () => () =>
    new WindowFilter(4, (text, from) => {
      const found: Replacement[] = [];
      for (let at = text.indexOf('Kim', from); at !== -1; at = text.indexOf('Kim', at + 3)) {
        found.push({ start: at, end: at + 3, text: MASK });
      }
      return found;
    }),
};

/** Blocks every sentence about salaries. */
export const blocker: Stage = {
  name: 'blocker',
  filter: () => (place) =>
    new SentenceGate(place, (sentence) => (/salar/i.test(sentence) ? { reason: REASON } : undefined)),
};

/** Puts stages into the pipeline of a service, in this order. */
export function useStages(
  { app }: { readonly app: INestApplicationContext },
  ...stages: readonly Stage[]
): void {
  app.get(Pipeline).stages.push(...stages);
}
