import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.js';

/**
 * Reads a `.env` file. The format is what Docker's --env-file and compose both read alike: `NAME=value` lines
 * and `#` comment lines; what the two would read differently (quotes, comments behind a value, `export`, `$`)
 * is refused.
 * @returns nothing where there is no such file
 * @throws ConfigError with file and line
 */
export function readEnvFile(path: string): ReadonlyMap<string, string> {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return new Map();
    throw new ConfigError(
      `${path} cannot be read (${code ?? 'unknown error'}): make it a readable file or remove it.`,
    );
  }
  return parseEnv(content, path);
}

/** See {@link readEnvFile}. */
export function parseEnv(content: string, path: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of content
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const where = `${path}, line ${index + 1}`;
    const match = /^([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (!match)
      throw new ConfigError(`${where} is not NAME=value: write the name, = and the value without spaces.`);
    const [, name = '', value = ''] = match;
    if (/^["'`]/.test(value)) throw new ConfigError(`${where}: write the value of ${name} without quotes.`);
    if (/\s#/.test(value))
      throw new ConfigError(`${where}: put the comment behind ${name} on a line of its own.`);
    if (value.includes('$')) {
      throw new ConfigError(`${where}: ${name} must not contain $, which compose would replace.`);
    }
    if (value !== value.trim())
      throw new ConfigError(`${where}: remove the spaces around the value of ${name}.`);
    values.set(name, value);
  }
  return values;
}
