import type { Migration } from 'kysely/migration';
import { up as calls } from './0001-calls.js';

/** Every change of the schema, in order. What is applied somewhere is never edited; a change is a new entry. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-calls': { up: calls },
};
