import { createHash, timingSafeEqual } from 'node:crypto';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../common/errors.js';
import type { Caller, Scope } from '../common/call-context.js';
import type { Settings } from '../config/settings.js';
import { notDirectBecause } from './direct-caller.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; a route without it is closed to everybody. */
    access?: Scope | 'open';
  }
}

/** The scope that a route needs. */
export const Requires = (scope: Scope) => RouteConfig({ access: scope });

/** Marks a route that needs no key; it must show status only. */
export const Open = () => RouteConfig({ access: 'open' });

/** Routes of the documentation, which Nest's controllers do not know. */
const OPEN_DOCS = /^\/(docs(\/|$)|docs-json$|redoc(\/|$))/;

/** The route that METRICS_OPEN opens. */
const METRICS = '/metrics';

const ALL: ReadonlySet<Scope> = new Set(['inference', 'read', 'admin']);
const INFERENCE: ReadonlySet<Scope> = new Set(['inference']);
const NONE: ReadonlySet<Scope> = new Set();

interface KnownKey extends Caller {
  readonly digest: Buffer;
}

/**
 * Decides before the body is read who may call a route: default deny, by the scope that the route declares.
 * See docs/adr/0003-scopes.md and docs/access.md.
 */
export function registerAccess(server: FastifyInstance, settings: Settings): void {
  const keys = (settings.apiKeys ?? []).map(({ name, scopes, secret }): KnownKey => ({
    name,
    scopes: withImplied(scopes),
    digest: digestOf(secret),
  }));

  server.addHook('onRequest', (request, _reply, done) => {
    request.ctx.caller = identify(request, keys, settings);
    done(refusal(request, keys.length > 0, settings));
  });
}

/** An admin may do everything; reading and asking are separate. */
function withImplied(scopes: readonly Scope[]): ReadonlySet<Scope> {
  return scopes.includes('admin') ? ALL : new Set(scopes);
}

function identify(
  request: FastifyRequest,
  keys: readonly KnownKey[],
  settings: Settings,
): Caller | undefined {
  const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  const known = token === undefined ? undefined : findKey(token, keys);
  if (known) return known;
  if (keys.length === 0 && notDirectBecause(request.raw) === undefined) return { name: 'local', scopes: ALL };
  return settings.auth === 'off' ? { name: 'anybody', scopes: INFERENCE } : undefined;
}

/** Compares with every key in constant time, so that the time tells nothing about any of them. */
function findKey(token: string, keys: readonly KnownKey[]): KnownKey | undefined {
  const digest = digestOf(token);
  let found: KnownKey | undefined;
  for (const key of keys) {
    if (timingSafeEqual(key.digest, digest)) found = key;
  }
  return found;
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** What a route needs; nothing where it declares nothing. */
function neededBy(
  { config, url = '' }: FastifyRequest['routeOptions'],
  { metricsOpen }: Settings,
): Scope | 'open' | undefined {
  if (config.access === undefined) return OPEN_DOCS.test(url) ? 'open' : undefined;
  return metricsOpen && url === METRICS ? 'open' : config.access;
}

function refusal(request: FastifyRequest, hasKeys: boolean, settings: Settings): ServiceError | undefined {
  const needed = neededBy(request.routeOptions, settings);
  if (needed === 'open') return undefined;

  const { caller } = request.ctx;
  if (needed && (caller?.scopes ?? NONE).has(needed)) return undefined;
  if (caller && needed) {
    return new ServiceError(
      'FORBIDDEN',
      `This route needs the scope ${needed}, which ${caller.name} does not have.`,
    );
  }
  if (!needed) return new ServiceError('FORBIDDEN', 'This route is open to nobody.');
  if (request.headers.authorization !== undefined && hasKeys) {
    return new ServiceError(
      'UNAUTHORIZED',
      'The key is not one of API_KEYS, or Authorization is not "Bearer SECRET".',
    );
  }
  if (hasKeys) return new ServiceError('UNAUTHORIZED', 'A key is needed: send Authorization: Bearer SECRET.');
  return new ServiceError(
    'UNAUTHORIZED',
    `No API_KEYS are set, so only direct calls on this machine are served, and this is none: ${notDirectBecause(request.raw) ?? ''}. ` +
      'Set API_KEYS=name:scope:secret on the server, or AUTH=off to let everybody ask.',
  );
}
