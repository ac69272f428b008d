import type { FastifyInstance } from 'fastify';
import { ServiceError } from './errors.js';

/** The methods of a route's path, and how the paths of requests to it look. */
interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

/** Answers 405 with Allow where the path exists and the method does not; Fastify alone says 404. */
export function registerMethodCheck(server: FastifyInstance): void {
  const paths = new Map<string, KnownPath>();

  server.addHook('onRoute', ({ url, method }) => {
    const known = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    for (const name of [method].flat()) known.methods.add(name);
    paths.set(url, known);
  });

  server.addHook('onRequest', (request, _reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = new Set(
      [...paths.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : [])),
    );
    done(
      allowed.size === 0
        ? undefined
        : new ServiceError('METHOD_NOT_ALLOWED', `${path} does not take ${request.method}.`, {
            headers: { allow: [...allowed].sort().join(', ') },
          }),
    );
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
