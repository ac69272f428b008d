import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadInterview } from '../examples/interview.js';
import { startService as startDemoService } from '../scripts/demo/service.js';
import { displayWidth, wrap } from '../scripts/demo/terminal.js';
import { startService } from './support/service.js';

describe.each(['ko', 'en'] as const)('the demo in %s', (language) => {
  const interview = loadInterview(language);
  let output: Output;

  beforeAll(async () => {
    const { url } = await startService();
    output = await demo(['--lang', language, '--url', url]);
  });

  it('succeeds', () => {
    expect(output).toMatchObject({ code: 0, stderr: '' });
  });

  it('plays six turns', () => {
    expect(output.stdout.match(/^ {2}[1-6] {2}\S/gm)).toHaveLength(6);
    expect(output.stdout).toContain(interview.questions[3]?.topic);
  });

  it('shows a score, a decision and the time of its call for each turn', () => {
    expect(output.stdout.match(/[━┄]{20} +\d+ \/ 10 .* \d+ ms$/gm)).toHaveLength(6);
    expect(output.stdout.match(/(FOLLOW_UP|NEW_TOPIC|NEXT_PHASE) · .* \d+ ms$/gm)).toHaveLength(6);
  });

  it('ends with the report', () => {
    expect(output.stdout.match(/[━┄]{20} +\d+ \/ 100/g)).toHaveLength(1);
    expect(output.stdout.match(/^ {2}\d+ \/ 10 /gm)).toHaveLength(6);
  });

  it('says loudly that the stub answers', () => {
    expect(output.stdout).toMatch(language === 'ko' ? /스텁이 답합니다/ : /THE STUB ANSWERS/);
  });

  it('fits into 80 columns and has no colours outside a terminal', () => {
    const widths = output.stdout.split('\n').map(displayWidth);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
    expect(output.stdout).not.toContain('\u001b');
  });
});

describe('the demo, called otherwise', () => {
  it('shows the problem of a failing call and exits with 1', async () => {
    const problem = {
      title: 'The engine is busy',
      detail: 'Try later.',
      code: 'engine_busy',
      request_id: 'r-1',
    };
    const refuse: RequestListener = (_request, response) => {
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
    };
    const { code, stderr } = await withServer(refuse, (url) => demo(['--url', url]));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'The engine is busy\nTry later.\ncode engine_busy, request r-1\n',
    });
  });

  it('says when nobody answers at the URL and exits with 1', async () => {
    const { code, stderr } = await demo(['--url', 'http://127.0.0.1:1']);
    expect(code).toBe(1);
    expect(stderr).toContain('http://127.0.0.1:1 did not answer');
  });

  it('gets in with the API key as its bearer token, and not without', async () => {
    const { url } = await startService({
      apiKeys: [{ name: 'demo', scopes: ['inference'], secret: 'secret' }],
    });
    const without = await demo([], { LLM_SERVICE_URL: url });
    const withKey = await demo([], { LLM_SERVICE_URL: url, LLM_SERVICE_API_KEY: 'secret' });
    expect([without.code, withKey.code]).toEqual([1, 0]);
  });

  it.each([[['--speed', '2']], [['--lang', 'fr']], [['--url', 'nowhere']]])(
    'refuses %j with a sentence and exits with 2',
    async (args) => {
      const { code, stdout, stderr } = await demo(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(args[1] === '2' ? '--speed' : args[1]);
    },
  );

  it('explains itself', async () => {
    const { code, stdout } = await demo(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('--lang');
  });
});

describe('the service that the demo starts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('plays on the built service and leaves nothing behind', async () => {
    const service = await startDemoService(resolve('dist/main.js'), { cwd: folder, env: {} });
    try {
      const { code } = await demo(['--url', service.url]);
      expect(code).toBe(0);
    } finally {
      await service.stop();
    }
    await expect(fetch(service.url)).rejects.toThrow();
  });

  it('is stopped when the demo is interrupted while it starts', async () => {
    const trace = join(folder, 'stopped');
    const entry = script(
      'slow.mjs',
      `import { writeFileSync } from 'node:fs';
       process.on('SIGTERM', () => { writeFileSync('${trace}', ''); process.exit(); });
       setInterval(() => process.kill(process.ppid, 'SIGINT'), 100);`,
    );
    const starter = `process.once('SIGINT', () => process.exit(130));
      const { startService } = await import('${import.meta.dirname}/../scripts/demo/service.ts');
      await startService('${entry}');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', starter], { stdio: 'ignore' });
    await once(child, 'exit');
    while (!existsSync(trace)) await sleep(20);
    expect(child.exitCode).toBe(130);
  });

  it('reports what a service said that stopped while starting', async () => {
    const entry = script('broken.mjs', `process.stderr.write('no such engine'); process.exitCode = 1;`);
    await expect(startDemoService(entry)).rejects.toThrow(/stopped while starting.*no such engine/s);
  });

  it('asks for a build when there is none', async () => {
    await expect(startDemoService(join(folder, 'none.js'))).rejects.toThrow('npm run build');
  });

  function script(name: string, source: string): string {
    const path = join(folder, name);
    writeFileSync(path, source);
    return path;
  }
});

describe('wrapping', () => {
  it('counts Korean as two columns a syllable', () => {
    expect(displayWidth('가나 a')).toBe(6);
  });

  it('breaks at spaces', () => {
    expect(wrap('하나 둘 셋', 8)).toEqual(['하나 둘', '셋']);
  });

  it('breaks inside a word that is longer than the line', () => {
    expect(wrap('a 가나다라 b', 4)).toEqual(['a', '가나', '다라', 'b']);
  });

  it('drops control characters, which could repaint the terminal', () => {
    expect(wrap('a\u001b[2Jb', 80)).toEqual(['a [2Jb']);
  });
});

interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

async function demo(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
  const child = spawn(process.execPath, ['scripts/demo.ts', ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

async function withServer<T>(listener: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
