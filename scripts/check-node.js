// The first thing `npm start` and `npm test` do: a wrong Node fails later with riddles.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WANTED = 24;
/** npm's link to the Node of node_modules; on Windows it stands beside a `node.cmd`. */
const OWN = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
const major = Number(process.versions.node.split('.')[0]);

if (major < WANTED) {
  const remedy = existsSync(OWN)
    ? '"npm ci" has put it into node_modules: start this through npm ("npm start", "npm run …"), which finds it there.'
    : '"npm ci" puts it into node_modules on Linux (x64, arm64) and Windows (x64), unless it is told to omit optional ' +
      `packages; elsewhere, as on a Mac, install Node ${WANTED} or later yourself.`;
  console.error(
    `This is Node ${process.versions.node}; the service runs on Node ${WANTED} or later. ${remedy}`,
  );
  process.exit(1);
}
