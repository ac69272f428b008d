import { readdirSync } from 'node:fs';

const SRC = new URL('src/', import.meta.url);

/** Layers that hold a stage of the pipeline each; they lie side by side and do not import each other. */
const STAGES = ['prompts'];

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
  ...STAGES,
  'pipeline',
];

/** The questions that the service answers: a folder with a `*.task.ts`. A new one needs no line here. */
const QUESTIONS = readdirSync(SRC, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !LAYERS.includes(entry.name) && holdsTask(entry.name))
  .map((entry) => entry.name);

/** The operator's and the developer's side. */
const OPERATIONS = ['call-log', 'health', 'metrics', 'docs'];

/** What stands on the layers: each may import all of them, but none of its neighbours. */
const FEATURES = [...QUESTIONS, ...OPERATIONS];

/** Started on their own; nothing imports them. */
const PROGRAMS = ['cli', 'client'];

/** The folders that may import a package; any other file of `src/` may not. */
const HOMES = {
  undici: ['engine', 'client'],
  ajv: ['schema'],
  re2js: ['schema'],
  typebox: ['schema', ...QUESTIONS],
  winston: ['logging'],
  pg: ['database', 'jobs', 'call-store', 'cli'],
  'pg-copy-streams': ['database'],
  kysely: ['database', 'jobs', 'call-store', 'call-log', 'cli'],
  'pg-boss': ['jobs'],
  'csv-parse': ['csv'],
  'csv-stringify': ['csv'],
  'prom-client': ['metrics'],
  commander: ['client'],
  'eventsource-parser': ['client'],
  'iconv-lite': ['client'],
  picocolors: ['client'],
  'string-width': ['client'],
};

/** Files that are HTTP by nature. */
const HTTP_FILES = ['\\.controller\\.ts$', '\\.dto\\.ts$', '^src/pipeline/http/'];

/** `main.ts` and the files next to it: they may import any folder but the programs; no folder imports them. */
const TOP = '^src/[^/]+$';

const layerRules = LAYERS.filter((layer) => !STAGES.includes(layer)).map((layer) => ({
  name: `${layer}-imports-downwards`,
  comment: 'A layer may import itself and the layers before it in LAYERS, and nothing else of src/.',
  severity: 'error',
  from: { path: inFolders(layer) },
  to: { path: '^src/', pathNot: inFolders(...LAYERS.slice(0, LAYERS.indexOf(layer) + 1)) },
}));

const homeRules = Object.entries(HOMES).map(([name, folders]) => ({
  name: `${name}-has-one-home`,
  comment: `Only ${folders.map((folder) => `src/${folder}`).join(', ')} may import ${name}.`,
  severity: 'error',
  from: { path: '^src/', pathNot: inFolders(...folders) },
  to: { path: packages(name) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'No file imports this one, and it imports none.',
      severity: 'error',
      from: { orphan: true },
      to: {},
    },
    {
      name: 'no-unresolvable-imports',
      comment: 'The other rules judge where an import leads, and this one leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },

    // Folders.
    ...layerRules,
    {
      name: 'stages-import-downwards',
      comment:
        'A stage imports neither another stage nor the pipeline, which alone puts the stages in order.',
      severity: 'error',
      from: { path: inFolders(...STAGES) },
      to: {
        path: '^src/',
        pathNot: ['^src/$1/', inFolders(...LAYERS.slice(0, LAYERS.indexOf(STAGES[0])))],
      },
    },
    {
      name: 'features-import-only-layers',
      comment: 'Features do not import each other: what two of them need belongs in a layer.',
      severity: 'error',
      from: { path: inFolders(...FEATURES) },
      to: { path: '^src/', pathNot: ['^src/$1/', inFolders(...LAYERS)] },
    },
    {
      name: 'cli-imports-only-layers',
      comment: 'It takes what it needs from the layers and runs without the service: it needs no feature.',
      severity: 'error',
      from: { path: inFolders('cli') },
      to: { path: '^src/', pathNot: inFolders('cli', ...LAYERS) },
    },
    {
      name: 'the-client-stands-alone',
      comment:
        'It is installed where no service is, and starts in a moment: it must not pull in the service.',
      severity: 'error',
      from: { path: inFolders('client') },
      to: {
        path: '^src/',
        pathNot: [inFolders('client', 'csv'), '^src/common/(line-ends|proxy-variables|version)\\.ts$'],
      },
    },
    {
      name: 'the-stub-stands-alone',
      comment: 'It runs in a process of its own and imitates an engine: it must not know the service.',
      severity: 'error',
      from: { path: '^src/engine/stub/' },
      to: { path: '^src/', pathNot: '^src/engine/stub/' },
    },
    {
      name: 'the-service-does-without-the-programs',
      comment: 'cli and client are started on their own: nothing imports them.',
      severity: 'error',
      from: { path: '^src/', pathNot: inFolders(...PROGRAMS) },
      to: { path: inFolders(...PROGRAMS) },
    },

    // HTTP.
    {
      name: 'fastify-stays-where-http-is',
      comment: 'Only the edge of the service knows which HTTP server it runs on.',
      severity: 'error',
      from: { path: '^src/', pathNot: [TOP, inFolders('common', 'access', 'health', 'docs'), ...HTTP_FILES] },
      to: { path: packages('fastify', '@nestjs/platform-fastify') },
    },
    {
      name: 'calls-know-no-http',
      comment: 'A call runs the same way whatever protocol it was asked over: only its edge may know HTTP.',
      severity: 'error',
      from: { path: inFolders('engine', 'calls', 'call-store', 'pipeline'), pathNot: HTTP_FILES },
      to: {
        path: [
          packages('fastify', '@nestjs/platform-fastify'),
          '^src/common/(request-context|event-stream|problem\\.filter)\\.ts$',
        ],
      },
    },

    // Packages.
    ...homeRules,
  ],
  required: [
    {
      name: 'every-folder-is-listed',
      comment:
        'No rule binds this folder yet: list it in .dependency-cruiser.js as a layer, a feature or a program. ' +
        'A question needs no line there, but a file *.task.ts.',
      severity: 'error',
      module: { path: '^src/[^/]+/', pathNot: inFolders(...LAYERS, ...FEATURES, ...PROGRAMS) },
      // No import meets this demand, so each file of an unlisted folder is named once, whatever it imports.
      to: { path: '^$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/metadata\\.ts$' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    // Without these a package that lists its entry points in `exports` alone cannot be resolved.
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};

function holdsTask(folder) {
  const files = readdirSync(new URL(`${folder}/`, SRC), { recursive: true });
  return files.some((file) => file.endsWith('.task.ts'));
}

function inFolders(...names) {
  return `^src/(${names.join('|')})/`;
}

/** Where a package resolves to, or the bare specifier of an import that does not resolve. */
function packages(...names) {
  return `(^|node_modules/)(${names.join('|')})(/|$)`;
}
