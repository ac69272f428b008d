// Builds where dist/ is missing or older than what it is made of; says nothing of it on standard output, which belongs
// to the command that follows. So a command can be run beside a service without taking its files away.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import './check-node.js';
import { STAMP } from './stamp.js';

const SOURCES = [
  'src',
  'nest-cli.json',
  'package.json',
  'package-lock.json',
  '.swcrc',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.client.json',
];

/** Written by the build itself. */
const OUTPUT = join('src', 'metadata.ts');

if (newest(SOURCES) > timeOf(STAMP)) {
  process.stderr.write('Building …\n');
  // Through a pipe: on a terminal the build draws, and on one without columns it never ends.
  const { status, stdout, stderr } = spawnSync('npm run build --silent', { shell: true, encoding: 'utf8' });
  if (status !== 0) {
    process.stderr.write(`${stdout}${stderr}The build failed.\n`);
    process.exit(1);
  }
}

/** When anything of it was last changed; a folder changes with every name in it. */
function newest(paths) {
  const times = paths.map((path) =>
    Math.max(timeOf(path), statSync(path).isDirectory() ? newest(entriesOf(path)) : 0),
  );
  return Math.max(0, ...times);
}

function entriesOf(folder) {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => path !== OUTPUT);
}

/** Milliseconds; none where it does not exist. */
function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}
