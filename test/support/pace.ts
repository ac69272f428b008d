import { spawnSync } from 'node:child_process';

/** Milliseconds in which Node starts on the two-core machine, at rest, on which the tests' limits were chosen. */
const START_AT_REST_MS = 40;

/** A machine slower than this is as good as hung; a failing test should still end. */
const SLOWEST = 10;

/**
 * How many times slower than that machine at rest this one is now: 1 to 10. Taken once, before the first test;
 * TEST_PACE, where set, is taken instead. A limit only ends a test that hangs, so it may be too long but not too short.
 */
export function measurePace(): number {
  if (process.env.TEST_PACE === undefined) {
    const starts = Array.from({ length: 5 }, timeOfStart).sort((a, b) => a - b);
    const slowness = (starts[2] ?? 0) / START_AT_REST_MS;
    process.env.TEST_PACE = Math.min(Math.max(1, slowness), SLOWEST).toFixed(1);
  }
  return pace();
}

/** A limit in milliseconds, as long as it has to be on this machine. */
export function patient(ms: number): number {
  return ms * pace();
}

/** As measured before the first test; Jest's workers inherit it. */
function pace(): number {
  return Number(process.env.TEST_PACE ?? 1);
}

function timeOfStart(): number {
  const startedAt = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - startedAt;
}
