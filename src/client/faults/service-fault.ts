import { CallFailed } from '../api/call-failed.js';
import { ClientFault } from './fault.js';

/** Fields of a request by name, and the flags that set them. */
export type FlagsOfFields = Readonly<Record<string, string>>;

/** Codes with which LLM Service itself says 404; anybody else has no such route. */
const OWN_NOT_FOUND = new Set(['MODEL_NOT_FOUND', 'CALL_NOT_FOUND']);

/**
 * What a user is told of a failed call to a route that only LLM Service has: fields are named by their flags.
 * @returns what to throw: a ClientFault for a failed call, anything else as it is
 */
export function serviceFault(error: unknown, url: string, flags: FlagsOfFields): unknown {
  if (!(error instanceof CallFailed)) return error;
  const { kind, facts, message } = error;
  const options = { cause: error };
  if (kind === 'unreachable') return new ClientFault(3, message, options);
  if (lacksRoute(error)) {
    const sentence = `${url} answers, but has no such route: this command needs LLM Service. Name one with --url or LLM_SERVICE_URL.`;
    return new ClientFault(1, sentence, options);
  }
  const isWrongUse = facts.code === 'VALIDATION_FAILED';
  return new ClientFault(isWrongUse ? 2 : 1, inTermsOfFlags(message, flags), options);
}

/** Whether a server speaks HTTP and knows nothing of the route. */
function lacksRoute({ kind, facts: { status, code } }: CallFailed): boolean {
  if (kind !== 'refused') return false;
  return status === 405 || (status === 404 && !OWN_NOT_FOUND.has(code ?? ''));
}

/** JSON pointers, and names that nobody would take for a word, become flags. */
function inTermsOfFlags(message: string, flags: FlagsOfFields): string {
  return Object.entries(flags).reduce(
    (text, [field, flag]) =>
      text.replaceAll(new RegExp(`(?<![\\w/-])${field.includes('_') ? '/?' : '/'}${field}\\b`, 'g'), flag),
    message,
  );
}
