// The first thing `npm start` and `npm test` do: a wrong Node fails later with riddles.
const WANTED = 24;
const major = Number(process.versions.node.split('.')[0]);

if (major < WANTED) {
  console.error(
    `This is Node ${process.versions.node}; the service runs on Node ${WANTED}, which "npm ci" puts into node_modules. ` +
      'It is missing: the install ran without scripts. Run "npm ci" without --ignore-scripts (npm 12: "npm approve-scripts node"), ' +
      `or install Node ${WANTED} or later yourself.`,
  );
  process.exit(1);
}
