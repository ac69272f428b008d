import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { chatAddress } from '../src/client/requests/chat-address.js';
import { runClientHere, startOddServer } from './support/client.js';
import { startService } from './support/service.js';

const folder = mkdtempSync(join(tmpdir(), 'client-requests-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Call {
  readonly message: string;
  readonly prompt_version: string;
  readonly success: boolean;
  readonly reply: string | null;
  readonly total_tokens: number | null;
}

const callsIn = (stdout: string): Call[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Call);

describe('requests', () => {
  it('sends every message with each version in turn, at least six', async () => {
    const { url } = await startService();
    const { code, stdout } = await runClientHere(['requests', '--url', url, '--json']);

    const calls = callsIn(stdout);
    expect(code).toBe(0);
    expect(calls.map((call) => call.prompt_version)).toEqual(Array(6).fill(['v1', 'v2']).flat());
    expect(new Set(calls.map((call) => call.message)).size).toBe(6);
    expect(calls.every((call) => call.reply !== null && (call.total_tokens ?? 0) > 0)).toBe(true);
  });

  it.each(['/chat', '/api/chat', ''])('takes an address that ends with %j', async (path) => {
    const { url } = await startService();
    const run = await runClientHere([
      '--prompt-versions',
      'v2',
      '--count',
      '1',
      '--url',
      url + path,
      '--json',
    ]);
    expect(callsIn(run.stdout)).toMatchObject([{ prompt_version: 'v2', success: true }]);
  });

  it('prints a row a call within the terminal, and averages of each version', async () => {
    const { url } = await startService();
    const { stdout } = await runClientHere(['requests', '--url', url, '--lang', 'ko', '--count', '3']);

    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 3 + 1 + 3);
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(80);
    expect(lines.slice(-2)).toEqual([
      expect.stringMatching(/^v1 +2 +0 +[\d.]+ ms +[\d.]+$/),
      expect.stringMatching(/^v2 +1 +0 +[\d.]+ ms +[\d.]+$/),
    ]);
  });

  it('sends the messages of a file', async () => {
    const { url } = await startService();
    const messages = join(folder, 'messages.txt');
    writeFileSync(messages, '# ours\n질문 하나\n질문 둘\n');
    const { stdout } = await runClientHere(['requests', '--url', url, '--messages', messages, '--json']);
    expect(callsIn(stdout).map(({ message }) => message)).toEqual(
      ['하나', '하나', '둘', '둘', '하나', '하나'].map((word) => `질문 ${word}`),
    );
  });

  it('ends with the first call whose version there is not', async () => {
    const { url } = await startService();
    const run = await runClientHere(['requests', '--url', url, '--count', '300', '--prompt-versions', 'v9']);
    expect(run).toEqual({
      code: 1,
      stdout: '',
      stderr: `${url} answered 404: There is no such version of the prompt; there are v1, v2. Ask for one of these.\n`,
    });
  });

  it('keeps what came before a version that there is not', async () => {
    const { url } = await startService();
    const run = await runClientHere(['--prompt-versions', 'v1', 'v9', '--url', url]);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/ 1 {2}v1 .*\n\nversion .*\nv1 +1 +0 [^\n]*\n$/s);
    expect(run.stderr).toMatch(/no such version .* 1 call was made before\.\n$/);
  });

  it.each([['--count', '1'], ['--json']])('refuses to take the flag %s for a version', async (...flag) => {
    expect(await runClientHere(['requests', '--prompt-versions', ...flag])).toEqual({
      code: 2,
      stdout: '',
      stderr: "Option '--prompt-versions <version...>' argument missing: write it behind the flag.\n",
    });
  });

  it.each(['health', 'v0', 'V1', '1', ''])('does not take %j for a version', async (word) => {
    const run = await runClientHere(['--prompt-versions', 'v1', '--lang', 'ko', '--prompt-versions', word]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(`argument '${word}' is invalid. It must be a version like v1.`);
  });

  it('goes on after a call that failed, and ends with 1', async () => {
    let calls = 0;
    const url = await startOddServer((_, response) => {
      response.writeHead(calls++ === 0 ? 400 : 200, { 'content-type': 'application/json' });
      response.end('{"error": "No.", "reply": "Yes."}');
    });
    const run = await runClientHere(['requests', '--url', url, '--count', '2']);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/1 {2}v1 .*failed\n +2 {2}v2 .*ms/);
    expect(run.stderr).toContain('answered 400: No.');
  });

  it('ends with the first call where its key is refused', async () => {
    let calls = 0;
    const url = await startOddServer((_, response) => {
      calls++;
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error": "No."}');
    });
    const { code, stdout } = await runClientHere(['requests', '--url', url]);
    expect({ code, stdout, calls }).toEqual({ code: 1, stdout: '', calls: 1 });
  });

  it('ends with 3 where no server is there', async () => {
    const run = await runClientHere(['requests', '--url', 'http://127.0.0.1:1/chat', '--retries', '0']);
    expect(run).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('an address', () => {
  it.each([
    ['http://h:1', 'http://h:1', '/chat'],
    ['http://h:1/chat', 'http://h:1', '/chat'],
    ['http://h:1/api/chat/', 'http://h:1', '/api/chat/'],
    ['h/llm/chat', 'h/llm', '/chat'],
  ])('%s is %s and %s', (url, base, path) => {
    expect(chatAddress(url)).toEqual({ base, path });
  });
});
