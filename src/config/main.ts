import { parseArgs } from 'node:util';
import { ConfigError } from './config-error.js';
import { describeSettings, envExample } from './describe-settings.js';
import { loadSettings } from './load-settings.js';

/** `npm run config`: the effective settings; with `-- --example` the text of .env.example. */
try {
  const { values } = parseArgs({ options: { example: { type: 'boolean' } } });
  process.stdout.write(values.example ? envExample() : describeSettings(loadSettings()));
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof TypeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
