import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { findLocalKey } from '../src/client/local-key.js';
import type { Problem } from '../src/common/errors.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Settings } from '../src/config/settings.js';
import { type BuiltService, emptyFolder, startBuilt } from './support/built-service.js';
import { type ClientProcess, startClient, startOddServer } from './support/client.js';
import { expectProblem } from './support/problem.js';
import { startService, type TestService } from './support/service.js';

const LINE = /^Authorization: Bearer [\w-]{43}\n$/;

const { apiKeys } = loadSettings({ API_KEYS: 'app:inference:secret-app' }, undefined).settings;

/** The names in a folder that are about the key. */
const aboutKey = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('local'));

const keyIn = (folder: string): string => readFileSync(join(folder, 'local-key'), 'utf8');

/** A service on a data folder of its own. */
async function startIn(dataDir: string, settings: Partial<Settings> = {}): Promise<TestService> {
  return startService({ dataDir, ...settings });
}

describe('the local key', () => {
  it('is one line that curl sends as a header, for its owner alone', async () => {
    const dataDir = emptyFolder();
    await startIn(dataDir);
    expect(keyIn(dataDir)).toMatch(LINE);
    expect(statSync(join(dataDir, 'local-key')).mode & 0o777).toBe(0o600);
  });

  it('is kept from start to start', async () => {
    const dataDir = emptyFolder();
    const { app } = await startIn(dataDir);
    const first = keyIn(dataDir);
    await app.close();

    const service = await startIn(dataDir);

    expect(keyIn(dataDir)).toBe(first);
    expect((await service.get('/api/calls?limit=1')).status).toBe(200);
  });

  it('is one for all services that start on a folder at once', async () => {
    const dataDir = emptyFolder();
    const services = await Promise.all([startIn(dataDir), startIn(dataDir), startIn(dataDir)]);
    const statuses = services.map(
      async ({ url, localKey }) => (await fetch(`${url}/metrics`, { headers: localKey })).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 200]);
    expect(aboutKey(dataDir)).toEqual(['local-key', 'local-key.address']);
  });

  it.each<[string, Partial<Settings>]>([
    ['with API_KEYS', { apiKeys }],
    ['with AUTH=off', { auth: 'off' }],
    ['in production', { nodeEnv: 'production' }],
  ])('is not made %s', async (_, settings) => {
    const dataDir = emptyFolder();
    await startIn(dataDir, settings);
    expect(aboutKey(dataDir)).toEqual([]);
  });

  it('counts for nothing once there are API_KEYS', async () => {
    const dataDir = emptyFolder();
    const { app, localKey } = await startIn(dataDir);
    await app.close();

    const service = await startIn(dataDir, { apiKeys });

    expectProblem(await service.get<Problem>('/api/calls', localKey), 'UNAUTHORIZED');
  });

  const onPosix = process.platform === 'win32' ? it.skip : it;
  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  /** What the log of a service says whose data folder was prepared. */
  async function warningOf(
    prepare: (file: string) => void,
  ): Promise<{ service: BuiltService; warning: string }> {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, 'data'));
    writeFileSync(join(cwd, 'data/local-key'), `Authorization: Bearer ${'k'.repeat(43)}\n`, { mode: 0o600 });
    prepare(join(cwd, 'data/local-key'));
    const service = startBuilt({ ENGINE: 'stub' }, { cwd });
    return { service, warning: await service.line(/there is no key for reading/) };
  }

  onPosix('is refused where others may have read it, and reading with it', async () => {
    const { service, warning } = await warningOf((file) => {
      chmodSync(file, 0o640);
    });
    expect(warning).toContain('its mode is 640, not 600, so others may know it');
    const reply = await fetch(`${await service.url()}/api/calls`, {
      headers: { authorization: `Bearer ${'k'.repeat(43)}` },
    });
    expect(reply.status).toBe(401);
  });

  asRoot('is refused where it belongs to somebody else (skipped unless root runs the tests)', async () => {
    const { warning } = await warningOf((file) => {
      chownSync(file, 1, 1);
    });
    expect(warning).toContain('it belongs to user 1, not to this one');
  });

  onPosix('is refused where it is a link', async () => {
    const { warning } = await warningOf((file) => {
      writeFileSync(`${file}.elsewhere`, readFileSync(file), { mode: 0o600 });
      rmSync(file);
      symlinkSync(`${file}.elsewhere`, file);
    });
    expect(warning).toContain('it is a link');
  });

  it('is refused where the file holds something else', async () => {
    const { service, warning } = await warningOf((file) => {
      writeFileSync(file, 'Authorization: Bearer short\n');
    });
    expect(warning).toContain('it holds no key: remove it, and a new one is made');
    const reply = await fetch(`${await service.url()}/api/calls`);
    expect(await reply.json()).toMatchObject({
      detail:
        'A key with the scope read is needed, and none could be kept in DATA_DIR; the beginning of the log says why. ' +
        'Set API_KEYS=name:read:secret on the server.',
    });
  });

  const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
  const whereMountable = canMount ? it : it.skip;

  whereMountable(
    'is missing, with a warning, where the data folder is read-only; questions are answered',
    async () => {
      const dataDir = emptyFolder();
      mkdirSync(join(dataDir, 'spool'));
      execFileSync('mount', ['--bind', '-o', 'ro', dataDir, dataDir]);
      execFileSync('mount', ['-t', 'tmpfs', 'none', join(dataDir, 'spool')]);
      try {
        const service = startBuilt({ ENGINE: 'stub', DATA_DIR: dataDir });
        expect(await service.line(/there is no key for reading/)).toContain('EROFS');
        const url = await service.url();
        expect((await fetch(`${url}/v1/models`)).status).toBe(200);
        expect((await fetch(`${url}/api/calls`)).status).toBe(401);
        await service.stop();
      } finally {
        execFileSync('umount', ['--recursive', '--lazy', dataDir]);
      }
    },
  );

  it('is named by its file, never by itself, in the log and in the command that the start prints', async () => {
    const cwd = emptyFolder();
    const service = startBuilt({ ENGINE: 'stub', LOG_LEVEL: 'DEBUG' }, { cwd });
    const line = await service.line(/Look:/);
    await fetch(`${await service.url()}/api/calls`, { headers: { authorization: 'Bearer wrong' } });
    await service.line(/wrong key/);

    const [, secret = '-'] = /Bearer (\S+)/.exec(keyIn(join(cwd, 'data'))) ?? [];
    expect(line).toContain(`curl -s -H @data/local-key '${await service.url()}/api/calls?limit=5'`);
    expect(service.lines.join('\n')).not.toContain(secret);
  });
});

describe('a reader without it', () => {
  it('is told the command, with the path and the name that were asked', async () => {
    // As without DATA_DIR: the tests' own folder is an absolute path.
    const service = startBuilt({ ENGINE: 'stub' });
    const url = (await service.url()).replace('127.0.0.1', 'localhost');
    const reply = await fetch(`${url}/api/stats?by=task`);
    expect(reply.status).toBe(401);
    expect(await reply.json()).toMatchObject({
      detail:
        'This route needs the local key. In the folder where the service was started, ' +
        `curl -s -H @data/local-key '${url}/api/stats' sends it.`,
    });
  });

  it('is told no absolute path', async () => {
    const { url } = await startService();
    const { detail } = (await (await fetch(`${url}/metrics`)).json()) as Problem;
    expect(detail).toContain(`curl -s -H @DATA_DIR/local-key '${url}/metrics'`);
  });

  it('can leave no shell a quote in the command', async () => {
    const { url } = await startService();
    const { detail } = (await (await fetch(`${url}/api/calls/';ls;'`)).json()) as Problem;
    expect(detail).toContain("/api/calls/%27;ls;%27'");
  });
});

describe('the pages', () => {
  const pages = [
    'README.md',
    'README.ko.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const commands = pages.flatMap((page) =>
    [
      ...readFileSync(page, 'utf8').matchAll(
        /curl -s [^\n`]*localhost:8000\/(api\/calls|api\/stats|metrics)[^\n`]*/g,
      ),
    ].map(([command]) => ({ page, command })),
  );
  const reading = commands.filter(({ command }) => !command.includes('/cancel'));

  it('show how to read more than once', () => {
    expect(reading.length).toBeGreaterThan(8);
  });

  it.each(reading)(
    '$page: $command reads as it stands, in the folder of the service',
    async ({ command }) => {
      const cwd = emptyFolder();
      const { url } = await startIn(join(cwd, 'data'));
      const here = command.replace(/(http:\/\/)?localhost:8000/, url);
      const { stdout } = await promisify(execFile)('bash', ['-c', `${here} -o reply -w '%{http_code}'`], {
        cwd,
      });
      // A page may show what a wrong filter gets, and an id that only its own log has.
      expect(['200', '400', '404']).toContain(stdout);
    },
  );
});

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['-e', '0']).pid;
}

describe('the address of the local key', () => {
  const addressIn = (folder: string): string => readFileSync(join(folder, 'local-key.address'), 'utf8');

  it('is the one that the service listens on', async () => {
    const dataDir = emptyFolder();
    const { url } = await startIn(dataDir);
    expect(addressIn(dataDir)).toBe(`${new URL(url).host} ${process.pid}\n`);
  });

  it.each([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '[::1]'],
    ['::1', '[::1]'],
    ['127.0.0.2', '127.0.0.2'],
  ])('of a service on %s is %s', async (host, address) => {
    const dataDir = emptyFolder();
    const service = startBuilt({ ENGINE: 'stub', DATA_DIR: dataDir, APP_HOST: host });
    const { port } = new URL(await service.url());
    expect(addressIn(dataDir)).toBe(`${address}:${port} ${service.child.pid}\n`);
  });

  it('goes when the service stops, before another program may listen there', async () => {
    const dataDir = emptyFolder();
    const { app } = await startIn(dataDir);
    await app.close();
    expect(aboutKey(dataDir)).toEqual(['local-key']);
  });

  it.each<[string, Partial<Settings>]>([
    ['that makes no key', { apiKeys }],
    ['that listens elsewhere', {}],
  ])('of a service that was killed is forgotten by the next start, one %s', async (_, settings) => {
    const dataDir = emptyFolder();
    writeFileSync(join(dataDir, 'local-key.address'), `127.0.0.1:8000 ${endedProcess()}\n`);
    const { url } = await startIn(dataDir, settings);
    const known = 'apiKeys' in settings ? [] : [`${new URL(url).host} ${process.pid}\n`];
    expect(aboutKey(dataDir).includes('local-key.address') ? [addressIn(dataDir)] : []).toEqual(known);
  });

  it('stays where another service on the same folder has written its own', async () => {
    const dataDir = emptyFolder();
    const first = await startIn(dataDir);
    const second = await startIn(dataDir);
    await first.app.close();
    expect(addressIn(dataDir)).toBe(`${new URL(second.url).host} ${process.pid}\n`);
  });

  const elsewhere = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

  (elsewhere === undefined ? it.skip : it)(
    'is none of a service that is reached from elsewhere alone (skipped on a machine that has loopback alone)',
    async () => {
      const dataDir = emptyFolder();
      writeFileSync(join(dataDir, 'local-key.address'), `127.0.0.1:8000 ${process.pid}\n`);
      await startBuilt({ ENGINE: 'stub', DATA_DIR: dataDir, APP_HOST: elsewhere ?? '' }).url();
      expect(aboutKey(dataDir)).toEqual(['local-key']);
    },
  );
});

describe('the command-line client', () => {
  /** Runs `logs list` where the service was started, or elsewhere. */
  function list(url: string, cwd: string, env: Record<string, string> = {}): ClientProcess {
    return startClient(['logs', 'list', '--url', url], { cwd, env });
  }

  it.each([
    ['by its address', (url: string) => url],
    ['as localhost', (url: string) => url.replace('127.0.0.1', 'localhost')],
    ['by the address of its API', (url: string) => `${url}/v1`],
  ])('reads the log of a service that it is told %s', async (_, told) => {
    const cwd = emptyFolder();
    const { url } = await startIn(join(cwd, 'data'));
    expect(await list(told(url), cwd).ended).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('key'),
    });
  });

  it('finds the key by DATA_DIR from every other folder', async () => {
    const dataDir = emptyFolder();
    const { url } = await startIn(dataDir);
    expect(await list(url, emptyFolder(), { DATA_DIR: dataDir }).ended).toMatchObject({ code: 0 });
  });

  it('says in another folder where it looks for the key', async () => {
    const { url } = await startService();
    const { code, stderr } = await list(url, emptyFolder()).ended;
    expect(stderr).toBe(
      `${url} wants a key for its call log: give one with --api-key or LLM_SERVICE_API_KEY. Of a service on this machine ` +
        'that has no API_KEYS the client finds it by itself, in the folder of the service or with its DATA_DIR.\n',
    );
    expect(code).toBe(1);
  });

  it('prefers the key that it is given', async () => {
    const cwd = emptyFolder();
    const { url } = await startIn(join(cwd, 'data'));
    expect(await list(url, cwd, { LLM_SERVICE_API_KEY: 'another' }).ended).toMatchObject({ code: 1 });
  });

  it('sends the key to no other port', async () => {
    const cwd = emptyFolder();
    await startIn(join(cwd, 'data'));
    const seen: (string | undefined)[] = [];
    const other = await startOddServer(({ headers }, response) => {
      seen.push(headers.authorization);
      response.end('{}');
    });
    await list(other, cwd).ended;
    await list(other.replace('127.0.0.1', 'localhost'), cwd).ended;
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((authorization) => authorization !== undefined)).toEqual([]);
  });

  const written = (address: string, pid = process.pid): string => {
    const folder = emptyFolder();
    writeFileSync(join(folder, 'local-key'), `Authorization: Bearer ${'k'.repeat(43)}\n`);
    writeFileSync(join(folder, 'local-key.address'), address.replace('\n', ` ${pid}\n`));
    return folder;
  };

  it.each([
    ['http://127.0.0.1:8000', '127.0.0.1:8000\n'],
    ['localhost:8000', '127.0.0.1:8000\n'],
    ['http://[::1]:8000', '[::1]:8000\n'],
  ])('takes %s for %j', (url, address) => {
    expect(findLocalKey(url, written(address))).toEqual({
      url: `http://${address.trim()}`,
      apiKey: 'k'.repeat(43),
    });
  });

  it.each([
    ['http://127.0.0.1:8001', '127.0.0.1:8000\n'],
    ['http://127.0.0.2:8000', '127.0.0.1:8000\n'],
    ['http://localhost:8001', '127.0.0.1:8000\n'],
    ['http://localhost.example.com:8000', '127.0.0.1:8000\n'],
    ['https://127.0.0.1:8000', '127.0.0.1:8000\n'],
    ['http://example.com:8000', 'example.com:8000\n'],
    ['http://127.0.0.1:8000', '127.0.0.1:8000'],
    ['http://127.0.0.1.example.com:8000', '127.0.0.1.example.com:8000\n'],
  ])('does not take %s for %j', (url, address) => {
    expect(findLocalKey(url, written(address))).toBeUndefined();
  });

  it('does not take an address at which the service was killed, so that anybody may listen there', () => {
    const folder = written('127.0.0.1:8000\n', endedProcess());
    expect(findLocalKey('http://127.0.0.1:8000', folder)).toBeUndefined();
  });
});
