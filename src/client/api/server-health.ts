import type { ServerHealth } from './answers.js';
import { CallFailed } from './call-failed.js';
import { cardsOf, namesOf, readModelList } from './model-list.js';
import type { Look, Server } from './server.js';
import { readError, refusal } from './server-error.js';

type Fields = Readonly<Record<string, unknown>>;

/** A server with OpenAI's API that does not say which one it is. */
const OTHER = 'OpenAI-compatible server';

/** By what /v1/models says of a model's owner. */
const NAMES: Readonly<Record<string, string>> = { sglang: 'SGLang', vllm: 'vLLM' };

/** What /v1/models answers where there is no list. */
const NO_LIST: readonly unknown[] = [404, 405];

/**
 * Looks once: who asks for the health wants to know it now.
 * @param model which will be asked: a server then need not list any
 * @throws CallFailed where nothing answers, or what is no such server
 */
export async function readHealth(
  server: Server,
  model: string | undefined,
  signal: AbortSignal | undefined,
): Promise<ServerHealth> {
  const { status, json } = await server.look('/health', signal);
  return isFields(json) && isFields(json.engine) && isFields(json.store)
    ? serviceHealth(server, json, signal)
    : otherHealth(server, { status, model }, signal);
}

async function serviceHealth(
  server: Server,
  details: Fields,
  signal: AbortSignal | undefined,
): Promise<ServerHealth> {
  const [ready, list] = await Promise.all([
    server.look('/health/ready', signal),
    server.look('/v1/models', signal),
  ]);
  const reason = refusalOf(list, server.root) ?? unreadyReason(ready);
  return {
    ready: reason === null,
    kind: 'llm-service',
    name: 'LLM Service',
    reason,
    models: namesOf(cardsOf(list.json) ?? []),
    details,
  };
}

/** What is said where the key is none of the service's: /health wants none. */
function refusalOf({ status, json }: Look, root: string): string | null {
  return status === 401 ? refusal(readError(json, status), root).message : null;
}

function unreadyReason({ status, json }: Look): string | null {
  if (status === 200) return null;
  const reason = isFields(json) ? json.reason : undefined;
  return typeof reason === 'string' ? reason : `/health/ready answers ${status}.`;
}

async function otherHealth(
  server: Server,
  { status, model }: { readonly status: number; readonly model: string | undefined },
  signal: AbortSignal | undefined,
): Promise<ServerHealth> {
  const kind = 'openai-compatible';
  // What is below 500 says only that /health is not for everybody.
  const reason = status >= 500 ? `/health answers ${status}.` : null;
  try {
    const cards = await readModelList(server, { signal, retries: 0 });
    const [card = {}] = cards;
    const name = NAMES[String(card.owned_by)] ?? OTHER;
    return { ready: reason === null, kind, name, reason, models: namesOf(cards), details: card };
  } catch (error) {
    if (!(error instanceof CallFailed) || error.kind !== 'refused') throw error;
    const why = whyWithoutList(error, model) ?? reason;
    return { ready: why === null, kind, name: OTHER, reason: why, models: [], details: {} };
  }
}

/**
 * Why a server that gives no list cannot be asked; null where it may be.
 * @throws CallFailed where nothing speaks for its being such a server
 */
function whyWithoutList(failure: CallFailed, model: string | undefined): string | null {
  const { status } = failure.facts;
  const hasNone = NO_LIST.includes(status);
  // A key may be good for a model and not for the list.
  if (model !== undefined && (hasNone || status === 403)) return null;
  if (hasNone) throw failure;
  return failure.message;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
