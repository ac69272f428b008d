// Everything a change must pass, in the order in which it fails fastest; prints the time of each stage.
import { spawnSync } from 'node:child_process';

const stages = [
  ['format', 'npm run format:check --silent'],
  ['lint', 'npm run lint --silent'],
  ['types', 'npm run types --silent'],
  ['import rules', 'npm run imports --silent'],
  ['unused code', 'npm run unused --silent'],
  ['tests', 'npm test'],
  ['openapi.json', 'node scripts/openapi.js --check'],
];

for (const [name, command] of stages) {
  const startedAt = performance.now();
  console.log(`\n=== ${name}: ${command}`);
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`=== ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  if (status !== 0) process.exit(1);
}
