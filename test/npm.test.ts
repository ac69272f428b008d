import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type BuiltService, emptyFolder, startBuilt } from './support/built-service.js';

interface Package {
  readonly version: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

const readJson = (name: string): unknown => JSON.parse(readFileSync(name, 'utf8'));
const manifest = readJson('package.json') as {
  allowScripts: Record<string, boolean>;
  optionalDependencies: Record<string, string>;
};
const { packages } = readJson('package-lock.json') as { packages: Record<string, Package> };
const installed = Object.entries(packages).filter(([path]) => path !== '');
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('npm ci', () => {
  it('knows the hash of everything that it installs', () => {
    expect(installed.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
  });

  it('runs no script of a package', () => {
    const withScript = installed.filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(manifest.allowScripts).toEqual(
      Object.fromEntries(withScript.map(([path]) => [nameOf(path), false])),
    );
  });

  it('installs the same Node on every machine that it has one for', () => {
    const own = installed.filter(([path]) => /^node_modules\/node-(linux|win)-/.test(path));
    expect(own.map(([path, { version }]) => [nameOf(path), version])).toEqual(
      Object.entries(manifest.optionalDependencies).filter(([name]) => name.startsWith('node-')),
    );
    expect(new Set(own.map(([, { version }]) => version))).toEqual(new Set([process.versions.node]));
  });
});

/** The variables of a shell outside npm whose only `node` is too old to run anything of ours. */
function shellWithOldNode(): Record<string, string> {
  const npm = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());
  const bin = emptyFolder();
  const programs = { node: 'echo v20.20.2; exit 1', npm: `exec "${process.execPath}" "${npm}" "$@"` };
  for (const [name, command] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${command}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith('node_modules/.bin'));
  return { PATH: [bin, ...path].join(delimiter), HOME: process.env.HOME ?? '' };
}

describe('under a Node that is too old', () => {
  it('npm test runs on the Node that npm ci has installed', () => {
    const { status, stdout, stderr } = spawnSync('npm', ['test', '--silent', '--', '--version'], {
      encoding: 'utf8',
      env: shellWithOldNode(),
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('npm start starts the service, and a signal to npm stops it before npm ends', async () => {
    const service = npmStart();
    const url = await service.url();
    const alive = await fetch(`${url}/health/live`);
    await alive.body?.cancel();

    expect(await service.stop()).toEqual({ code: 0, signal: null });

    expect(alive.status).toBe(200);
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
  });

  it('Ctrl-C, which the service hears from the terminal and from npm, stops it in order', async () => {
    const service = npmStart();
    await service.url();
    process.kill(-Number(service.child.pid), 'SIGINT');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });
});

function npmStart(): BuiltService {
  return startBuilt(shellWithOldNode(), { command: ['npm', 'start'], cwd: '.', detached: true });
}
