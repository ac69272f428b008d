// The first thing `npm start` and `npm test` do: a wrong Node fails later with riddles.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WANTED = 24;
const OWN = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const major = Number(process.versions.node.split('.')[0]);

if (major < WANTED) {
  const remedy = existsSync(OWN)
    ? 'It is there: start this through npm ("npm start", "npm run …"), which finds it.'
    : 'It is missing: the install ran without scripts. Run "npm ci" without --ignore-scripts ' +
      `(npm 12: "npm approve-scripts node"), or install Node ${WANTED} or later yourself.`;
  console.error(
    `This is Node ${process.versions.node}; the service runs on Node ${WANTED}, which "npm ci" puts into node_modules. ${remedy}`,
  );
  process.exit(1);
}
