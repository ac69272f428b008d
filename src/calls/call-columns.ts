import { CALL_FACTS } from './call-facts.js';
import type { CallFact } from './call-fact.js';

type Facts = typeof CALL_FACTS;

/** The name of a column. */
export type FactName = keyof Facts;

/** Columns whose values are JSON. */
export type JsonColumn = {
  [Name in FactName]: Facts[Name]['type'] extends 'json' | 'jsonb' ? Name : never;
}[FactName];

/** Columns whose values are not. */
export type PlainColumn = Exclude<FactName, JsonColumn>;

/** How a call stands. */
export type StoredOutcome = Facts['outcome']['values'][number];

/** Every column, in the order in which they are shown. */
export const FACT_NAMES = Object.keys(CALL_FACTS) as readonly FactName[];

export const JSON_COLUMNS = FACT_NAMES.filter(isJson);

export const PLAIN_COLUMNS = FACT_NAMES.filter((name): name is PlainColumn => !isJson(name));

/** Columns whose values can be of any size. */
export const LARGE_COLUMNS = FACT_NAMES.filter((name) => isJson(name) || factOf(name).isContent);

/** A fact as any other, without what only its own declaration says. */
export function factOf(name: FactName): CallFact {
  return CALL_FACTS[name];
}

/** The types of columns in PostgreSQL. */
export function typesOf<Name extends FactName>(
  names: readonly Name[],
): { readonly [Column in Name]: Facts[Column]['type'] } {
  return Object.fromEntries(names.map((name) => [name, CALL_FACTS[name].type])) as {
    readonly [Column in Name]: Facts[Column]['type'];
  };
}

function isJson(name: FactName): name is JsonColumn {
  return CALL_FACTS[name].type.startsWith('json');
}
