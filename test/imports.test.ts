import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** For each rule, a folder of `src/` and what a file there must not import; each file is named after its rule. */
const OFFENCES: Readonly<Record<string, readonly [folder: string, specifier?: string]>> = {
  'no-cycles': ['csv', './no-cycles.js'],
  'no-orphans': ['csv'],
  'no-unresolvable-imports': ['csv', 'no-such-package'],

  'every-folder-is-listed': ['stranger', 'node:path'],
  'common-imports-downwards': ['common', '../csv/file.js'],
  'csv-imports-downwards': ['csv', '../config/file.js'],
  'config-imports-downwards': ['config', '../logging/file.js'],
  'logging-imports-downwards': ['logging', '../access/file.js'],
  'access-imports-downwards': ['access', '../schema/file.js'],
  'schema-imports-downwards': ['schema', '../text/file.js'],
  'text-imports-downwards': ['text', '../database/file.js'],
  'database-imports-downwards': ['database', '../jobs/file.js'],
  'jobs-imports-downwards': ['jobs', '../engine/file.js'],
  'engine-imports-downwards': ['engine', '../calls/file.js'],
  'calls-imports-downwards': ['calls', '../call-store/file.js'],
  'call-store-imports-downwards': ['call-store', '../prompts/file.js'],
  'stages-import-downwards': ['prompts', '../pipeline/file.js'],
  'pipeline-imports-downwards': ['pipeline', '../app.module.js'],
  'features-import-only-layers': ['health', '../metrics/file.js'],
  'cli-imports-only-layers': ['cli', '../health/file.js'],
  'the-client-stands-alone': ['client', '../config/file.js'],
  'the-stub-stands-alone': ['engine/stub', '../file.js'],
  'the-service-does-without-the-programs': ['calls', '../cli/file.js'],

  'fastify-stays-where-http-is': ['text', 'fastify'],
  'calls-know-no-http': ['calls', '../common/request-context.js'],

  'undici-has-one-home': ['text', 'undici'],
  'ajv-has-one-home': ['text', 'ajv'],
  're2js-has-one-home': ['text', 're2js'],
  'typebox-has-one-home': ['text', 'typebox'],
  'winston-has-one-home': ['text', 'winston'],
  'pg-has-one-home': ['text', 'pg'],
  'pg-copy-streams-has-one-home': ['text', 'pg-copy-streams'],
  'kysely-has-one-home': ['text', 'kysely'],
  'pg-boss-has-one-home': ['call-store', 'pg-boss'],
  'csv-parse-has-one-home': ['text', 'csv-parse'],
  'csv-stringify-has-one-home': ['text', 'csv-stringify'],
  'prom-client-has-one-home': ['text', 'prom-client'],
  'commander-has-one-home': ['text', 'commander'],
  'eventsource-parser-has-one-home': ['text', 'eventsource-parser'],
  'iconv-lite-has-one-home': ['text', 'iconv-lite'],
  'picocolors-has-one-home': ['text', 'picocolors'],
  'string-width-has-one-home': ['text', 'string-width'],
};

const SUBPATHS = [
  'ajv/dist/2020.js',
  'csv-parse/sync',
  'csv-stringify/sync',
  'eventsource-parser/stream',
  'kysely/migration',
  'typebox/value',
];

const importing = (...specifiers: readonly string[]) =>
  specifiers.map((specifier) => `import '${specifier}';\n`).join('');

/** Files whose imports the tests below judge one by one. */
const FILES: Readonly<Record<string, string>> = {
  'src/app.module.ts': importing('./config/file.js', './quiz/quiz.task.js', './stranger/pure.js', 'fastify'),
  'src/stranger/pure.ts': '',
  'src/quiz/quiz.task.ts': importing('typebox', '../pipeline/file.js', '../health/file.js'),
  'src/text/subpaths.ts': importing(...SUBPATHS),
  'src/text/not-installed.ts': importing('kysely/no-such-entry'),
  'src/text/types.ts': "import type { Pool } from 'pg';\nexport type Connections = Pool;\n",
  'src/calls/calls.controller.ts': importing('fastify', '../common/request-context.js'),
  'src/calls/calls.dto.ts': importing('../common/request-context.js'),
  'src/pipeline/http/reply.ts': importing('fastify', '../../common/event-stream.js'),
};

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

interface Report {
  readonly summary: {
    readonly violations: readonly Violation[];
    readonly ruleSetUsed: Readonly<Record<'forbidden' | 'required', readonly { readonly name: string }[]>>;
  };
}

let tree: string;
let report: Report['summary'];

const violationsOf = (file: string) => report.violations.filter(({ from }) => from === file);
const rulesBrokenBy = (file: string) => violationsOf(file).map(({ rule }) => rule.name);

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'llm-service-imports-'));
  for (const file of ['.dependency-cruiser.js', 'package.json', 'tsconfig.json'])
    copyFileSync(file, join(tree, file));
  symlinkSync(resolve('node_modules'), join(tree, 'node_modules'), 'junction');
  for (const [file, text] of filesOfTheTree()) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  report = cruise();
});

afterAll(() => {
  rmSync(tree, { recursive: true, force: true });
});

test('each rule finds the import that breaks it', () => {
  const rules = [...report.ruleSetUsed.forbidden, ...report.ruleSetUsed.required].map(({ name }) => name);
  const found = Object.entries(OFFENCES)
    .filter(([rule, [folder]]) => rulesBrokenBy(`src/${folder}/${rule}.ts`).includes(rule))
    .map(([rule]) => rule);
  expect(found.sort()).toEqual(rules.sort());
});

test('each file of a folder that is not listed fails the check once', () => {
  const strangers = report.violations
    .filter(({ rule }) => rule.name === 'every-folder-is-listed')
    .map(({ from }) => from);
  expect(strangers.sort()).toEqual(['src/stranger/every-folder-is-listed.ts', 'src/stranger/pure.ts']);
});

test('a folder with a *.task.ts is bound as a feature without being listed', () => {
  expect(violationsOf('src/quiz/quiz.task.ts')).toMatchObject([
    { to: 'src/health/file.ts', rule: { name: 'features-import-only-layers' } },
  ]);
});

test('app.module.ts may import a layer, a feature and the HTTP server', () => {
  expect(rulesBrokenBy('src/app.module.ts')).toEqual([]);
});

test('an entry point of a package has the home of its package', () => {
  const homes = SUBPATHS.map((path) => `${String(path.split('/')[0])}-has-one-home`);
  expect(rulesBrokenBy('src/text/subpaths.ts').sort()).toEqual(homes);
});

test('an import that does not resolve is still bound to the home of its package', () => {
  expect(rulesBrokenBy('src/text/not-installed.ts').sort()).toEqual([
    'kysely-has-one-home',
    'no-unresolvable-imports',
  ]);
});

test('an import of types alone is bound like any other', () => {
  expect(rulesBrokenBy('src/text/types.ts')).toEqual(['pg-has-one-home']);
});

test.each(['src/calls/calls.controller.ts', 'src/calls/calls.dto.ts', 'src/pipeline/http/reply.ts'])(
  '%s may know HTTP',
  (file) => {
    const broken = rulesBrokenBy(file);
    expect(broken).not.toContain('calls-know-no-http');
    expect(broken).not.toContain('fastify-stays-where-http-is');
  },
);

/** The files above, one for each offence, and an empty one wherever a relative import would find none. */
function filesOfTheTree(): Map<string, string> {
  const files = new Map(Object.entries(FILES));
  for (const [rule, [folder, specifier]] of Object.entries(OFFENCES))
    files.set(`src/${folder}/${rule}.ts`, specifier === undefined ? '' : importing(specifier));
  for (const [file, text] of [...files])
    for (const [, specifier = ''] of text.matchAll(/'(\..*)\.js'/g)) {
      const imported = join(dirname(file), `${specifier}.ts`);
      if (!files.has(imported)) files.set(imported, '');
    }
  return files;
}

function cruise(): Report['summary'] {
  const program = resolve('node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const options = ['--config', '.dependency-cruiser.js', '--output-type', 'json'];
  const { stdout, stderr } = spawnSync(process.execPath, [program, 'src', ...options], {
    cwd: tree,
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return (JSON.parse(stdout) as Report).summary;
}
