import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import stringWidth from 'string-width';
import { loadSettings } from '../src/config/load-settings.js';
import { runClient } from '../src/client/program.js';
import { type ClientRun, runClientHere } from './support/client.js';
import { MODEL_REPLIES, QUESTION, startService, startStub } from './support/service.js';

const FEEDBACK = '/api/feedback';
const FEEDBACK_REPLY = MODEL_REPLIES[FEEDBACK];

const folder = mkdtempSync(join(tmpdir(), 'structured-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Writes a file that is gone after the tests. */
function fileOf(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server that gives the same answer to everything. */
async function startOdd(status: number, type: string, body: string): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close().closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Screen {
  readonly columns?: number;
  readonly env?: Record<string, string>;
  readonly stop?: AbortSignal;
  readonly onOutput?: (text: string) => void;
}

/** Runs the client with a terminal for its output. */
async function onTerminal(
  args: readonly string[],
  { columns = 80, env = { NO_COLOR: '1' }, stop, onOutput }: Screen = {},
): Promise<ClientRun> {
  const written = { stdout: '', stderr: '' };
  const output = (stream: 'stdout' | 'stderr') => ({
    isTTY: true,
    columns,
    write(text: string) {
      written[stream] += text;
      onOutput?.(text);
      return true;
    },
  });
  const host = {
    stdin: new PassThrough().end() as unknown as NodeJS.ReadStream,
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
  };
  const code = await runClient(args, host, stop ?? new AbortController().signal);
  return { code, ...written };
}

const PROMPTS = ['--system', QUESTION.system_prompt, '--prompt', QUESTION.user_prompt];

describe('a structured command in a pipe', () => {
  it.each([
    ['step', '/api/interview/step'],
    ['feedback', FEEDBACK],
    ['report', '/api/report'],
  ] as const)('%s prints the reply as an object of JSON and nothing else', async (command, path) => {
    const { url, stub } = await startService();
    stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[path]) });

    const { code, stdout, stderr } = await runClientHere([command, '--url', url, ...PROMPTS]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.endsWith('}\n')).toBe(true);
    expect(JSON.parse(stdout)).toEqual(MODEL_REPLIES[path]);
  });

  it('takes the material from a file, without the blanks at its end', async () => {
    const { url, stub } = await startService();
    const file = fileOf('turn.txt', '\ufeffCandidate: 한국어 답변\n\n');

    await runClientHere(['feedback', '--url', url, '--system', 'Grade.', file]);

    expect(JSON.stringify(stub.requests[0]?.body)).toContain('Candidate: 한국어 답변"');
  });

  it('takes the material from standard input for -', async () => {
    const { url, stub } = await startService();

    await runClientHere(['feedback', '--url', url, '--system', 'Grade.', '-'], { stdin: 'Candidate: piped' });

    expect(JSON.stringify(stub.requests[0]?.body)).toContain('Candidate: piped');
  });

  it('reads a file in EUC-KR when it is told so', async () => {
    const { url, stub } = await startService();
    const file = fileOf('euc-kr.txt', Buffer.from([0xc7, 0xd1, 0xb1, 0xdb]));

    await runClientHere([
      'feedback',
      '--url',
      url,
      '--encoding',
      'euc-kr',
      '--system',
      `@${file}`,
      '--prompt',
      'x',
    ]);

    expect(JSON.stringify(stub.requests[0]?.body)).toContain('한글');
  });

  it('takes a text for itself that begins with two @', async () => {
    const { url, stub } = await startService();

    await runClientHere(['feedback', '--url', url, '--system', 'Grade.', '--prompt', '@@everyone']);

    expect(JSON.stringify(stub.requests[0]?.body)).toContain('@everyone');
    expect(JSON.stringify(stub.requests[0]?.body)).not.toContain('@@everyone');
  });

  it('takes a whole request from a file, and flags win over it', async () => {
    const { url, stub } = await startService();
    const body = fileOf('request.json', JSON.stringify({ ...QUESTION, temperature: 0.9, max_tokens: 777 }));

    const { code } = await runClientHere(['feedback', '--url', url, '--body', body, '--temperature', '0.2']);

    expect(code).toBe(0);
    expect(stub.requests[0]?.body).toMatchObject({ temperature: 0.2, max_tokens: 777 });
  });

  it('sends what labels the call in the log', async () => {
    const service = await startService();
    const labels = ['--interview', 'iv-7', '--turn', '3', '--user', 'u-7', '--tag', 'a', '--tag', 'b'];

    const { stderr } = await onTerminal(['feedback', '--url', service.url, ...PROMPTS, ...labels]);
    const id = /logs show (\S+)/.exec(stderr)?.[1] ?? '';

    expect((await service.get(`/api/calls/${id}`)).body).toMatchObject({
      interview_id: 'iv-7',
      turn: 3,
      user_id: 'u-7',
      tags: ['a', 'b'],
    });
  });

  it('prints the fields alone that are asked for', async () => {
    const { url } = await startService();

    const { stdout } = await runClientHere(['step', '--url', url, ...PROMPTS, '--fields', 'message,action']);

    expect(Object.keys(JSON.parse(stdout) as object).sort()).toEqual(['action', 'message']);
  });

  it('escapes what would steer a terminal, and the JSON stays the same', async () => {
    const { url, stub } = await startService();
    const reply = { ...FEEDBACK_REPLY, feedback: 'a\u009b2Jb\u202ec' };
    stub.script({ kind: 'reply', content: JSON.stringify(reply) });

    const { stdout } = await runClientHere(['feedback', '--url', url, ...PROMPTS]);

    expect(stdout).toContain('a\\u009b2Jb\\u202ec');
    expect(JSON.parse(stdout)).toEqual(reply);
  });
});

describe('a structured command on a terminal', () => {
  it('shows each field under its name, lists with bullets and objects with numbers', async () => {
    const { url, stub } = await startService();
    stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES['/api/report']) });

    const { code, stdout } = await onTerminal(['report', '--url', url, ...PROMPTS]);

    expect({ code, screen: stdout.split('\n') }).toEqual({
      code: 0,
      screen: [
        'question_feedbacks',
        '  1. question: How do you find a slow query?',
        '     answer_summary: EXPLAIN ANALYZE.',
        '     feedback: Right, short.',
        '     score: 7',
        'strengths',
        '  • Knows the tool.',
        'improvements',
        '  • Few details.',
        'recommendations',
        '  • Read three plans.',
        'summary',
        '  A short, right answer.',
        'overall_score',
        '  70',
        '',
      ],
    });
  });

  it('says at the end what the call was', async () => {
    const { url, stub } = await startService();
    stub.script({ kind: 'reply', content: JSON.stringify(FEEDBACK_REPLY) });

    const { stderr } = await onTerminal(['feedback', '--url', url, ...PROMPTS]);

    expect(stderr).toMatch(
      /\n\S+-stub · 1 attempt · \d\.\d\d s · \d+ \+ \d+ tokens\nCall: npm run client -- logs show [\da-f-]{36}\n$/,
    );
  });

  it('says it in Korean', async () => {
    const { url } = await startService();

    const { stderr } = await onTerminal(['feedback', '--url', url, '--lang', 'ko', ...PROMPTS]);

    expect(stderr).toMatch(/ · 시도 1회 · \d\.\d\d초 · 토큰 \d+ \+ \d+개\n호출: /);
  });

  it('wraps Korean so that no row is wider than the terminal', async () => {
    const { url, stub } = await startService();
    const feedback = '느린 쿼리를 로그에서 찾고 실행 계획을 읽는다고 답했습니다. '.repeat(6).trim();
    stub.script({ kind: 'reply', content: JSON.stringify({ ...FEEDBACK_REPLY, feedback }) });

    const { stdout } = await onTerminal(['feedback', '--url', url, ...PROMPTS], { columns: 40 });

    const rows = stdout.split('\n');
    const texts = rows.slice(1, rows.indexOf('score'));
    expect(Math.max(...texts.map((row) => stringWidth(row)))).toBeLessThanOrEqual(40);
    expect(texts.map((row) => row.slice(2)).join(' ')).toBe(feedback);
    expect(texts.every((row) => row.startsWith('  '))).toBe(true);
  });

  it('shows a field before the reply is whole', async () => {
    const service = await startService();
    service.stub.script({
      kind: 'stall',
      after: 'half',
      content: JSON.stringify({ ...MODEL_REPLIES['/api/interview/step'], thought: 'why '.repeat(100) }),
    });
    const stop = new AbortController();
    let shown = '';
    const onOutput = (text: string): void => {
      shown += text;
      if (shown.includes('What do you look for in the plan?')) stop.abort();
    };

    const { code } = await onTerminal(['step', '--url', service.url, ...PROMPTS], {
      stop: stop.signal,
      onOutput,
    });

    expect(code).toBe(130);
    expect(shown).toContain('action\n  FOLLOW_UP\nmessage\n');
  });

  it('says that what stands above is void, and shows the next attempt whole', async () => {
    const { url, stub } = await startService();
    stub.script(
      { kind: 'reply', content: JSON.stringify({ ...FEEDBACK_REPLY, feedback: 'First.', score: 99 }) },
      { kind: 'reply', content: JSON.stringify({ ...FEEDBACK_REPLY, feedback: 'Second.' }) },
    );

    const { stdout } = await onTerminal(['feedback', '--url', url, ...PROMPTS]);

    expect(stdout).toMatch(
      /^feedback\n {2}First\.\n[^↺]*↺ The reply does not match its schema\. What stands above is void; attempt 2\nfollows\.\nfeedback\n {2}Second\.\nscore\n {2}7\n/,
    );
  });

  it('begins a field anew that was cut in the middle', async () => {
    const { url, stub } = await startService();
    const cut = JSON.stringify({ ...FEEDBACK_REPLY, feedback: 'word '.repeat(200) });
    stub.script(
      { kind: 'hang-up', after: 'half', content: cut },
      { kind: 'reply', content: JSON.stringify(FEEDBACK_REPLY) },
    );

    const { stdout } = await onTerminal(['feedback', '--url', url, ...PROMPTS]);

    expect(stdout).toMatch(
      /^feedback\n( {2}word[ word]*\n)+↺ The engine closed [^↺]*follows\.\nfeedback\n {2}Names the right tool\.\nscore\n/,
    );
  });

  it('shows control characters of a reply instead of sending them to the terminal', async () => {
    const { url, stub } = await startService();
    const feedback = 'red \u001b[31m and \u009b2J\r\nnext\tline';
    stub.script({ kind: 'reply', content: JSON.stringify({ ...FEEDBACK_REPLY, feedback }) });

    const { stdout } = await onTerminal(['feedback', '--url', url, ...PROMPTS]);

    // eslint-disable-next-line no-control-regex -- these are what must not be there
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    expect(stdout).toContain('  next  line\n');
  });

  it('prints JSON where that is wanted', async () => {
    const { url, stub } = await startService();
    stub.script({ kind: 'reply', content: JSON.stringify(FEEDBACK_REPLY) });

    const { stdout, stderr } = await onTerminal(['feedback', '--json', '--url', url, ...PROMPTS]);

    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual(FEEDBACK_REPLY);
  });

  it('has colours, and none with NO_COLOR', async () => {
    const { url } = await startService();
    const args = ['feedback', '--url', url, ...PROMPTS];

    expect((await onTerminal(args, { env: {} })).stdout).toContain('\u001b[1mfeedback\u001b[22m\n');
    expect((await onTerminal(args)).stdout).not.toContain('\u001b');
  });
});

describe('a structured command that fails', () => {
  it('names a wrong field of a file by its flag', async () => {
    const { url } = await startService();
    const body = fileOf('wrong.json', JSON.stringify({ ...QUESTION, pass_mark: 11 }));

    const { code, stdout, stderr } = await runClientHere(['feedback', '--url', url, '--body', body]);

    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: '--pass-mark must not be greater than 10.\n',
    });
  });

  it.each([
    [['--tag', 'x'.repeat(500)], '--tag must be text of 1 to 200 characters without control characters.'],
    [['--fields', 'message,foo'], '--fields must be one of action, message, thought, evaluation.'],
    [
      ['--stop', 'x'.repeat(101), '--user', 'y'.repeat(201)],
      '--stop must be a text of 1 to 100 characters, or an array of 1 to 4 such texts. --user must be text of 1 to 200 characters without control characters.',
    ],
  ])('is told of every wrong field by its flag: %j', async (flags, sentences) => {
    const { url } = await startService();

    const { code, stderr } = await runClientHere(['step', '--url', url, ...PROMPTS, ...flags]);

    expect({ code, stderr }).toEqual({ code: 2, stderr: `${sentences}\n` });
  });

  it('is told what else is in the file of a request, and how much is not told', async () => {
    const { url } = await startService();
    const unknown = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`k${index}`, 1]));
    const body = fileOf('more.json', JSON.stringify({ ...QUESTION, ...unknown }));

    const { stderr } = await runClientHere(['step', '--url', url, '--body', body]);

    const told = ['k0', 'k1', 'k2', 'k3', 'k4'].map((name) => `${name} is not a field of this request.`);
    expect(stderr).toBe(`${told.join(' ')} 2 more fields are wrong.\n`);
  });

  it('says that it needs LLM Service where an engine answers', async () => {
    const engine = await startStub();

    expect(await runClientHere(['step', '--url', engine.url, ...PROMPTS])).toEqual({
      code: 1,
      stdout: '',
      stderr: `${engine.url} answers, but has no such route: this command needs LLM Service. Name one with --url or LLM_SERVICE_URL.\n`,
    });
  });

  it('asks whether the address is right where a web page answers', async () => {
    const url = await startOdd(200, 'text/html', '<!doctype html><h1>Welcome</h1>');

    const { code, stdout, stderr } = await runClientHere(['step', '--url', url, ...PROMPTS]);

    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(url);
    expect(stderr).toMatch(/web page|HTML/);
  });

  it('says that no server is there', async () => {
    const { code, stderr } = await runClientHere([
      'step',
      '--url',
      'http://127.0.0.1:1',
      '--retries',
      '0',
      ...PROMPTS,
    ]);

    expect(code).toBe(3);
    expect(stderr).toMatch(/^http:\/\/127\.0\.0\.1:1 .*\n$/);
  });

  it('says why a key is refused', async () => {
    const { apiKeys } = loadSettings({ API_KEYS: 'ops:read:secret-read' }, undefined).settings;
    const { url } = await startService({ apiKeys });

    const { code, stderr } = await runClientHere(['step', '--url', url, '--api-key', 'other', ...PROMPTS]);

    expect(code).toBe(1);
    expect(stderr).toContain('--api-key');
  });

  it('says that the model gave no valid reply, below what it showed', async () => {
    const { url, stub } = await startService();
    const wrong = { kind: 'reply', content: JSON.stringify({ ...FEEDBACK_REPLY, score: 11 }) } as const;
    stub.script(wrong, wrong, wrong);

    const { code, stdout, stderr } = await onTerminal([
      'feedback',
      '--url',
      url,
      '--retries',
      '0',
      ...PROMPTS,
    ]);

    expect(code).toBe(1);
    expect(stdout).toMatch(/^feedback\n {2}Names the right tool\.\n(.*\n)*$/);
    expect(stderr).toMatch(
      /http:\/\/\S+ answered 502: .* make the prompt clearer or raise --max-tokens\.\n$/,
    );
  });

  it.each([
    [['--prompt', 'x'], 'Say what the model is to do: --system "…" or --system @FILE.'],
    [['--system', 'x'], 'Give the material: a file, - for standard input, or --prompt "…".'],
    [['--system', 'x', '--prompt', 'y', 'z.txt'], 'Name the material once: as a file, or with --prompt.'],
    [['--system', '@-', '-'], 'Only one text can come from standard input: name a file for the other.'],
    [['--system', '@/none.txt', '--prompt', 'x'], '/none.txt: there is no such file.'],
    [['--system', `@${tmpdir()}`, '--prompt', 'x'], `${tmpdir()}: this is a folder; name a file in it.`],
    [['--system', 'x', '-'], 'Standard input is empty: put the text into it.'],
  ])('is told by a sentence before anything is sent: %j', async (args, sentence) => {
    expect(await runClientHere(['step', '--url', 'http://127.0.0.1:1', ...args])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${sentence}\n`,
    });
  });

  it.each([
    ['{\n "a": 1,\n}', ', line 3, column 1: this is not JSON: '],
    ['["x"]', ': this is JSON but no object; '],
    [
      Buffer.from([0x7b, 0xc7, 0xd1]),
      ', line 1: this is not UTF-8. If it is an old Korean file, say --encoding euc-kr.',
    ],
  ])('names what is wrong with the file of a request: %#', async (content, words) => {
    const file = fileOf('bad.json', content);

    const { code, stderr } = await runClientHere(['step', '--url', 'http://127.0.0.1:1', '--body', file]);

    expect(code).toBe(2);
    expect(stderr.startsWith(file + words)).toBe(true);
  });

  it('does not take a number that the service would refuse', async () => {
    const { code, stderr } = await runClientHere(['feedback', ...PROMPTS, '--pass-mark', '11']);

    expect(code).toBe(2);
    expect(stderr).toContain('It must be a whole number from 0 to 10.');
  });
});
