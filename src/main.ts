import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { announce } from './announce.js';
import { ConfigError } from './config/config-error.js';
import { loadSettings } from './config/load-settings.js';
import { createApp } from './configure-app.js';
import { surviveClosedOutput } from './logging/logger.js';
import { startFailure } from './start-failure.js';

surviveClosedOutput();
let app: NestFastifyApplication | undefined;
try {
  const { settings, proxies } = loadSettings();
  app = await createApp(settings);
  app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
  await app.listen(settings.appPort, settings.appHost);
  await announce(app, settings, proxies);
} catch (error) {
  const sentence = error instanceof ConfigError ? error.message : startFailure(error);
  process.stderr.write(`${sentence}\n`);
  await app?.close().catch(() => undefined);
  process.exit(1);
}
