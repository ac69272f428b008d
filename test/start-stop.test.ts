import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { HealthDto } from '../src/health/health.dto.js';
import { type BuiltService, emptyFolder, startBuilt } from './support/built-service.js';
import { MODEL_REPLIES, QUESTION, startStub } from './support/service.js';

const FEEDBACK = '/api/feedback';
const REPLY = { content: JSON.stringify(MODEL_REPLIES[FEEDBACK]) };

const ask = async (service: BuiltService): Promise<Response> =>
  fetch((await service.url()) + FEEDBACK, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(QUESTION),
  });

/** A call whose headers the service has and whose body it waits for: it runs for as long as a test wants. */
async function beginCall(service: BuiltService, key = ''): Promise<{ finish(): Promise<string> }> {
  const socket = await connectTo(await service.url());
  const body = JSON.stringify(QUESTION);
  socket.write(
    `POST ${FEEDBACK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
      (key && `Authorization: Bearer ${key}\r\n`) +
      `Content-Length: ${Buffer.byteLength(body)}\r\nExpect: 100-continue\r\n\r\n`,
  );
  await once(socket, 'data');
  return {
    finish: () => {
      socket.write(body);
      return text(socket);
    },
  };
}

async function connectTo(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** A connection to the built-in stub, whose end shows the end of the stub's process. */
async function connectToStub(service: BuiltService): Promise<Socket> {
  const url = await service.url();
  const health = await fetch(`${url}/health`, { headers: service.localKey });
  const { details } = (await health.json()) as HealthDto;
  const socket = await connectTo(details?.engines[0]?.url ?? '');
  socket.on('error', () => undefined);
  return socket;
}

function childrenOf(service: BuiltService): number[] {
  const pids = execFileSync('pgrep', ['-P', String(service.child.pid)], { encoding: 'utf8' });
  return pids.trim().split('\n').map(Number);
}

describe('the start', () => {
  it('says where it listens, that a stub answers, and where the docs are', async () => {
    const service = startBuilt();
    const url = await service.url();
    await service.line(/Look:/);
    expect(service.lines.map((line) => line.replace(/^\S+ /, ''))).toEqual([
      'INFO    database is up kind=server',
      expect.stringContaining('engine is up'),
      `INFO    LLM Service 0.1.0 listens on ${url} (127.0.0.1, port ${new URL(url).port})`,
      'WARNING THE BUILT-IN STUB ANSWERS, NOT A MODEL. Name your engine with SGLANG_HOST or ENGINE_URLS (docs/engines.md).',
      `INFO    Docs: ${url}/docs and ${url}/redoc; state: ${url}/health`,
      expect.stringMatching(/^INFO {4}Try: curl /),
      `INFO    Look: curl -s -H @data/local-key '${url}/api/calls?limit=5'`,
    ]);
    await service.stop();
    expect(await service.errors).toBe('');
  });

  it('prints a call that works when it is pasted into a shell', async () => {
    const service = startBuilt();
    const call = (await service.line(/Try: /)).split('Try: ')[1] ?? '';
    const { stdout } = spawnSync('bash', ['-c', call], { encoding: 'utf8' });
    expect(Object.keys(JSON.parse(stdout) as object)).toEqual(['thought', 'action', 'message', 'evaluation']);
  });

  it.each(['./data', "a folder/whose name isn't plain"])(
    'prints a command that reads the log when it is pasted into a shell there, with DATA_DIR %s',
    async (dataDir) => {
      const cwd = emptyFolder();
      const service = startBuilt({ DATA_DIR: dataDir }, { cwd });
      const command = (await service.line(/Look: /)).split('Look: ')[1] ?? '';
      const { stdout } = spawnSync('bash', ['-c', command], { cwd, encoding: 'utf8' });
      expect(JSON.parse(stdout)).toHaveProperty('calls');
    },
  );

  it('shows localhost where it listens on every address', async () => {
    const service = startBuilt({ APP_HOST: '0.0.0.0' });
    expect(await service.url()).toMatch(/^http:\/\/localhost:\d+$/);
  });

  it('puts a place for the key into the call where keys are needed', async () => {
    const service = startBuilt({ API_KEYS: 'app:inference:SECRET-VALUE' });
    const line = await service.line(/Try: /);
    expect(line).toContain(`-H 'Authorization: Bearer YOUR-KEY'`);
    expect(service.lines.join('\n')).not.toContain('SECRET-VALUE');
  });

  it('names the engine instead of the stub when there is one', async () => {
    const stub = await startStub();
    const service = startBuilt({ ENGINE: 'sglang', ENGINE_URLS: stub.url });
    await service.line(/Try: /);
    const log = service.lines.join('\n');
    expect(log).toContain(`Engine: sglang at ${stub.url}, model Qwen/Qwen3-32B`);
    expect(log).not.toContain('STUB ANSWERS');
  });

  it('says that a proxy is not used on the way to an engine elsewhere', async () => {
    const proxy = { HTTPS_PROXY: 'http://user:SECRET@proxy:3128', no_proxy: 'localhost' };
    const service = startBuilt({ ENGINE_URLS: 'http://0.0.0.0:9', ...proxy });

    const line = await service.line(/HTTPS_PROXY/);

    expect(line).toContain('HTTPS_PROXY is set and not used: http://0.0.0.0:9 is asked directly.');
    expect(line).not.toContain('SECRET');
  });

  it('says nothing of a proxy where the engine is on this machine', async () => {
    const service = startBuilt({ ENGINE_URLS: 'http://127.0.0.1:9', https_proxy: 'http://proxy:3128' });

    await service.line(/Try: /);

    expect(service.lines.join('\n')).not.toContain('https_proxy');
  });

  it('goes on without an engine, and says so', async () => {
    const service = startBuilt({ ENGINE_URLS: 'http://127.0.0.1:9' });
    await service.line(/WARNING engine takes no calls engine=http:\/\/127\.0\.0\.1:9/);
    expect((await fetch(`${await service.url()}/health/ready`)).status).toBe(503);
  });
});

describe('a start that cannot be', () => {
  async function expectRefusal(service: BuiltService, sentence: RegExp): Promise<void> {
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(await service.errors).toMatch(new RegExp(`^${sentence.source}\n$`));
  }

  it('ends with one sentence when the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;

    await expectRefusal(
      startBuilt({ APP_PORT: String(port) }),
      /Port \d+ of 127\.0\.0\.1 is in use: stop what listens there, or set APP_PORT to another one\./,
    );
    other.close();
  });

  it('leaves no database of its own running behind it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const folder = emptyFolder();
    const service = startBuilt({ APP_PORT: String(port), DATABASE_URL: '', DATA_DIR: folder });

    expect(await service.exit).toEqual({ code: 1, signal: null });

    expect(service.lines.join('\n')).toContain('database is up');
    expect(existsSync(join(folder, 'postgres', 'PG_VERSION'))).toBe(true);
    expect(existsSync(join(folder, 'postgres', 'postmaster.pid'))).toBe(false);
    other.close();
  });

  it('ends with one sentence when the address is not of this machine', async () => {
    await expectRefusal(
      startBuilt({ APP_HOST: '203.0.113.1' }),
      /APP_HOST names no address of this machine \(203\.0\.113\.1\): set it to .*\./,
    );
  });

  it('ends with one sentence when .env is a directory', async () => {
    const cwd = emptyFolder();
    mkdirSync(join(cwd, '.env'));
    await expectRefusal(startBuilt({}, { cwd }), /.*\.env cannot be read \(EISDIR\): .*\./);
  });

  it('ends with one sentence when a line of .env is wrong', async () => {
    const cwd = emptyFolder();
    writeFileSync(join(cwd, '.env'), 'LOG_LEVEL="DEBUG"\n');
    await expectRefusal(
      startBuilt({}, { cwd }),
      /.*\.env, line 1: write the value of LOG_LEVEL without quotes\./,
    );
  });

  it.each([
    ['a wrong value', { LOG_LEVEL: 'LOUD' }, /LOG_LEVEL is "LOUD": it must be one of .*\./],
    ['a typing error in an engine’s address', { ENGINE_URLS: 'localhost:30000' }, /ENGINE_URLS is .*\./],
    ['production without an engine', { NODE_ENV: 'production' }, /NODE_ENV is production and .*\./],
  ])('ends with one sentence for %s', async (_, environment, sentence) => {
    await expectRefusal(startBuilt(environment), sentence);
  });
});

describe('the stop', () => {
  it('waits for a running call, refuses new ones with 503, and ends with 0', async () => {
    const stub = await startStub();
    stub.script({ kind: 'reply', ...REPLY });
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url });
    const call = await beginCall(service);

    service.child.kill('SIGTERM');
    await service.line(/stopping once running calls are done running=1/);
    const refused = await ask(service);
    const answer = await call.finish();

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(answer).toContain('HTTP/1.1 200 OK');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('says in /health that it stops, and is no longer ready, to anybody', async () => {
    const service = startBuilt({ API_KEYS: 'app:inference:SECRET-VALUE' });
    const call = await beginCall(service, 'SECRET-VALUE');
    service.child.kill('SIGTERM');
    await service.line(/stopping once/);

    const url = await service.url();
    const health = (await (await fetch(`${url}/health`)).json()) as HealthDto;
    const ready = await fetch(`${url}/health/ready`);
    await call.finish();

    expect(health.status).toBe('stopping');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: 'not_ready', reason: 'The service was told to stop.' });
  });

  it('lets the engine finish what it was asked', async () => {
    const stub = await startStub();
    stub.script({ kind: 'delay', ms: 500, ...REPLY });
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url });
    const call = ask(service);
    await stub.waitFor(() => stub.running === 1);

    service.child.kill('SIGTERM');

    expect((await call).status).toBe(200);
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  it('cuts a call that outlasts SHUTDOWN_TIMEOUT, frees the engine, and still ends with 0', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'request' });
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url, SHUTDOWN_TIMEOUT: '0.2' });
    const call = ask(service);
    await stub.waitFor(() => stub.running === 1);

    service.child.kill('SIGTERM');

    await expect(call).rejects.toThrow();
    expect(await service.exit).toEqual({ code: 0, signal: null });
    await stub.waitFor(() => stub.running === 0 && stub.openSockets === 0);
    expect(service.lines.join('\n')).toContain('running calls are cut running=1');
  });

  it('has a call that it cut in the log, with its end', async () => {
    const stub = await startStub();
    stub.script({ kind: 'stall', after: 'half' });
    const service = startBuilt({ ENGINE: 'stub', ENGINE_URLS: stub.url, SHUTDOWN_TIMEOUT: '0.2' });
    const response = await fetch(`${await service.url()}/api/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], stream: true }),
    });
    const cut = expect(response.text()).rejects.toThrow();

    service.child.kill('SIGTERM');
    await service.exit;

    await cut;
    const database = new Client({ connectionString: process.env.TEST_DATABASE_URL });
    await database.connect();
    const { rows } = await database.query('select outcome, left_because from calls where id = $1', [
      response.headers.get('x-call-id'),
    ]);
    await database.end();
    expect(rows).toEqual([{ outcome: 'cancelled', left_because: expect.any(String) }]);
  });

  it('is not held up by idle connections', async () => {
    const service = startBuilt();
    const socket = await connectTo(await service.url());
    socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'data');

    const [exit] = await Promise.all([service.stop(), once(socket, 'close')]);

    expect(exit).toEqual({ code: 0, signal: null });
  });

  it('is the same for Ctrl-C, which the built-in stub hears too', async () => {
    const service = startBuilt({}, { detached: true });
    const call = await beginCall(service);
    process.kill(-Number(service.child.pid), 'SIGINT');
    await service.line(/stopping once/);
    expect(await call.finish()).toContain('HTTP/1.1 200 OK');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });
});

describe('the built-in stub', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('ends with the service on %s', async (signal) => {
    const service = startBuilt();
    const stub = await connectToStub(service);
    await Promise.all([service.stop(signal), once(stub, 'close')]);
  });

  it('is started again when it dies, and calls work again', async () => {
    const service = startBuilt();
    await service.url();
    const [stub = 0] = childrenOf(service);
    process.kill(stub, 'SIGKILL');
    await service.line(/the stub engine ended; starting it again/);

    let status: number;
    do ({ status } = await ask(service));
    while (status === 503 || status === 502);

    expect(status).toBe(200);
  });
});

describe('scripts/check-node.js', () => {
  const versionOf = (node: string): string =>
    spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout;
  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((node) => Number.parseInt(versionOf(node)) < 24);
  const whereThereIsOne = old === undefined ? it.skip : it;

  const check = (node: string, cwd: string): { status: number | null; stderr: string } => {
    const { status, stderr } = spawnSync(node, ['scripts/check-node.js'], { cwd, encoding: 'utf8' });
    return { status, stderr };
  };

  /** A checkout into which npm has installed nothing. */
  const bareCheckout = (): string => {
    const folder = emptyFolder();
    cpSync('package.json', join(folder, 'package.json'));
    cpSync('scripts/check-node.js', join(folder, 'scripts/check-node.js'));
    return folder;
  };

  whereThereIsOne('refuses an older Node in one line (skipped on a machine without one)', () => {
    expect(check(old ?? '', '.')).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^This is Node \d+\.\d+\.\d+; the service runs on Node 24 or later\. .* start this through npm .+\n$/,
      ),
    });
  });

  whereThereIsOne(
    'tells where npm has installed none what to do (skipped on a machine without an older one)',
    () => {
      expect(check(old ?? '', bareCheckout())).toEqual({
        status: 1,
        stderr: expect.stringContaining('as on a Mac, install Node 24 or later yourself'),
      });
    },
  );

  it('accepts the Node that runs the tests', () => {
    expect(check(process.execPath, '.')).toEqual({ status: 0, stderr: '' });
  });
});
