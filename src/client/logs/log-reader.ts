import { CallFailed } from '../api/call-failed.js';
import type { LLMClient } from '../api/llm-client.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode } from '../faults/fault.js';
import { serviceFault } from '../faults/service-fault.js';
import { withClient } from '../with-client.js';
import { FILTER_FLAGS } from './filter.js';

/** Lets `read` read the call log. @throws ClientFault */
export function withLog(context: Context, read: (client: LLMClient) => Promise<ExitCode>): Promise<ExitCode> {
  return withClient(context, read, (error) => logFault(error, context.server.url));
}

/**
 * An answer, where it is one of the call log.
 * @throws ClientFault where another server answered
 */
export async function askLog<T>(
  client: LLMClient,
  path: string,
  isOwn: (body: unknown) => body is T,
  signal: AbortSignal,
): Promise<T> {
  const { body } = await client.ask<unknown>('GET', path, undefined, signal);
  if (isOwn(body)) return body;
  throw noCallLog(client.root);
}

/** Of a server that answers, with something else. */
export function noCallLog(root: string): ClientFault {
  return new ClientFault(
    1,
    `${root} answers, but not with LLM Service’s call log. Name LLM Service with --url or LLM_SERVICE_URL.`,
  );
}

function logFault(error: unknown, url: string): unknown {
  const status = error instanceof CallFailed ? error.facts.status : undefined;
  if (status === 401)
    return new ClientFault(
      1,
      `${url} wants a key for its call log: give one with --api-key or LLM_SERVICE_API_KEY. Of a service on this machine ` +
        'that has no API_KEYS the client finds it by itself, in the folder of the service or with its DATA_DIR.',
      { cause: error },
    );
  if (status === 403)
    return new ClientFault(
      1,
      `The key may not read the call log of ${url}: use one whose entry in API_KEYS has the scope read.`,
      { cause: error },
    );
  return serviceFault(error, url, FILTER_FLAGS);
}
