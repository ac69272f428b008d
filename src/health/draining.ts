import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../common/errors.js';
import { Settings } from '../config/settings.js';

/** Seconds after which a caller may come back while the service goes away. */
const RETRY_AFTER_SECONDS = 5;

/** Routes that a service that is going away still answers, besides the open ones. */
const GOES_ON: ReadonlySet<string> = new Set(['/metrics', '/api/calls/:id/cancel']);

/** How often idle connections are closed while running calls finish. */
const SWEEP_MS = 50;

/**
 * Lets running calls finish before the server closes: new ones get 503, idle connections are closed as soon
 * as their call is done. (A keep-alive connection that was busy when the server is asked to close would
 * otherwise hold it open until the client gives up.)
 */
@Injectable()
export class Draining implements BeforeApplicationShutdown {
  readonly #logger = new Logger('Shutdown');
  #server: FastifyInstance | undefined;
  #running = 0;
  #active = false;

  constructor(private readonly settings: Settings) {}

  /** Whether the service was told to stop. */
  get active(): boolean {
    return this.#active;
  }

  /** Counts the server's running requests, and refuses new ones once the service was told to stop. */
  attach(server: FastifyInstance): void {
    this.#server = server;
    server.addHook('onRequest', (request, reply, done) => {
      // What tells or ends something goes on; everything else would start work that nobody waits for.
      if (
        this.#active &&
        !GOES_ON.has(request.routeOptions.url ?? '') &&
        request.routeOptions.config.access !== 'open'
      ) {
        done(
          new ServiceError('SHUTTING_DOWN', 'The service was told to stop and takes no new calls.', {
            retryAfterSeconds: RETRY_AFTER_SECONDS,
            headers: { connection: 'close' },
          }),
        );
        return;
      }
      this.#running++;
      reply.raw.once('close', () => {
        this.#running--;
      });
      done();
    });
  }

  /** Refuses new calls, waits for the running ones up to SHUTDOWN_TIMEOUT, then cuts what is left. */
  async beforeApplicationShutdown(): Promise<void> {
    const server = this.#server?.server;
    this.#active = true;
    if (!server) return;
    const until = performance.now() + this.settings.shutdownTimeout * 1000;
    if (this.#running > 0)
      this.#logger.log({ message: 'stopping once running calls are done', running: this.#running });
    while (this.#running > 0 && performance.now() < until) {
      server.closeIdleConnections();
      await delay(SWEEP_MS);
    }
    if (this.#running > 0) this.#logger.warn({ message: 'running calls are cut', running: this.#running });
    server.closeAllConnections();
  }
}
