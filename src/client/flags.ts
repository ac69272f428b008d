import { InvalidArgumentError } from 'commander';

/** What a number on the command line may be. */
export interface Bounds {
  readonly min: number;
  readonly max?: number;
}

/** Reads a whole number, such as `--concurrent 3`. */
export function wholeNumber(bounds: Bounds): (text: string) => number {
  return (text) => {
    if (!/^[+-]?\d+$/.test(text))
      throw new InvalidArgumentError(`It must be a whole number ${inWords(bounds)}.`);
    return within(Number(text), bounds, 'a whole number');
  };
}

/** Reads a number, such as `--temperature 0.1`. */
export function decimal(bounds: Bounds): (text: string) => number {
  return (text) => within(text.trim() === '' ? NaN : Number(text), bounds, 'a number');
}

function within(value: number, bounds: Bounds, kind: string): number {
  const { min, max = Number.MAX_SAFE_INTEGER } = bounds;
  if (value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be ${kind} ${inWords(bounds)}.`);
}

function inWords({ min, max }: Bounds): string {
  return max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
}
