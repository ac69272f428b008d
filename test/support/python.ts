import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';

/** A Python that has the openai package: the one that OPENAI_PYTHON names, or SGLang's own (`npm run test:engine`). */
const python = findPython();

/** Describes what needs that Python. Where there is none it is skipped, but never in CI. */
export const withPython = python !== undefined || process.env.CI !== undefined ? describe : describe.skip;

if (python === undefined) {
  process.stdout.write(
    'Tests of OpenAI’s client for Python need a Python that has it: name one in OPENAI_PYTHON, or run `npm run test:engine -- sglang` once.\n',
  );
}

/** Where that Python is. */
export function requirePython(): string {
  if (python === undefined) throw new Error('There is no Python with the openai package');
  return python;
}

function findPython(): string | undefined {
  const { OPENAI_PYTHON: named, XDG_CACHE_HOME: cache = join(homedir(), '.cache') } = process.env;
  if (named) return named;
  const engines = join(cache, 'llm-service/engines');
  if (!existsSync(engines)) return undefined;
  return readdirSync(engines)
    .filter((name) => name.startsWith('sglang-') && existsSync(join(engines, name, '.ready')))
    .map((name) => join(engines, name, 'bin/python'))
    .find((path) => existsSync(path));
}
