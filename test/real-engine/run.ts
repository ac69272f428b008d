// npm run test:engine [-- sglang|vllm]: the contract on real engines, one after the other.
import { spawnSync } from 'node:child_process';

const ENGINES = ['sglang', 'vllm'];

/** With which test/real-engine/cache.sh says that this machine has no Python for an engine. */
const NO_PYTHON = 3;

const asked = process.argv.slice(2);
if (asked.some((engine) => !ENGINES.includes(engine))) {
  process.stderr.write(`usage: npm run test:engine [-- ${ENGINES.join('|')}]\n`);
  process.exit(2);
}
process.stdout.write(
  'The first run installs each engine in about a minute and 6.3 GB of the user’s cache; the tests take about 10 minutes each.\n',
);
for (const engine of asked.length > 0 ? asked : ENGINES) {
  const status = run(`test/real-engine/${engine}.sh`, ['install']) || runTests(engine);
  if (status === 0) continue;
  const isSkipped = status === NO_PYTHON && process.env.CI === undefined;
  process.exit(isSkipped ? 0 : 1);
}

function runTests(engine: string): number {
  const jest = 'node_modules/jest/bin/jest.js';
  const config = 'test/real-engine/jest.config.ts';
  return run(process.execPath, ['--experimental-vm-modules', jest, '--config', config, engine]);
}

function run(command: string, args: string[]): number {
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}
