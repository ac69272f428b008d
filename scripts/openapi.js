// Writes openapi.json from the built code; with --check only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeApi } from '../dist/describe-api.js';

const file = new URL('../openapi.json', import.meta.url);
const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
const current = `${JSON.stringify(await describeApi(), null, 2)}\n`;

if (!values.check) {
  writeFileSync(file, current);
} else if (readFileSync(file, 'utf8') !== current) {
  console.error('openapi.json does not match the code: run "npm run openapi" and commit the change.');
  process.exitCode = 1;
}
