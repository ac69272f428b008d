import { isIPv6 } from 'node:net';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LocalKey } from './access/local-key.js';
import { isOnThisMachine } from './common/proxy-variables.js';
import { shellWord } from './common/shell-word.js';
import { VERSION } from './common/version.js';
import type { Settings } from './config/settings.js';

/**
 * Says where the service listens, what answers, where the docs are, and lines to try: one that asks, one that looks at
 * the log.
 * @param proxies variables that name a proxy, which is not used
 */
export async function announce(
  app: NestFastifyApplication,
  settings: Settings,
  proxies: readonly string[],
): Promise<void> {
  const logger = new Logger('Service');
  const { port } = new URL(await app.getUrl());
  const base = `http://${reachableName(settings.appHost)}:${port}`;
  const kind = settings.engineKind;

  logger.log(`LLM Service ${VERSION} listens on ${base} (${settings.appHost}, port ${port})`);
  if (kind === 'stub') {
    logger.warn(
      'THE BUILT-IN STUB ANSWERS, NOT A MODEL. Name your engine with SGLANG_HOST or ENGINE_URLS (docs/engines.md).',
    );
  } else {
    logger.log(`Engine: ${kind} at ${settings.engineAddresses.join(', ')}, model ${settings.modelName}`);
  }
  const away = engineUrlsOf(settings).filter((url) => !isOnThisMachine(url));
  if (proxies.length > 0 && away.length > 0) {
    logger.log(
      `${proxies.join(', ')} is set and not used: ${away.join(', ')} is asked directly. Where only a proxy leads there, set the engine’s address to one that passes requests on.`,
    );
  }
  logger.log(`Docs: ${base}/docs and ${base}/redoc; state: ${base}/health`);
  logger.log(`Try: ${exampleCall(base, settings)}`);
  const { file } = app.get(LocalKey);
  if (file !== undefined) logger.log(`Look: curl -s -H ${shellWord(`@${file}`)} '${base}/api/calls?limit=5'`);
}

function engineUrlsOf({ engineAddresses, embeddingUrl }: Settings): readonly string[] {
  return embeddingUrl === undefined ? engineAddresses : [...engineAddresses, embeddingUrl];
}

/** What to call the service by on this machine. */
function reachableName(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return isIPv6(host) ? `[${host}]` : host;
}

function exampleCall(base: string, { apiKeys, auth }: Settings): string {
  const key = apiKeys && auth === 'on' ? ` -H 'Authorization: Bearer YOUR-KEY'` : '';
  const body = {
    system_prompt: 'You interview a backend developer.',
    user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I just look at it.',
  };
  return `curl -s ${base}/api/interview/step${key} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
}
