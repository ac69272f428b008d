/** Reads one variable's text, or says what is allowed by throwing {@link NotAllowed}. */
export type Reader<T> = (text: string) => T;

/** Thrown by readers: the words after "must be". */
export class NotAllowed extends Error {}

/** How a field of Settings is read from the environment and shown to people. */
export interface VariableOptions<T> {
  /** Heading under which .env.example and `npm run config` list it. */
  readonly section: string;
  /** What it does, with its unit; one or two sentences. */
  readonly about: string;
  readonly read: Reader<T>;
  /** What .env.example shows where there is no default. */
  readonly example?: string;
  /** Masked wherever settings are shown. */
  readonly secret?: boolean;
}

/** A variable of the environment and the field it sets. */
export interface Variable extends VariableOptions<unknown> {
  readonly name: string;
  readonly field: string;
}

const registry: Variable[] = [];

/** All variables, in the order in which the class declares them. */
export const variables: readonly Variable[] = registry;

/** Declares that a field of Settings comes from the variable of the same name in UPPER_SNAKE_CASE. */
export function FromEnv<T>(options: VariableOptions<T>) {
  return (_prototype: object, field: string): void => {
    const name = field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    registry.push({ ...options, name, field });
  };
}
