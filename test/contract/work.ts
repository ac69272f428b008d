import { expect } from '@jest/globals';
import type { RunningEngine } from './drivers/driver.js';
import type { LongCall } from './long-call.js';
import type { LongQuestion } from './questions.js';
import type { ContractService } from './service.js';
import { until } from './until.js';

/** On a busy machine an engine's count comes late, and SGLang looks only every 4 s for callers that left. */
const NOTICED_WITHIN_MS = 120_000;

/** Resolves once the engine is seen at work on these calls; fails where one of them is answered before. */
export async function beginsWorkOn(engine: RunningEngine, calls: readonly Promise<unknown>[]): Promise<void> {
  const answered = Promise.race(calls).then(() => {
    throw new Error('A call was answered before the engine was seen at work');
  });
  await Promise.race([until(async () => (await engine.running()) > 0, NOTICED_WITHIN_MS), answered]);
  // From here on the calls may end as they like.
  answered.catch(() => undefined);
}

/** Resolves once the engine is seen at work on a call, and its caller has heard of it where he can. */
export async function isUnderWay(
  engine: RunningEngine,
  call: LongCall,
  { streams }: LongQuestion,
): Promise<void> {
  if (streams) await call.firstWord();
  await beginsWorkOn(engine, [call.ended]);
}

/** Resolves once the engine generates for nobody. */
export async function isIdle(engine: RunningEngine): Promise<void> {
  await until(async () => (await engine.running()) === 0, NOTICED_WITHIN_MS);
}

/** Checks that a call is served, whatever the model says. */
export async function takesCalls(service: ContractService): Promise<void> {
  const { status, body } = await service.ask('/api/chat/completions', { max_tokens: 8 });
  expect({ status, body }).toEqual({ status: 200, body: expect.anything() });
}
