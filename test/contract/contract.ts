import { afterAll, describe } from '@jest/globals';
import { describeAnswers } from './answers.js';
import { describeHostileModel, describeNeverEndingModel } from './broken-models.js';
import { describeCancelling } from './cancelling.js';
import { describeChatMarks } from './chat-marks.js';
import { describeClients } from './clients.js';
import type { EngineDriver, EngineOptions } from './drivers/driver.js';
import { EngineSlot } from './engine-slot.js';
import { describeLeaving } from './leaving.js';
import { describeOpenAi, describeValidatedNoise } from './openai.js';
import {
  describeDeadEngine,
  describeDeadlines,
  describeDyingEngine,
  describeFreezingEngine,
  describeFrozenEngine,
  describeStoppingEngine,
} from './outages.js';
import { describeOverload, HELD } from './overload.js';
import { LONG_QUESTIONS, LONG_STREAMS } from './questions.js';
import { describeRefusals } from './refusals.js';
import { describeStreams } from './streams.js';

const ENDLESS: EngineOptions = { variant: 'endless' };
const FULL: EngineOptions = { ...ENDLESS, maxCalls: HELD };
const HOSTILE: EngineOptions = { variant: 'hostile' };

/**
 * What the service promises on every engine, the stub included: nothing here knows which one it is, and what is
 * looked at are the replies of our own routes and the engine's own count of what it works on.
 */
export function describeContract(driver: EngineDriver): void {
  const engines = new EngineSlot(driver);
  afterAll(() => engines.close());

  // In an order in which the engine is seldom started anew: where one dies, the next one that is needed takes its place.
  describe(`the service on ${driver.name}`, () => {
    describeAnswers(engines);
    describeStreams(engines);
    describeOpenAi(engines);
    describeClients(engines);
    describeChatMarks(engines);
    describeRefusals(engines);
    describeFrozenEngine(engines);
    describeDeadEngine(engines, ENDLESS);

    describeLeaving(engines);
    describeCancelling(engines);
    describeNeverEndingModel(engines, 'endless');
    describeDeadlines(engines);
    describeFreezingEngine(engines);
    describeStoppingEngine(engines, ENDLESS);

    describeDyingEngine(engines, {
      of: 'the process that generates',
      options: ENDLESS,
      questions: LONG_QUESTIONS,
      end: (engine) => engine.kill(),
      next: FULL,
    });

    describeOverload(engines);
    describeDyingEngine(engines, {
      of: 'the process that serves',
      options: FULL,
      // The engine lets all others wait.
      questions: LONG_STREAMS.slice(0, 1),
      end: (engine) => {
        engine.killServer();
      },
      next: HOSTILE,
    });

    describeHostileModel(engines);
    describeValidatedNoise(engines);

    describeNeverEndingModel(engines, 'whitespace');
  });
}
