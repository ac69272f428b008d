import { afterAll, describe } from '@jest/globals';
import { describeAnswers } from './answers.js';
import { describeHostileModel, describeNeverEndingModel } from './broken-models.js';
import { describeChatMarks } from './chat-marks.js';
import type { EngineDriver } from './drivers/driver.js';
import { EngineSlot } from './engine-slot.js';
import { describeLeaving } from './leaving.js';
import {
  describeDeadEngine,
  describeDyingEngine,
  describeFrozenEngine,
  describeStoppingEngine,
} from './outages.js';
import { describeOverload } from './overload.js';
import { describeRefusals } from './refusals.js';

/**
 * What the service promises on every engine, the stub included: nothing here knows which one it is, and what is
 * looked at are the replies of our own routes.
 */
export function describeContract(driver: EngineDriver): void {
  const engines = new EngineSlot(driver);
  afterAll(() => engines.close());

  // In an order in which the engine is seldom started anew.
  describe(`the service on ${driver.name}`, () => {
    describeAnswers(engines);
    describeChatMarks(engines);
    describeRefusals(engines);
    describeFrozenEngine(engines);
    describeDeadEngine(engines);

    describeLeaving(engines);
    describeNeverEndingModel(engines, 'endless');
    describeStoppingEngine(engines);

    describeNeverEndingModel(engines, 'whitespace');
    describeDyingEngine(engines);

    describeOverload(engines);
    describeHostileModel(engines);
  });
}
