import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ErrorCode, ServiceError } from '../common/errors.js';
import type { Caller, Scope } from '../common/call-context.js';
import type { Settings } from '../config/settings.js';
import { notDirectBecause } from './direct-caller.js';
import { digestOf, findKey, type KnownKey } from './known-key.js';
import type { LocalKey } from './local-key.js';
import type { RefusedBecause, RefusedLogins } from './refused-logins.js';
import { INFERENCE_ALONE, withImplied } from './scopes.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; a route without it is closed to everybody. */
    access?: Scope | 'open';
  }
}

/** The scope that a route needs; Swagger UI then sends the key that it was given. */
export const Requires = (scope: Scope) => applyDecorators(RouteConfig({ access: scope }), ApiBearerAuth());

/** Marks a route that needs no key; it must show status only. */
export const Open = () => RouteConfig({ access: 'open' });

/** Routes of the documentation, which Nest's controllers do not know. */
const OPEN_DOCS = /^\/(docs(\/|$)|docs-json$|redoc(\/|$))/;

/** The route that METRICS_OPEN opens. */
const METRICS = '/metrics';

/** A direct caller on this machine, where there are no API_KEYS. */
const LOCAL: Caller = { name: 'local', scopes: INFERENCE_ALONE };

/** Characters of a path that a message repeats. */
const MAX_QUOTED = 200;

/** Whoever has no key, with AUTH=off. */
const ANYBODY: Caller = { name: 'anybody', scopes: INFERENCE_ALONE };

/** Why a login failed, and the error that the caller gets. */
interface Refusal {
  readonly because: RefusedBecause;
  /** Nothing where the route is open: there a wrong key is only noted, for a guess would show there too. */
  readonly error: ServiceError | undefined;
}

/**
 * Decides before the body is read who may call a route: default deny, by the scope that the route declares.
 * See docs/adr/0003-scopes.md and docs/access.md.
 */
export function registerAccess(
  server: FastifyInstance,
  settings: Settings,
  localKey: LocalKey,
  refusedLogins: RefusedLogins,
): void {
  const door = new Door(settings, localKey);
  localKey.attach(server);

  server.addHook('onRequest', (request, _reply, done) => {
    const secret = bearerOf(request);
    request.ctx.caller = door.identify(request, secret);
    const refusal = door.refusalOf(request, secret);
    if (refusal === undefined) done();
    else
      refusedLogins.add(refusal.because, request, () => {
        done(refusal.error);
      });
  });
}

/** The secret that a request sends, where it sends one. */
function bearerOf({ headers }: FastifyRequest): string | undefined {
  const { authorization } = headers;
  return authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
}

/** Knows who may come in. Without API_KEYS a secret that is not the local key counts for none: OpenAI's clients always send one. */
class Door {
  readonly #keys: readonly KnownKey[];

  constructor(
    private readonly settings: Settings,
    private readonly localKey: LocalKey,
  ) {
    this.#keys = (settings.apiKeys ?? []).map(({ name, scopes, secret }) => ({
      name,
      scopes: withImplied(scopes),
      digest: digestOf(secret),
    }));
  }

  identify({ raw }: FastifyRequest, secret: string | undefined): Caller | undefined {
    if (this.#keys.length > 0) {
      if (secret !== undefined) return findKey(secret, this.#keys);
      return this.settings.auth === 'off' ? ANYBODY : undefined;
    }
    if (this.settings.auth === 'off') return ANYBODY;
    if (notDirectBecause(raw) !== undefined) return undefined;
    return (secret === undefined ? undefined : findKey(secret, this.localKey.keys)) ?? LOCAL;
  }

  refusalOf(request: FastifyRequest, secret: string | undefined): Refusal | undefined {
    const needed = neededBy(request.routeOptions, this.settings);
    const { caller } = request.ctx;
    if (needed === 'open') {
      const isWrong = this.#keys.length > 0 && secret !== undefined && caller === undefined;
      return isWrong ? { because: 'wrong-key', error: undefined } : undefined;
    }
    if (needed === undefined) return refused('no-scope', 'This route is open to nobody.', 'FORBIDDEN');
    if (caller?.scopes.has(needed)) return undefined;
    if (caller && caller !== LOCAL && caller !== ANYBODY)
      return refused(
        'no-scope',
        `This route needs the scope ${needed}, which ${caller.name} does not have.`,
        'FORBIDDEN',
      );
    const because = secret === undefined ? 'no-key' : 'wrong-key';
    return this.#keys.length > 0
      ? refused(because, sayingWithKeys(request))
      : this.#withoutKeys(request, needed, because);
  }

  #withoutKeys(request: FastifyRequest, needed: Scope, because: RefusedBecause): Refusal {
    const toSet = `Set API_KEYS=name:${needed}:secret on the server.`;
    if (this.settings.auth === 'off')
      return refused(because, `A key with the scope ${needed} is needed, and there are none. ${toSet}`);

    const notDirect = notDirectBecause(request.raw);
    if (notDirect !== undefined)
      return refused(
        'not-direct',
        `No API_KEYS are set, so only direct calls on this machine are served, and this is none: ${notDirect}. ` +
          'Set API_KEYS=name:scope:secret on the server, or AUTH=off to let everybody ask.',
      );
    const path = request.url.split('?', 1)[0]?.slice(0, MAX_QUOTED).replaceAll("'", '%27');
    const howToSend = this.localKey.howToSend(`http://${request.headers.host}${path}`);
    return refused(
      because,
      howToSend === undefined
        ? `A key with the scope ${needed} is needed, and none could be kept in DATA_DIR; the beginning of the log says why. ${toSet}`
        : `This route needs the local key. ${howToSend}`,
    );
  }
}

function sayingWithKeys({ headers }: FastifyRequest): string {
  return headers.authorization === undefined
    ? 'A key is needed: send Authorization: Bearer SECRET.'
    : 'The key is not one of API_KEYS, or Authorization is not "Bearer SECRET".';
}

/** What a route needs; nothing where it declares nothing. */
function neededBy(
  { config, url = '' }: FastifyRequest['routeOptions'],
  { metricsOpen }: Settings,
): Scope | 'open' | undefined {
  if (config.access === undefined) return OPEN_DOCS.test(url) ? 'open' : undefined;
  return metricsOpen && url === METRICS ? 'open' : config.access;
}

function refused(because: RefusedBecause, detail: string, code: ErrorCode = 'UNAUTHORIZED'): Refusal {
  return { because, error: new ServiceError(code, detail) };
}
