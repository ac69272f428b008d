import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBuilt } from './support/built-service.js';

/** A copy of the project, with a link to the packages of this one. */
const COPY = mkdtempSync(join(tmpdir(), 'new-task-'));
const FILES = ['nest-cli.json', 'package.json', '.swcrc', 'tsconfig.json', 'tsconfig.build.json'];

/** Runs one of the project's own programs in the copy. */
function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [resolve('node_modules', program), ...args],
    {
      cwd: COPY,
      encoding: 'utf8',
    },
  );
  return { status, output: stdout + stderr };
}

/** Puts the module into the list of app.module.ts, as a developer would. */
function addToAppModule(): void {
  const path = join(COPY, 'src/app.module.ts');
  const text = readFileSync(path, 'utf8');
  const added = text
    .replace(
      'import { HealthModule }',
      "import { HintModule } from './hint/hint.module.js';\nimport { HealthModule }",
    )
    .replace('        HealthModule,', '        HintModule,\n        HealthModule,');
  writeFileSync(path, added);
}

describe('a sixth kind of question: one folder, and one line in app.module.ts', () => {
  beforeAll(() => {
    // The client takes most of a build's time, and knows no task.
    cpSync('src', join(COPY, 'src'), {
      recursive: true,
      filter: (path) => path !== join('src', 'client') && path !== join('src', 'metadata.ts'),
    });
    cpSync('test/fixtures/new-task', join(COPY, 'src'), { recursive: true });
    for (const file of FILES) cpSync(file, join(COPY, file));
    cpSync('.dependency-cruiser.js', join(COPY, '.dependency-cruiser.js'));
    symlinkSync(resolve('node_modules'), join(COPY, 'node_modules'));
    addToAppModule();
  });

  afterAll(() => {
    rmSync(COPY, { recursive: true, force: true });
  });

  it('keeps the import rules', () => {
    const { status, output } = run('.bin/depcruise', 'src', '--config', '.dependency-cruiser.js');
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining('no dependency violations'),
    });
  });

  it('compiles, is answered, logged under its name and documented', async () => {
    const built = run('@nestjs/cli/bin/nest.js', 'build');
    expect(built).toEqual({ status: 0, output: expect.any(String) });

    const service = startBuilt(
      { ENGINE: 'stub' },
      { command: [process.execPath, join(COPY, 'dist/main.js')] },
    );
    const url = await service.url();
    const response = await fetch(`${url}/api/hint`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ system_prompt: 'You help.', user_prompt: 'I am stuck.' }),
    });

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ hint: expect.stringMatching(/\S/) });
    const id = response.headers.get('x-call-id');
    const list = await fetch(`${url}/api/calls?task=hint`, {
      headers: service.localKey,
    });
    expect(await list.json()).toMatchObject({ calls: [{ id, task: 'hint', outcome: 'ok' }] });
    const { paths } = (await (await fetch(`${url}/docs-json`)).json()) as {
      paths: Record<string, { post: { requestBody: { content: Record<string, { example: object }> } } }>;
    };
    expect(paths['/api/hint']?.post.requestBody.content['application/json']?.example).toEqual({
      system_prompt: 'You help.',
      user_prompt: 'I am stuck.',
    });
  }, 180_000);
});
