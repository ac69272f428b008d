import { describe } from '@jest/globals';
import { describeAnswers } from './answers.js';
import { describeHostileModel, describeNeverEndingModel } from './broken-models.js';
import { describeCancelling } from './cancelling.js';
import { describeChatMarks, describeThinking } from './chat-marks.js';
import { describeClients } from './clients.js';
import { ALWAYS_THINKS, ENDLESS, FULL, HOSTILE } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
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
import { describeOverload } from './overload.js';
import { describeRefusals } from './refusals.js';
import { describeStreams } from './streams.js';

/*
 * What the service promises on every engine, the stub included: nothing here knows which one it is, and what is looked
 * at are the replies of our own routes and the engine's own count of what it works on.
 *
 * It is in parts, in the order in which an engine is started least often: where one dies, the next one that is needed
 * takes its place. Other tests that need the same engine fit between them.
 */

/** Needs the happy model, and leaves the endless one. */
export function describeShortCalls(engines: EngineSlot): void {
  describe(`the service on ${engines.driver.name}`, () => {
    describeAnswers(engines);
    describeStreams(engines);
    describeOpenAi(engines);
    describeClients(engines);
    describeChatMarks(engines);
    describeRefusals(engines);
    describeFrozenEngine(engines);
    describeThinking(engines);
    describeDeadEngine(engines, ALWAYS_THINKS, ENDLESS);
  });
}

/** Needs the endless model, and leaves the hostile one. */
export function describeLongCalls(engines: EngineSlot): void {
  describe(`the service on ${engines.driver.name}`, () => {
    describeLeaving(engines);
    describeCancelling(engines);
    describeNeverEndingModel(engines, 'endless');
    describeDeadlines(engines);
    describeFreezingEngine(engines);
    describeDyingEngine(engines, FULL);
    describeOverload(engines);
    describeStoppingEngine(engines, FULL, HOSTILE);
  });
}

/** Needs the hostile model. */
export function describeBrokenReplies(engines: EngineSlot): void {
  describe(`the service on ${engines.driver.name}`, () => {
    describeHostileModel(engines);
    describeValidatedNoise(engines);
    describeNeverEndingModel(engines, 'whitespace');
  });
}
