import { CallFailed } from './call-failed.js';
import type { Models } from './models.js';
import { quoted } from './server-words.js';

/** Names that a message lists at the most. */
const MAX_LISTED = 10;

/** The same failure; of a model that is not served with those that are. */
export async function explained(
  failure: CallFailed,
  models: Models,
  signal?: AbortSignal,
): Promise<CallFailed> {
  const { kind, message, facts } = failure;
  if (facts.code !== 'MODEL_NOT_FOUND') return failure;
  const names = await models.names(signal).catch(() => []);
  if (names.length === 0) return failure;
  const listed = names.slice(0, MAX_LISTED).map(quoted).join(', ');
  const more = names.length > MAX_LISTED ? ' and others' : '';
  return new CallFailed(kind, `${message} Name one of these with --model: ${listed}${more}.`, facts, {
    cause: failure,
  });
}
