import { readFileSync } from 'node:fs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LocalKey } from '../../src/access/local-key.js';

/** The header with which the person who runs a service reads its log, from the file that it keeps; none with API_KEYS. */
export function localKeyOf(app: NestFastifyApplication): Record<string, string> {
  const { file } = app.get(LocalKey);
  return file === undefined ? {} : headerIn(file);
}

/** The header in such a file. */
export function headerIn(file: string): Record<string, string> {
  const [name = '', value = ''] = readFileSync(file, 'utf8').trim().split(': ');
  return { [name.toLowerCase()]: value };
}

/** What the client needs in its environment to read a service's log as that person. */
export function clientEnvOf({ localKey }: { readonly localKey: Readonly<Record<string, string>> }): {
  LLM_SERVICE_API_KEY: string;
} {
  return { LLM_SERVICE_API_KEY: localKey.authorization?.replace('Bearer ', '') ?? '' };
}
