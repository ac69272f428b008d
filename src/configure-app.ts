import { maxHeaderSize } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { registerAccess } from './access/access.js';
import { arrivalLimits, limitConnections } from './access/connection-limits.js';
import { LocalKey } from './access/local-key.js';
import { RefusedLogins } from './access/refused-logins.js';
import { AppModule } from './app.module.js';
import { clientErrorHandler, frameworkErrorHandler, registerExpectations } from './common/client-error.js';
import { registerJsonBody } from './common/json-body.js';
import { ProblemFilter } from './common/problem.filter.js';
import { registerRequestContext } from './common/request-context.js';
import { registerRouteCheck } from './common/route-check.js';
import { registerUntakenBodies } from './common/untaken-body.js';
import { createValidationPipe } from './common/validation.js';
import type { Settings } from './config/settings.js';
import { createOpenApiDocument } from './docs/open-api.js';
import { registerDocPages } from './docs/pages.js';
import { Draining } from './health/draining.js';
import { AppLogger } from './logging/logger.js';

/**
 * Builds the application as it runs and as tests run it; the caller listens.
 * @throws ConfigError where something that a setting names cannot be used
 */
export async function createApp(settings: Settings): Promise<NestFastifyApplication> {
  const { http, ...times } = arrivalLimits(settings);
  const adapter = new FastifyAdapter({
    ...times,
    bodyLimit: settings.maxBodyBytes,
    // Only the length of a URL bounds an id: one that is longer than any that exists is not found.
    routerOptions: { maxParamLength: maxHeaderSize },
    clientErrorHandler,
    frameworkErrors: frameworkErrorHandler,
    http: { ...http, requireHostHeader: false },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(settings), adapter, {
    logger: new AppLogger(settings),
    bodyParser: false,
    abortOnError: false,
  });
  const server = adapter.getInstance();

  limitConnections(server.server, settings);
  registerExpectations(server);
  registerUntakenBodies(server);
  // The order is the order in which a request meets them.
  registerRequestContext(server, {
    pingMs: settings.streamPing * 1000,
    bufferBytes: settings.streamBufferBytes,
  });
  registerRouteCheck(server);
  app.get(Draining).attach(server);
  registerAccess(server, settings, app.get(LocalKey), app.get(RefusedLogins));
  registerJsonBody(server);

  app.useGlobalPipes(createValidationPipe());
  app.useGlobalFilters(new ProblemFilter());
  SwaggerModule.setup('docs', app, await createOpenApiDocument(app), {
    jsonDocumentUrl: 'docs-json',
    raw: ['json'],
    ui: false,
  });
  registerDocPages(server);
  try {
    await app.init();
  } catch (error) {
    // What had been started by then, the service's own database for instance, must not outlive a start that failed.
    await app.close().catch(() => undefined);
    throw error;
  }
  return app;
}
