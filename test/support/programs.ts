import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';

export const CURL = '/usr/bin/curl';
export const NGINX = '/usr/sbin/nginx';
export const CHROMIUM = '/usr/bin/chromium';

/** Describes what needs a program of the system. Where it is missing that is skipped, but never in CI. */
export function withProgram(path: string, what: string, tests: () => void): void {
  const describeIt = existsSync(path) || process.env.CI !== undefined ? describe : describe.skip;
  describeIt(`${what} (skipped where ${path} is missing, but never in CI)`, tests);
}
