import { Uint32List } from './uint32-list.js';

/** How often prompts that were asked several times got the same answer. */
export interface Variety {
  /** Prompts that were answered at least twice. */
  readonly prompts: number;
  /** Their answers. */
  readonly answers: number;
  /** Answers that differ from the others of their prompt, added up. */
  readonly different: number;
  /** Prompts whose answers were all the same. */
  readonly steady: number;
}

/** Counts different answers; `answers` has a hash of each by its place, a prompt's beside each other. */
export function varietyOf(answers: Uint32List, repeats: number): Variety {
  const variety = { prompts: 0, answers: 0, different: 0, steady: 0 };
  for (let start = 0; start < answers.length; start += repeats) {
    const hashes = Array.from({ length: repeats }, (_, at) => answers.get(start + at)).filter(
      (hash) => hash !== 0,
    );
    if (hashes.length < 2) continue;
    const different = new Set(hashes).size;
    variety.prompts++;
    variety.answers += hashes.length;
    variety.different += different;
    if (different === 1) variety.steady++;
  }
  return variety;
}
