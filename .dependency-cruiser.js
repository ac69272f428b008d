/** The layers of the house, bottom first; a folder may import those before it and no others. */
const LAYERS = [
  'common',
  'csv',
  'config',
  'logging',
  'access',
  'schema',
  'text',
  'database',
  'jobs',
  'engine',
  'calls',
  'call-store',
  'prompts',
  'pipeline',
];
const FEATURES = [
  'chat',
  'call-log',
  'feedback',
  'interview',
  'report',
  'openai',
  'metrics',
  'health',
  'docs',
];

const inFolder = (name) => `^src/${name}/`;
const anyOf = (names) => `^src/(${names.join('|')})/`;

const downwards = LAYERS.map((layer, index) => ({
  name: `${layer}-imports-downwards`,
  severity: 'error',
  from: { path: inFolder(layer) },
  to: { path: anyOf([...LAYERS.slice(index + 1), ...FEATURES]) },
}));

/** Packages that have one home. */
const HOMES = [
  ['undici', '(engine|client)'],
  ['ajv', 'schema'],
  ['typebox', '(schema|chat|feedback|interview|report|openai)'],
  ['winston', 'logging'],
  ['pg', '(database|jobs|call-store|cli)'],
  ['kysely', '(database|jobs|call-store|call-log|cli)'],
  ['pg-boss', '(jobs|call-store)'],
  ['csv-(parse|stringify)', 'csv'],
  ['prom-client', 'metrics'],
  ['commander', 'client'],
  ['eventsource-parser', 'client'],
  ['string-width', 'client'],
  ['picocolors', 'client'],
];

const homes = HOMES.map(([name, home]) => ({
  name: `${name}-has-one-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: inFolder(home) },
  to: { path: `node_modules/${name}/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: 'main\\.ts$' }, to: {} },
    {
      name: 'features-do-not-import-each-other',
      severity: 'error',
      from: { path: `^src/(${FEATURES.join('|')})/` },
      to: { path: anyOf(FEATURES), pathNot: '^src/$1/' },
    },
    ...downwards,
    ...homes,
    {
      name: 'the-stub-stands-alone',
      comment: 'It runs in a process of its own and imitates an engine: it must not know the service.',
      severity: 'error',
      from: { path: '^src/engine/stub/' },
      to: { path: '^src/', pathNot: '^src/engine/stub/' },
    },
    {
      name: 'the-client-stands-alone',
      comment:
        'It is installed where no service is, and starts in a moment: it must not pull in the service.',
      severity: 'error',
      from: { path: inFolder('client') },
      to: { path: '^src/', pathNot: [inFolder('client'), inFolder('csv'), '^src/common/version\\.ts$'] },
    },
    {
      name: 'the-service-does-without-the-client',
      severity: 'error',
      from: { path: '^src/', pathNot: inFolder('client') },
      to: { path: inFolder('client') },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/metadata\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
  },
};
