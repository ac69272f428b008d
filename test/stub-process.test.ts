import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import type { StubListening } from '../src/engine/stub/types.js';

const build = mkdtempSync(join(tmpdir(), 'stub-'));
const main = join(build, 'engine', 'stub', 'main.js');

beforeAll(() => {
  writeFileSync(join(build, 'package.json'), '{"type":"module"}');
  const swc = join('node_modules', '.bin', 'swc');
  execFileSync(swc, [
    'src/engine/stub',
    '--out-dir',
    build,
    '--strip-leading-paths',
    '--quiet',
    '-C',
    'sourceMaps=false',
  ]);
});

afterAll(() => {
  rmSync(build, { recursive: true });
});

async function listening(child: ChildProcess): Promise<string> {
  const [message] = (await once(child, 'message')) as [StubListening];
  return message.listening.url;
}

describe("the stub's process", () => {
  it('tells its parent where it listens, and ends with it', async () => {
    const child = fork(main, ['--model', 'mine', '--context-length', '4096']);
    const url = await listening(child);
    const { body } = await request(`${url}/v1/models`);
    expect(await body.json()).toMatchObject({ data: [{ id: 'mine-stub', max_model_len: 4096 }] });
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('ends on SIGTERM, but leaves Ctrl-C to its parent', async () => {
    const child = fork(main, ['--control', '--token-delay-ms', '1', '--dialect', 'openai']);
    const url = await listening(child);
    child.kill('SIGINT');
    expect((await request(`${url}/control/requests`)).statusCode).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('prints its address when it is started by hand', async () => {
    const child = spawn(process.execPath, [main]);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(line.toString()).toMatch(/^Stub engine for Qwen\/Qwen3-32B at http:\/\/127\.0\.0\.1:\d+\/v1\n$/);
    child.kill();
    await once(child, 'exit');
  });

  it.each([
    ['--port', 'no', '--port must be a whole number'],
    ['--dialect', 'no', '--dialect must be sglang or openai'],
  ])('refuses %s %s', async (flag, value, sentence) => {
    const child = spawn(process.execPath, [main, flag, value]);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(errors).toContain(sentence);
  });
});
