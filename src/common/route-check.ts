import type { FastifyInstance } from 'fastify';
import { ServiceError } from './errors.js';
import { quote } from './quote.js';

/** The methods of a route's path, and how the paths of requests to it look. */
interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/**
 * Answers 404 where there is no such path, and 405 with Allow where the path exists and the method does not. Fastify
 * by itself would read and parse the body of such a request first.
 */
export function registerRouteCheck(server: FastifyInstance): void {
  const paths = new Map<string, KnownPath>();

  server.addHook('onRoute', ({ url, method }) => {
    const known = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    for (const name of [method].flat()) known.methods.add(name);
    paths.set(url, known);
  });

  server.addHook('onRequest', (request, _reply, done) => {
    done(request.is404 ? noRoute(request.method, request.url, [...paths.values()]) : undefined);
  });
}

function noRoute(method: string, url: string, paths: readonly KnownPath[]): ServiceError {
  const path = url.split('?', 1)[0] ?? '';
  const allowed = new Set(paths.flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : [])));
  return allowed.size === 0
    ? new ServiceError('NOT_FOUND', `There is no route ${method} ${quote(path)}.`)
    : new ServiceError('METHOD_NOT_ALLOWED', `${quote(path)} does not take ${method}.`, {
        headers: { allow: [...allowed].sort().join(', ') },
      });
}

/** Matches what a route's path takes: `:id` one segment that is not empty, `*` whatever follows. */
function patternOf(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/:\w+/g, '[^/]+')
    .replaceAll('*', '.*');
  return new RegExp(`^${source}$`, 's');
}
