import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootOf } from './api/base-url.js';

/** Where a service is asked, and with which key. */
interface Reach {
  readonly url: string;
  readonly apiKey: string;
}

/**
 * Finds the key that LLM Service keeps in its data folder for whoever runs it. It is for the loopback address and port
 * alone that the service wrote next to it, and only while its process runs: after a crash anybody may listen there.
 * `localhost` may lead elsewhere too, to a port of another
 * user, so the service is then asked at that very address.
 * @param url - the server to ask, as it was typed
 * @returns nothing where there is no key, or the server is another one
 * @throws ClientFault where url is no address
 */
export function findLocalKey(url: string, dataDir: string): Reach | undefined {
  const { protocol, hostname, host, port, pathname } = new URL(rootOf(url));
  const [, address, ownPort, pid] =
    matchOf(join(dataDir, 'local-key.address'), /^(127\.[\d.]+|\[[\da-f:]+\]):(\d+) (\d+)\n$/) ?? [];
  const isThere = host === `${address}:${ownPort}` || (hostname === 'localhost' && port === ownPort);
  if (protocol !== 'http:' || address === undefined || !isThere || !isRunning(Number(pid))) return undefined;
  const [, apiKey] = matchOf(join(dataDir, 'local-key'), /^Authorization: Bearer ([\w-]+)\n$/) ?? [];
  if (apiKey === undefined) return undefined;
  return { url: `http://${address}:${ownPort}${pathname.replace(/\/$/, '')}`, apiKey };
}

/** Whether a process has this number, and is this user's. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** @returns nothing where the file cannot be read either */
function matchOf(file: string, pattern: RegExp): RegExpExecArray | null {
  try {
    return pattern.exec(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
