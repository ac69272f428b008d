import { afterAll, jest } from '@jest/globals';
import { describeBrokenReplies, describeLongCalls, describeShortCalls } from '../contract/contract.js';
import type { EngineDriver } from '../contract/drivers/driver.ts';
import { EngineSlot } from '../contract/engine-slot.js';
import { describeClient, describeDyingEngine, describeLongAnswers, type Expected } from './client.js';

declare global {
  /** Whether tests run here that the stub passes too; a global of jest.config.ts. */
  var withAll: boolean;
}

/** The service and the client at one real engine. */
export function describeRealEngine(driver: EngineDriver, expected: Expected): void {
  // A real engine on a shared CPU is late now and then; what fails twice is a fault. The first failure is printed.
  jest.retryTimes(1, { logErrorsBeforeRetry: true });
  const engines = new EngineSlot(driver, { all: globalThis.withAll });
  afterAll(() => engines.close());

  describeClient(engines, expected);
  describeShortCalls(engines);
  describeLongAnswers(engines);
  describeLongCalls(engines);
  describeBrokenReplies(engines);
  describeDyingEngine(engines);
}
