import { databaseUrl } from '../../config/readers.js';
import type { Settings } from '../../config/settings.js';
import { NotAllowed } from '../../config/variable.js';

/** A store that is meant, and how the operator knows it; without an address it is the service's own. */
export interface StoreChoice {
  readonly name: string;
  readonly url: string | undefined;
}

/** The word for the service's own server, where an address is expected. */
const EMBEDDED = 'embedded';

/**
 * The store that an option names, else the one that the settings name.
 * @returns a sentence where the option names none
 */
export function chooseStore(
  option: string,
  value: string | undefined,
  { databaseUrl: url, dataDir }: Settings,
): StoreChoice | string {
  const own = { name: `the database in ${dataDir}`, url: undefined };
  if (value === undefined) return url === undefined ? own : { name: 'DATABASE_URL', url };
  if (value === EMBEDDED) return own;
  try {
    return { name: option, url: databaseUrl(value) };
  } catch (error) {
    if (!(error instanceof NotAllowed)) throw error;
    return `${option} must be ${error.message}, or ${EMBEDDED}.`;
  }
}
