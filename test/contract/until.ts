import { setTimeout as delay } from 'node:timers/promises';
import { patient } from '../support/pace.ts';

const POLL_EVERY_MS = 100;

/** Polls a condition of another process until it holds; what it throws ends the wait. */
export async function until(condition: () => Promise<boolean>, boundMs: number): Promise<void> {
  const giveUpAt = performance.now() + patient(boundMs);
  while (!(await condition())) {
    if (performance.now() > giveUpAt)
      throw new Error(`Not so after ${patient(boundMs) / 1000} s: ${String(condition)}`);
    await delay(POLL_EVERY_MS);
  }
}
