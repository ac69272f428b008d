import type { Target, Targets } from './targets.ts';

/** What every section of the bench is given. */
export interface Bench {
  readonly targets: Targets;
  /** Rounds of each target; medians are of these. */
  readonly rounds: number;
  /** Seconds of load in a round. */
  readonly seconds: number;
  /** Calls at once, where a section does not say otherwise. */
  readonly connections: number;
  /** Results in a run of the command-line client. */
  readonly results: number;
  /** Folder for CPU profiles; undefined: none. */
  readonly profiles: string | undefined;
}

/**
 * Seconds of load before each round that do not count. While others are measured V8 gives memory back and lets compiled
 * code go; a service under load has done neither.
 */
const WARM_UP_SECONDS = 2;

/**
 * Puts every target under the same load, round by round in turn, so that a drifting machine moves all of them alike.
 * @returns what each round of a target measured, by its name
 */
export function interleaved<T extends Target, R>(
  targets: readonly T[],
  { rounds, seconds }: Bench,
  load: (target: T, seconds: number) => R,
): Map<string, R[]> {
  const results = new Map(targets.map(({ name }) => [name, [] as R[]]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      load(target, WARM_UP_SECONDS);
      results.get(target.name)?.push(load(target, seconds));
    }
  }
  return results;
}
