import type { Scope } from '../common/call-context.js';

export const ALL_SCOPES: ReadonlySet<Scope> = new Set(['inference', 'read', 'admin']);

export const INFERENCE_ALONE: ReadonlySet<Scope> = new Set(['inference']);

/** An admin may do everything; reading and asking are separate. */
export function withImplied(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return scopes.includes('admin') ? ALL_SCOPES : new Set(scopes);
}
