import { Ajv, type ErrorObject } from 'ajv';

/** One thing that a check found, in JSON Schema's terms. */
export type Finding = ErrorObject;

/** Says whether a value is valid, and stops at the first thing that is wrong. */
const quick = new Ajv({ strict: true, discriminator: true });

/** Finds everything that is wrong, each with the value and the schema around it. */
const thorough = new Ajv({ strict: true, discriminator: true, allErrors: true, verbose: true });

/**
 * Compiles a schema of ours into a check: quick for a valid value, thorough for any other.
 * Never for a caller's schema: what is compiled stays in memory, and its code can take exponential time.
 * @param maxSearched values that a JSON value may have for everything wrong in it to be looked for; in a larger one
 *   the first finding is told alone
 * @returns the findings; empty exactly when the value is valid
 */
export function compileChecker(schema: object, maxSearched: number): (value: unknown) => readonly Finding[] {
  const isValid = quick.compile(schema);
  const findAll = thorough.compile(schema);
  return (value) => {
    if (isValid(value)) return [];
    const validate = hasMoreValues(value, maxSearched) ? isValid : findAll;
    validate(value);
    return validate.errors ?? [];
  };
}

/** Whether a JSON value holds more than so many values; looks no further than that. */
function hasMoreValues(value: unknown, limit: number): boolean {
  const rest = [value];
  for (let seen = 0; seen < rest.length; seen++) {
    if (seen > limit) return true;
    const item = rest[seen];
    if (typeof item !== 'object' || item === null) continue;
    for (const key in item) {
      rest.push((item as Record<string, unknown>)[key]);
      if (rest.length > limit) return true;
    }
  }
  return false;
}
