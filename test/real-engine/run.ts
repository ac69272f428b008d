// npm run test:engine [-- sglang|vllm] [--all]: the contract on real engines, one after the other: what a stub cannot
// show, or all of it.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const ENGINES = ['sglang', 'vllm'];

/** With which test/real-engine/cache.sh says that this machine has no Python for an engine. */
const NO_PYTHON = 3;

const { engines, all } = readArguments();
process.stdout.write(
  `The first run installs each engine in about a minute and 6.3 GB of the user’s cache; the tests take about ${all ? 10 : 4} minutes each.\n`,
);
for (const engine of engines) {
  const status = run(`test/real-engine/${engine}.sh`, ['install']) || runTests(engine);
  if (status === 0) continue;
  const isSkipped = status === NO_PYTHON && process.env.CI === undefined;
  process.exit(isSkipped ? 0 : 1);
}

function readArguments(): { engines: string[]; all: boolean } {
  try {
    const { values, positionals } = parseArgs({
      options: { all: { type: 'boolean' } },
      allowPositionals: true,
    });
    if (positionals.every((name) => ENGINES.includes(name))) {
      return { engines: positionals.length > 0 ? positionals : ENGINES, all: values.all ?? false };
    }
  } catch {
    // An option that is not there.
  }
  process.stderr.write(`usage: npm run test:engine [-- [${ENGINES.join('|')}] [--all]]

  --all    also what the stub shows as well as a real engine, which npm test runs on the stub
`);
  process.exit(2);
}

function runTests(engine: string): number {
  const jest = 'node_modules/jest/bin/jest.js';
  return run(process.execPath, [
    '--experimental-vm-modules',
    jest,
    ...['--config', 'test/real-engine/jest.config.ts'],
    ...['--globals', JSON.stringify({ withAll: all })],
    `test/real-engine/${engine}.engine.ts`,
  ]);
}

function run(command: string, args: string[]): number {
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}
