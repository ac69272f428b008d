import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestResult } from '../src/client/api/generation.js';
import { runClient } from '../src/client/program.js';
import {
  CLIENT,
  type ClientRun,
  type ClientSurroundings,
  runClientHere,
  startClient,
  startOddServer,
} from './support/client.js';
import { startService, startStub } from './support/service.js';

const run = promisify(execFile);
const root = mkdtempSync(join(tmpdir(), 'client-generate-'));
let folder = root;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
});

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

/** Runs `generate` against a server. */
function generate(
  url: string,
  args: readonly string[],
  surroundings: ClientSurroundings = {},
): Promise<ClientRun> {
  return runClientHere(['generate', '--url', url, ...args], surroundings);
}

function file(name: string, content = ''): string {
  const path = join(folder, name);
  if (content) writeFileSync(path, content);
  return path;
}

const resultsIn = (path: string): RequestResult[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RequestResult);

/** How a process ended that did not end well. */
interface Failure {
  readonly code: number;
  readonly stderr: string;
}

/** An engine that answers each prompt with itself; `answer` is told how many came and may do something else. */
async function echo(
  answer: (count: number, reply: (text: string) => void, prompt: string) => void = (_, reply, prompt) => {
    reply(prompt);
  },
): Promise<string> {
  let count = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      if (request.method === 'GET') {
        response.end(request.url === '/v1/models' ? '{"data":[{"id":"m"}]}' : '{}');
        return;
      }
      const { prompt = '' } = JSON.parse(body) as { prompt?: string };
      const reply = (text: string): void => {
        response.end(JSON.stringify({ model: 'm', choices: [{ text, finish_reason: 'stop' }] }));
      };
      answer(++count, reply, prompt);
    });
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Runs the client with a terminal of 40 columns for its output. @returns what it showed there */
async function onTerminal(args: readonly string[]): Promise<string> {
  let screen = '';
  const write = (text: string): boolean => {
    screen += text;
    return true;
  };
  const output = { isTTY: true, columns: 40, write };
  const stdin = new PassThrough().end() as unknown as NodeJS.ReadStream;
  const host = { stdin, stdout: output, stderr: { write }, env: { NO_COLOR: '1' } };
  await runClient(args, host, new AbortController().signal);
  return screen;
}

const TEN = Array.from({ length: 10 }, (_, at) => `question ${at + 1}\n`).join('');

describe('one prompt', () => {
  it('is answered on standard output, and what else is known goes beside it', async () => {
    const { url } = await startService();
    const { code, stdout, stderr } = await generate(url, ['--prompt', '2+2는?', '--lang', 'ko']);

    expect(code).toBe(0);
    expect(stdout).toMatch(/^“2\+2는\?”이라고 하셨네요.*연결해 주세요\.\n$/);
    expect(stderr).toMatch(/^Qwen\/Qwen3-32B-stub · \d+\.\d\d초 · 토큰 \d+개\n$/);
  });

  it('works without the name of the command', async () => {
    const run = await runClientHere(['--prompt', 'hello', '--url', await echo()]);
    expect(run).toMatchObject({ code: 0, stdout: 'hello\n' });
  });

  it('goes out with its settings, by /v1/completions or as a conversation', async () => {
    const stub = await startStub();
    const settings = '--temperature 0.1 --top-p 0.5 --max-tokens 7 --seed 3 --stop a --stop b'.split(' ');
    await generate(stub.url, ['--prompt', 'hello', ...settings]);
    await generate(stub.url, ['--prompt', 'hello', '--system', 'Be brief.']);

    const [completion, chat] = stub.requests;
    expect(completion).toMatchObject({
      path: '/v1/completions',
      body: { prompt: 'hello', temperature: 0.1, top_p: 0.5, max_tokens: 7, seed: 3, stop: ['a', 'b'] },
    });
    expect(chat).toMatchObject({
      path: '/v1/chat/completions',
      body: {
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'hello' },
        ],
      },
    });
  });

  it('is not cut after the 16 tokens of OpenAI’s default', async () => {
    const stub = await startStub();
    await generate(stub.url, ['--prompt', 'hello']);
    expect(stub.requests[0]?.body).toMatchObject({ max_tokens: 1024 });
  });

  it('that is asked again and again tells how many different answers came', async () => {
    const url = await echo((count, reply) => {
      reply(`answer ${count % 2}`);
    });
    const { stderr } = await generate(url, ['--prompt', 'x', '--repeat', '5']);
    expect(stderr).toContain('Different answers: 2 of 5\n');
  });

  it('that fails is a sentence and exit code 1', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400 });
    const { code, stdout, stderr } = await generate(stub.url, ['--prompt', 'x']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).not.toContain('    at ');
  });

  it.each([
    ['--format none', []],
    ['--format none --quiet', []],
    ['--output', ['--output', 'r.jsonl', '--quiet']],
  ])('that fails says why with %s too', async (flags, output) => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400 }, { kind: 'status', status: 400 });
    const args =
      output.length > 0 ? output.map((arg) => arg.replace('r.jsonl', file('r.jsonl'))) : flags.split(' ');
    const withText = await generate(stub.url, ['--prompt', 'x', '--quiet']);
    expect(withText.stderr).not.toBe('');
    const { code, stdout, stderr } = await generate(stub.url, ['--prompt', 'x', ...args]);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: withText.stderr });
  });

  it('has an answer that breaks between words on a terminal, and stays what it is in a pipe', async () => {
    const answer = `${'interview '.repeat(12)}\n\n  그리고 ${'데이터베이스 '.repeat(12)}`;
    const url = await echo((_, reply) => {
      reply(answer);
    });
    const args = ['generate', '--prompt', 'x', '--quiet', '--url', url];
    const screen = await onTerminal(args);
    const lines = screen.trimEnd().split('\n');
    const words = new Set(['interview', '그리고', '데이터베이스']);
    expect(
      lines.flatMap((line) => line.split(' ').filter(Boolean)).filter((word) => !words.has(word)),
    ).toEqual([]);
    expect(lines.length).toBeGreaterThan(5);
    expect((await runClientHere(args)).stdout).toBe(`${answer}\n`);
  });
});

describe('a file of prompts', () => {
  it('is answered in its order, however the answers come', async () => {
    const held: (() => void)[] = [];
    const url = await echo((count, reply, prompt) => {
      held.push(() => {
        reply(prompt);
      });
      // The last of five comes first.
      if (count % 5 === 0) for (const answer of held.splice(0).toReversed()) answer();
    });
    const prompts = file('a.txt', TEN);
    const printed = await generate(url, ['--prompt-file', prompts, '--concurrent', '5', '--format', 'jsonl']);

    const indexes = printed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as RequestResult).index);
    expect(indexes).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('has each answer on a line of its own for every reader of lines', async () => {
    const url = await echo();
    const prompts = file('a.txt', 'one\u2028two\u0085three\n');
    const { stdout } = await generate(url, ['--prompt-file', prompts, '--format', 'jsonl']);

    const [line = '', ...rest] = stdout.split(/[\n\u0085\u2028\u2029]/);
    expect(rest).toEqual(['']);
    expect(JSON.parse(line)).toMatchObject({ prompt: 'one\u2028two\u0085three' });
  });

  it('makes a block of each answer where no file takes them', async () => {
    const { code, stdout } = await generate(await echo(), ['--prompt-file', file('a.txt', 'one\ntwo\n')]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '[1/2] one\none\n\n[2/2] two\ntwo\n\n',
    });
  });

  it('prints nothing on standard output where a file takes the results', async () => {
    const output = file('r.jsonl');
    const run = await generate(await echo(), ['--prompt-file', file('a.txt', TEN), '--output', output]);

    expect(run).toMatchObject({ code: 0, stdout: '' });
    expect(run.stderr).toContain('Total requests: 10\nSuccessful: 10\nFailed: 0\n');
    expect(resultsIn(output).map(({ prompt, response }) => prompt === response)).toEqual(
      Array(10).fill(true),
    );
  });

  it('comes from standard input too', async () => {
    const { stdout } = await generate(await echo(), ['--prompt-file', '-', '--quiet'], { stdin: 'one\ntwo' });
    expect(stdout).toBe('[1] one\none\n\n[2] two\ntwo\n\n');
  });

  it('from standard input that goes wrong keeps what was answered', async () => {
    const output = file('r.jsonl');
    const stdin = new PassThrough();
    stdin.write('"one"\n');
    const url = await echo((_, reply, prompt) => {
      reply(prompt);
      stdin.end('{broken\n');
    });
    const args = ['--prompt-file', '-', '--prompt-format', 'jsonl', '--output', output];
    const { code, stderr } = await generate(url, args, { stdin });

    expect(code).toBe(2);
    expect(stderr).toContain('Standard input, line 2, column 2: this is not JSON');
    expect(stderr).toContain(`1 were answered and are in ${output}; go on with --resume ${output}.`);
    expect(resultsIn(output)).toHaveLength(1);
  });

  it('that is broken anywhere is refused before anything is asked', async () => {
    const stub = await startStub();
    const prompts = file('a.jsonl', `${'"fine"\n'.repeat(10_000)}{broken\n`);
    const output = file('r.jsonl');
    const { code, stderr } = await generate(stub.url, ['--prompt-file', prompts, '--output', output]);

    expect({ code, asked: stub.requests.length, written: existsSync(output) }).toEqual({
      code: 2,
      asked: 0,
      written: false,
    });
    expect(stderr).toContain('a.jsonl, line 10001, column 2: this is not JSON');
  });
});

describe('prompts that fail where no answers are printed', () => {
  const failing = async (...args: string[]): Promise<ClientRun> => {
    const stub = await startStub();
    const status = { kind: 'status', status: 400 } as const;
    stub.script({ kind: 'reply' }, status, status, { kind: 'reply' });
    return generate(stub.url, ['--prompt-file', file('a.txt', TEN), '--format', 'none', ...args]);
  };

  it('are counted by kind in the summary, with the first of each', async () => {
    const { code, stderr } = await failing();
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nFailed: 2\n {2}2 × .+ \(first: prompt 2\)\n/);
  });

  it('are said with --quiet too, which has nothing else to say', async () => {
    const { code, stdout, stderr } = await failing('--quiet');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Failed: 2\n {2}2 × .+ \(first: prompt 2\)\n$/);
  });
});

describe('a run that does not end well', () => {
  it('is interrupted only where somebody interrupts it', async () => {
    const prompts = file('a.txt', TEN);
    const args = [CLIENT, '--prompt-file', prompts, '--format', 'jsonl', '--url', await echo()];
    const { code, stderr } = await run('sh', [
      '-c',
      '"$@" > /dev/full',
      'sh',
      process.execPath,
      ...args,
    ]).then(
      () => undefined as never,
      (error: unknown) => error as Failure,
    );
    expect(code).toBe(1);
    expect(stderr).not.toContain('Interrupted');
    expect(stderr).toContain('Standard output cannot be written: its disk is full; make room.');
  });

  it('asks nothing and writes nothing where no server is there', async () => {
    const output = file('r.jsonl');
    const args = ['--prompt-file', file('a.txt', TEN), '--output', output];
    const { code, stderr } = await generate('http://127.0.0.1:1', args);

    expect({ code, written: existsSync(output) }).toEqual({ code: 3, written: false });
    expect(stderr).toMatch(/does not answer/);
  });

  it('says that a file for --resume has nothing yet, and what was answered before', async () => {
    const output = file('r.jsonl');
    const args = ['--prompt-file', file('a.txt', TEN), '--resume', output];
    const stub = await startStub();
    stub.script({ kind: 'status', status: 400 });
    const first = await generate(stub.url, args);
    expect(first.stderr).toContain(`${output} has no results yet: all prompts are asked.`);
    const second = await generate(stub.url, args);
    expect(second.stderr).toContain('Answered before: 9\n');
  });

  it('asks the failed ones again with --resume, and no others', async () => {
    const stub = await startStub();
    const output = file('r.jsonl');
    const prompts = file('a.txt', TEN);
    stub.script({ kind: 'reply' }, { kind: 'status', status: 400 }, { kind: 'reply' });
    const first = await generate(stub.url, ['--prompt-file', prompts, '--output', output]);
    expect(first.code).toBe(1);
    expect(first.stderr).toContain(`Those that failed are asked again with --resume ${output}.`);
    expect(stub.requests).toHaveLength(10);

    const second = await generate(stub.url, ['--prompt-file', prompts, '--resume', output]);
    expect(second.code).toBe(0);
    expect(stub.requests).toHaveLength(11);
    expect(resultsIn(output).map(({ index, success }) => `${index} ${success}`)).toEqual(
      Array.from({ length: 10 }, (_, at) => `${at + 1} true`),
    );
  });

  it('keeps what was answered when it is interrupted, in order, and goes on later', async () => {
    const stop = new AbortController();
    const url = await echo((count, reply, prompt) => {
      if (count <= 5) reply(prompt);
      if (count === 7) stop.abort();
      if (count > 7) reply(prompt);
    });
    const [output, prompts] = [file('r.jsonl'), file('a.txt', TEN)];
    const args = ['--prompt-file', prompts, '--concurrent', '2'];
    const first = await generate(url, [...args, '--output', output], { stop: stop.signal });

    expect(first.code).toBe(130);
    expect(first.stderr).toContain(`Interrupted: 5 of 10 answered. Go on with --resume ${output}.`);
    expect(resultsIn(output).map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);

    const second = await generate(url, [...args, '--resume', output]);
    expect(second.code).toBe(0);
    expect(resultsIn(output).map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it.each([1, 600])('ends with 3 where the server is gone before %i calls at once', async (concurrent) => {
    const url = await echo(() => {
      servers[0]?.close();
      servers[0]?.closeAllConnections();
    });
    const prompts = file('a.txt', 'x\n'.repeat(3 * concurrent));
    const args = ['--prompt-file', prompts, '--concurrent', `${concurrent}`, '--retries', '0'];
    expect(await generate(url, args)).toMatchObject({ code: 3, stdout: '' });
  });

  it('prints what waited for a slow answer when the server dies', async () => {
    const url = await echo((count, reply, prompt) => {
      if (count > 1) reply(prompt);
      if (count < 900) return;
      servers[0]?.close();
      servers[0]?.closeAllConnections();
    });
    const prompts = file('a.txt', 'x\n'.repeat(2000));
    const args = '--concurrent 2 --retries 0 --format jsonl --quiet'.split(' ');
    const { code, stdout } = await generate(url, ['--prompt-file', prompts, ...args]);
    expect(code).toBe(3);
    expect(stdout.split('\n').length).toBeGreaterThan(890);
  });

  it('keeps what was answered when the server dies', async () => {
    const prompts = file('a.txt', 'x\n'.repeat(200));
    const output = file('r.jsonl');
    const url = await echo((count, reply, prompt) => {
      reply(prompt);
      if (count !== 20) return;
      servers[0]?.close();
      servers[0]?.closeAllConnections();
    });
    const args = ['--prompt-file', prompts, '--output', output, '--retries', '0'];
    const { code, stderr } = await generate(url, args);

    expect(code).toBe(3);
    expect(stderr).toMatch(/is gone.*of 200 were answered and are in .*; go on with --resume/s);
    expect(resultsIn(output).length).toBeGreaterThanOrEqual(19);
  });

  it('loses nothing that was answered when its process is killed', async () => {
    const output = file('r.json');
    const client: { current?: ReturnType<typeof startClient> } = {};
    const url = await echo((count, reply, prompt) => {
      if (count <= 50) reply(prompt);
      else client.current?.child.kill('SIGKILL');
    });
    const prompts = file('a.txt', 'x\n'.repeat(100));
    client.current = startClient(['--prompt-file', prompts, '--output', output, '--url', url]);

    expect((await client.current.ended).signal).toBe('SIGKILL');
    // The last one may have come in the turn in which the process was killed.
    const results = JSON.parse(readFileSync(output, 'utf8')) as unknown[];
    expect([49, 50]).toContain(results.length);
  });

  it('says why it waits where the server asks for a while', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 429, headers: { 'retry-after': '3' } });
    const { code, stderr } = await generate(stub.url, ['--prompt', 'Hello']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/ answered 429: .*Asking again in 3\.0 s\./);
  });

  it('goes on writing its file when the reader of its output has seen enough', async () => {
    const output = file('r.jsonl');
    const prompts = file('a.txt', 'x\n'.repeat(40));
    const url = await echo();
    const args = [CLIENT, '--prompt-file', prompts, '--format', 'jsonl', '--output', output, '--url', url];

    await run('sh', ['-c', '"$@" | head -n 1', 'sh', process.execPath, ...args]);

    expect(resultsIn(output)).toHaveLength(40);
  });

  it('keeps what was answered when the disk takes no more', async () => {
    const output = file('r.json');
    const prompts = file('a.txt', `${'x'.repeat(300)}\n`.repeat(60));
    const url = await echo();
    const args = [CLIENT, '--prompt-file', prompts, '--concurrent', '16', '--output', output, '--url', url];
    // A limit on the size of files stands for a full disk; 16 blocks are 8 KiB.
    const limited = ['-c', 'ulimit -f 16; exec "$@"', 'sh', process.execPath, ...args];

    const { code, stderr } = await run('sh', limited).then(
      () => undefined as never,
      (error: unknown) => error as Failure,
    );
    const { length } = JSON.parse(readFileSync(output, 'utf8')) as unknown[];
    expect({ code, length }).toEqual({ code: 1, length: 9 });
    expect(stderr).toContain('r.json cannot be written: it has reached the size');
    expect(stderr).toContain(`${length} of 60 were answered and are in ${output}; go on with --resume`);
  });
});

describe('a file that another run writes', () => {
  it('is left to it', async () => {
    const output = file('r.jsonl');
    writeFileSync(`${output}.lock`, String(process.ppid));
    const { code, stderr } = await generate(await echo(), ['--prompt', 'x', '--output', output]);
    expect({ code, written: existsSync(output) }).toEqual({ code: 2, written: false });
    expect(stderr).toContain(`Another run writes to ${output}`);
  });

  it('is left to it by another path too', async () => {
    const output = file('r.jsonl', '{}\n');
    const link = file('link.jsonl');
    symlinkSync(output, link);
    const linkedFolder = join(folder, 'here');
    symlinkSync(folder, linkedFolder);
    writeFileSync(`${output}.lock`, String(process.ppid));
    writeFileSync(`${file('new.jsonl')}.lock`, String(process.ppid));
    const url = await echo();
    const paths = [link, join(linkedFolder, 'r.jsonl'), join(linkedFolder, 'new.jsonl')];
    const runs = await Promise.all(paths.map((path) => generate(url, ['--prompt', 'x', '--resume', path])));
    expect(runs.map(({ stderr }) => stderr)).toEqual(
      paths.map((path) => expect.stringContaining(`Another run writes to ${path}`) as unknown),
    );
  });

  it('is taken over from one that was killed', async () => {
    const output = file('r.jsonl');
    const killed = spawnSync('true');
    writeFileSync(`${output}.lock`, String(killed.pid));
    const { code } = await generate(await echo(), ['--prompt', 'x', '--output', output]);
    expect({ code, isLocked: existsSync(`${output}.lock`) }).toEqual({ code: 0, isLocked: false });
  });
});

describe('a refusal that every call would get', () => {
  it.each(['invalid_api_key', 'model_not_found'])('ends the run with its first call: %s', async (code) => {
    let calls = 0;
    const url = await startOddServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.method === 'GET') {
        response.end('{"data":[{"id":"m"}]}');
        return;
      }
      calls++;
      response.statusCode = code === 'invalid_api_key' ? 401 : 404;
      response.end(JSON.stringify({ error: { message: 'No.', code } }));
    });
    const output = file('r.jsonl');
    const run = await generate(url, ['--prompt-file', file('a.txt', TEN), '--output', output]);
    expect({ code: run.code, calls, written: existsSync(output) }).toEqual({
      code: 1,
      calls: 1,
      written: false,
    });
    expect(run.stderr).not.toContain('Results:');
  });
});

describe('prompts from a pipe', () => {
  it('that nobody writes are given up at Ctrl-C', async () => {
    const pipe = file('pipe');
    spawnSync('mkfifo', [pipe]);
    const client: { current?: ReturnType<typeof startClient> } = {};
    const url = await startOddServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"data":[{"id":"m"}]}');
      if (request.url === '/v1/models') client.current?.child.kill('SIGINT');
    });
    client.current = startClient(['--prompt-file', pipe, '--url', url]);
    expect((await client.current.ended).code).toBe(130);
  });
});

describe('wrong use of generate', () => {
  it.each([
    [[], 'There is nothing to ask: say --prompt'],
    [['--prompt', ' '], '--prompt is empty'],
    [['--prompt', 'x', '--prompt', 'y'], 'It is given twice'],
    [['--prompt', 'x', '--prompt-file', 'y'], 'cannot be used with'],
    [['--prompt', 'x', '--output', 'a.json', '--resume', 'b.json'], '--resume b.json goes on in that file'],
    [['--prompt', 'x', '--output', 'r.xml'], 'does not say how results are to be written'],
    [['--prompt', 'x', '--concurrent', 'many'], 'whole number'],
    [['--promt', 'x'], 'Did you mean --prompt'],
  ])('%j is refused in a sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await generate('http://127.0.0.1:1', args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  });
});
