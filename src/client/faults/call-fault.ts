import { CallFailed } from '../api/call-failed.js';
import { ClientFault } from './fault.js';

/** Makes of a call that failed at the start what ends the command. Other errors stay what they are. */
export function asFault(error: unknown): unknown {
  if (!(error instanceof CallFailed)) return error;
  const isAway = error.kind === 'unreachable' || error.kind === 'timeout';
  return new ClientFault(isAway ? 3 : 1, error.message, { cause: error });
}
