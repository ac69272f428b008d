import { CallFailed } from '../api/call-failed.js';
import { type NamesOfFields, withNames, wrongFieldSentences } from '../api/wrong-fields.js';
import { ClientFault, wrongUse } from './fault.js';

/** Codes with which LLM Service itself says 404; anybody else has no such route. */
const OWN_NOT_FOUND = new Set(['MODEL_NOT_FOUND', 'CALL_NOT_FOUND']);

/**
 * What a user is told of a failed call to a route that only LLM Service has: fields are named by their flags.
 * @param flags those that set the fields of the request
 * @returns what to throw: a ClientFault for a failed call, anything else as it is
 */
export function serviceFault(error: unknown, url: string, flags: NamesOfFields): unknown {
  if (!(error instanceof CallFailed)) return error;
  const { kind, facts, message } = error;
  const options = { cause: error };
  if (kind === 'unreachable') return new ClientFault(3, message, options);
  if (lacksRoute(error)) {
    const sentence = `${url} answers, but has no such route: this command needs LLM Service. Name one with --url or LLM_SERVICE_URL.`;
    return new ClientFault(1, sentence, options);
  }
  if (facts.fields) return wrongUse(wrongFieldSentences(facts.fields, flags), options);
  const isWrongUse = facts.code === 'VALIDATION_FAILED';
  return new ClientFault(isWrongUse ? 2 : 1, withNames(message, flags), options);
}

/** Whether a server speaks HTTP and knows nothing of the route. */
function lacksRoute({ kind, facts: { status, code } }: CallFailed): boolean {
  if (kind !== 'refused') return false;
  return status === 405 || (status === 404 && !OWN_NOT_FOUND.has(code ?? ''));
}
