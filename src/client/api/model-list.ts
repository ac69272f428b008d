import { CallFailed } from './call-failed.js';
import type { Call, Server } from './server.js';

/** A model as /v1/models tells it; nothing about it is taken for granted. */
export type ModelCard = Readonly<Record<string, unknown>>;

const PATH = '/v1/models';

/**
 * Asks for the models that a server lists.
 * @throws CallFailed also where the answer is no such list
 */
export async function readModelList(
  server: Server,
  patience: Pick<Call, 'signal' | 'retries'>,
): Promise<ModelCard[]> {
  const { json } = await server.ask({ method: 'GET', path: PATH, ...patience });
  const cards = cardsOf(json);
  if (cards) return cards;
  throw new CallFailed(
    'not_understood',
    `${server.root}${PATH} answered with JSON that is no list of models: is this the address of LLM Service or of a server with OpenAI’s API?`,
  );
}

export function namesOf(cards: readonly ModelCard[]): string[] {
  return cards.map(({ id }) => id).filter((id) => typeof id === 'string');
}

/** The cards in what /v1/models answers; undefined where it is no list. */
export function cardsOf(json: unknown): ModelCard[] | undefined {
  const { data } = (json ?? {}) as { readonly data?: unknown };
  if (!Array.isArray(data)) return undefined;
  return (data as unknown[]).filter((card): card is ModelCard => typeof card === 'object' && card !== null);
}
