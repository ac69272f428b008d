import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../src/client/commands/index.js';
import { tooOld } from '../src/client/node-version.js';
import { VERSION } from '../src/common/version.js';
import { CLIENT, runClientHere, startClient, startOddServer } from './support/client.js';
import { startStub } from './support/service.js';

/** A character of Korean. */
const KOREAN = /[가-힣]/;

/** How each command is called: its own name, or that of its group and its own. */
const names = COMMANDS.flatMap((command) =>
  'commands' in command ? command.commands.map(({ name }) => [command.name, name]) : [[command.name]],
);

describe('help', () => {
  it('names every command, in both languages', async () => {
    for (const lang of ['en', 'ko']) {
      const { code, stdout, stderr } = await runClientHere(['--help', '--lang', lang]);
      for (const { name } of COMMANDS) expect(stdout).toContain(`\n  ${name} `);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });

  it.each(names)('of %s %s ends with examples', async (...path) => {
    const { code, stdout } = await runClientHere([...path.filter(Boolean), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('npm run client -- ');
  });

  it.each(names)('of %s %s is Korean with --lang ko', async (...path) => {
    const { stdout } = await runClientHere([...path.filter(Boolean), '--help', '--lang', 'ko']);
    const [usage = '', , summary = ''] = stdout.split('\n');
    expect(usage).toContain('사용법:');
    expect(summary).toMatch(KOREAN);
  });

  it('comes where nothing was typed but the name, as wrong use', async () => {
    const { code, stdout, stderr } = await runClientHere([]);
    expect(stdout + stderr).toContain('Usage: client');
    expect(code).toBe(2);
  });

  it('tells the version', async () => {
    expect(await runClientHere(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });
});

describe('a wrong command line', () => {
  it.each([
    [['health', '--jso'], "Unknown option '--jso'. Did you mean --json?\n"],
    [['helth'], "Unknown command 'helth'. Did you mean health?\n"],
    [['health', '--retries', 'two'], 'It must be a whole number from 0 to 100.'],
    [['health', '--retries', '-1'], 'from 0 to 100'],
    [['health', '--timeout', 'soon'], 'It must be a number from 0.001 to 86400.'],
    [['health', '--timeout', ''], 'It must be a number'],
    [['health', '--url'], "Option '--url <url>' argument missing: write it behind the flag.\n"],
    [['health', '--lang', 'fr'], 'Allowed choices are en, ko.'],
    [['health', '--url', 'ftp://host'], 'is no address of HTTP'],
    [['health', 'now'], 'put quotes around a text with blanks.\n'],
    [
      ['안녕하세요'],
      'Unknown command \'안녕하세요\': --help lists what there is. To ask a model: --prompt "안녕하세요".\n',
    ],
    [['--lang', 'ko', 'How are you?'], 'To ask a model: --prompt "How are you?".\n'],
    [['Please', 'explain', 'RAG.', '--quiet'], 'To ask a model: --prompt "Please explain RAG.".\n'],
    [['What is $HOME?'], 'To ask a model: --prompt "…".\n'],
    [['logs', 'hello'], "Unknown command 'hello': --help lists what there is.\n"],
  ])('%j ends with 2 and says what is wrong', async (args, sentence) => {
    const { code, stdout, stderr } = await runClientHere(args);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('a command line that leaves its command to be understood', () => {
  const ask = async (...args: string[]) => {
    const stub = await startStub();
    return runClientHere(args.map((arg) => (arg === 'URL' ? stub.url : arg)));
  };

  it.each([
    [['--lang', 'ko', '--url', 'URL', 'models']],
    [['--url', 'URL', '--quiet', 'models']],
    [['models', '--url', 'URL']],
  ])('takes %j for models', async (args) => {
    expect(await ask(...args)).toEqual({ code: 0, stdout: 'Qwen/Qwen3-32B-stub\n', stderr: '' });
  });

  it('takes what stands behind a flag for its value', async () => {
    expect(await ask('--url', 'URL', '--prompt', '-h')).toMatchObject({ code: 0 });
  });

  it.each([['help'], ['-v']])('knows %s', async (arg) => {
    expect(await runClientHere([arg])).toMatchObject({ code: 0, stderr: '' });
  });

  it('refuses a prompt beside --interactive', async () => {
    const { code, stderr } = await runClientHere(['--interactive', '--prompt', 'hi']);
    expect(stderr).toContain('leave one of the two out');
    expect(code).toBe(2);
  });
});

describe('a Node that is too old', () => {
  it.each(['20.18.1', '22.18.0'])('is told so: %s', (version) => {
    expect(tooOld(version)).toContain(`this is Node ${version}`);
  });

  it.each(['22.19.0', '24.1.0'])('is none: %s', (version) => {
    expect(tooOld(version)).toBeUndefined();
  });
});

describe('the environment', () => {
  it('names the server and its key', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    const env = { LLM_SERVICE_URL: stub.url, LLM_SERVICE_API_KEY: 'secret' };
    expect(await runClientHere(['models'], { env })).toMatchObject({
      code: 0,
      stdout: 'Qwen/Qwen3-32B-stub\n',
    });
  });

  it('is beaten by flags', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    const env = { LLM_SERVICE_URL: 'http://127.0.0.1:1', LLM_SERVICE_API_KEY: 'wrong' };
    const args = ['models', '--url', stub.url, '--api-key', 'secret'];
    expect(await runClientHere(args, { env })).toMatchObject({ code: 0 });
  });

  it('is not asked for the keys of the server', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    const env = { LLM_SERVICE_URL: stub.url, OPENAI_API_KEY: 'secret', ENGINE_API_KEY: 'secret' };
    expect(await runClientHere(['models'], { env })).toMatchObject({ code: 1 });
  });
});

describe('names of files', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'client-program-'));
    writeFileSync(join(folder, 'prompts.txt'), '안녕\n');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const ask = async (env: Readonly<Record<string, string>>) => {
    const { url } = await startStub();
    return startClient(['--prompt-file', 'prompts.txt', '--url', url], { env }).ended;
  };
  const ofOwnScript = { npm_package_name: 'llm-service', npm_lifecycle_event: 'client' };

  it('are those of where the user is, though npm goes to the package', async () => {
    expect(await ask({ ...ofOwnScript, INIT_CWD: folder })).toMatchObject({ code: 0 });
  });

  it.each([
    ['a script of another package', { npm_package_name: 'other' }],
    ['another script', { npm_lifecycle_event: 'test' }],
    ['a folder that is gone', { INIT_CWD: '/nowhere/at/all' }],
  ])('are those of the process in %s', async (_, other) => {
    const { code, stderr } = await ask({ ...ofOwnScript, INIT_CWD: folder, ...other });
    expect(stderr).toContain('There is no file prompts.txt');
    expect(code).toBe(2);
  });
});

describe('a server that is away', () => {
  const env = { all_proxy: 'http://user:SECRET@proxy:3128' };
  const ask = (url: string) => startClient(['--prompt', 'x', '--url', url, '--retries', '0'], { env }).ended;

  it('is said to be asked directly where a proxy is named', async () => {
    const { code, stderr } = await ask('http://0.0.0.0:1');

    expect(stderr).toContain('all_proxy is set and not used: the client asks http://0.0.0.0:1 directly.\n');
    expect(stderr).not.toContain('SECRET');
    expect(code).toBe(3);
  });

  it('is not where it is on this machine, to which no proxy leads', async () => {
    expect((await ask('http://localhost:1')).stderr).not.toContain('all_proxy');
  });
});

describe('an error', () => {
  it('comes with its stack where --verbose asks for it', async () => {
    const { stderr } = await runClientHere(['health', '--url', 'http://127.0.0.1:1', '--verbose']);
    expect(stderr).toMatch(/\n\s+at /);
  });

  it('is said even where --quiet asks for silence', async () => {
    const { stderr } = await runClientHere(['health', '--url', 'http://127.0.0.1:1', '--quiet']);
    expect(stderr).toContain('does not answer');
  });
});

describe('the process', () => {
  it('ends with 130 at the first Ctrl-C', async () => {
    const asked = Promise.withResolvers<undefined>();
    const url = await startOddServer(() => {
      asked.resolve(undefined);
    });
    const { child, ended } = startClient(['health', '--url', url]);
    await asked.promise;
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '', stderr: '' });
  });

  it.each([
    ['step', '-'],
    ['logs', 'analyze', '-'],
  ])('ends with 130 while %s %s reads', async (...args) => {
    const { child, ended } = startClient([...args, '--verbose']);
    child.stdin.write('x');
    // It has started when it reads: only then the write is taken for good.
    await new Promise((resolve) => child.stdin.write('y'.repeat(1_000_000), resolve));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130 });
  });

  it('says that its output cannot be written', async () => {
    const stub = await startStub();
    const command = '"$0" "$1" models --url "$2" > /dev/full';
    const child = spawn('bash', ['-c', command, process.execPath, CLIENT, stub.url]);
    const [stderr, [code]] = await Promise.all([
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'Standard output cannot be written: its disk is full; make room.\n',
    });
  });

  it('ends in peace where its reader has seen enough', async () => {
    const url = await startOddServer((_, response) => {
      const data = Array.from({ length: 100_000 }, (__, index) => ({ id: `model-${index}` }));
      response.end(JSON.stringify({ data }));
    });
    const command = '"$0" "$1" models --url "$2" | head -1';
    const child = spawn('bash', ['-o', 'pipefail', '-c', command, process.execPath, CLIENT, url]);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'model-0\n', stderr: '' });
  });
});
