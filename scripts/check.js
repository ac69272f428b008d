// Everything a change must pass: what reads the sources, all of it at once, then what runs them. Prints the time of each
// stage.
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const READING = [
  ['format', 'npm run format:check --silent'],
  ['lint', 'npm run lint --silent'],
  ['types', 'npm run types --silent'],
  ['import rules', 'npm run imports --silent'],
  ['unused code', 'npm run unused --silent'],
];
const RUNNING = [
  ['tests', 'npm test'],
  ['openapi.json', 'node scripts/openapi.js --check'],
];

const passed = await Promise.all(READING.map((stage) => run(stage, 'pipe')));
if (passed.includes(false)) process.exit(1);
for (const stage of RUNNING) {
  if (!(await run(stage, 'inherit'))) process.exit(1);
}

/** Runs a stage; what it prints to a pipe is shown when it is over, so that no two mix. */
async function run([name, command], output) {
  const startedAt = performance.now();
  if (output === 'inherit') console.log(`\n=== ${name}: ${command}`);
  const child = spawn(`${command} 2>&1`, { shell: true, stdio: ['ignore', output, 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const printed = child.stdout ? await text(child.stdout) : '';
  const status = await ended;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (printed) console.log(`\n=== ${name}: ${command}\n${printed.trimEnd()}`);
  console.log(`=== ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  return status === 0;
}
