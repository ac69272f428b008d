import type { StubServer } from '../../src/engine/stub/stub-server.js';

/** A chat request as the engine got it. */
export interface WireRequest {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly max_tokens: number;
  readonly [field: string]: unknown;
}

/** The bodies of all chat requests that a stub got, in order. */
export function wire(stub: StubServer): WireRequest[] {
  return stub.requests.map(({ rawBody }) => JSON.parse(rawBody) as WireRequest);
}

/** The first chat request that a stub got. */
export function firstOnWire(stub: StubServer): WireRequest {
  const [first] = wire(stub);
  if (!first) throw new Error('The engine was not asked');
  return first;
}
