import type { FastifyInstance } from 'fastify';
import { ServiceError } from './errors.js';

/** Answers 405 with Allow where the path exists and the method does not; Fastify alone says 404. */
export function registerMethodCheck(server: FastifyInstance): void {
  const methods = new Map<string, Set<string>>();

  server.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const name of [method].flat()) known.add(name);
    methods.set(url, known);
  });

  server.addHook('onRequest', (request, _reply, done) => {
    if (!request.is404) {
      done();
      return;
    }
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = methods.get(path);
    done(
      allowed &&
        new ServiceError('METHOD_NOT_ALLOWED', `${path} does not take ${request.method}.`, {
          headers: { allow: [...allowed].sort().join(', ') },
        }),
    );
  });
}
