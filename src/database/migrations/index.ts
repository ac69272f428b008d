import type { Migration } from 'kysely/migration';
import { up as calls } from './0001-calls.js';
import { up as thirdOfAPage } from './0002-third-of-a-page.js';
import { up as inputAndVerdict } from './0003-input-and-verdict.js';

/** Every change of the schema, in order. What is applied somewhere is never edited; a change is a new entry. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-calls': { up: calls },
  '0002-third-of-a-page': { up: thirdOfAPage },
  '0003-input-and-verdict': { up: inputAndVerdict },
};
