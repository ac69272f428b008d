import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestResult } from '../../src/client/api/generation.js';
import {
  CONTEXT_TOKENS,
  ENDLESS,
  ENGINE_KEY,
  HOSTILE,
  type RunningEngine,
} from '../contract/drivers/driver.js';
import type { EngineSlot } from '../contract/engine-slot.js';
import { until } from '../contract/until.js';
import { beginsWorkOn, isIdle } from '../contract/work.js';
import { type ClientProcess, type ClientRun, startClient } from '../support/client.js';

/** What the client is to find where engines differ. */
export interface Expected {
  /** What it calls the engine. */
  readonly name: string;
  /** Whether the engine answers under any model's name. */
  readonly servesAnyName: boolean;
}

const KOREAN = 'examples/prompts.ko.txt';

/** The routes that prompts go by, and the flags that say so. */
const BY_ROUTE: readonly (readonly [route: string, flags: readonly string[]])[] = [
  ['/v1/completions', []],
  ['/v1/chat/completions', ['--chat']],
];

/** The commands that no engine has a route for. */
const OF_THE_SERVICE: readonly (readonly [command: string, ...flags: string[]])[] = [
  ['step', '--system', 'a', '--prompt', 'b'],
  ['feedback', '--system', 'a', '--prompt', 'b'],
  ['report', '--system', 'a', '--prompt', 'b'],
  ['interview'],
  ['logs', 'list'],
];

/** Tokens that an endless model writes for as long as any test looks. */
const LONG = ['--max-tokens', '30000'];

/** Has an answer that is the same each time, and short. */
const BRIEF = ['--temperature', '0', '--max-tokens', '30'];

/** On a busy machine an engine's first answer comes late. */
const ANSWERED_WITHIN_MS = 120_000;

/** A prompt that even an endless model answers at once; others take what `--max-tokens` says. */
const SHORT = { prompt: '한 단어로 답해 주세요.', max_tokens: 2, temperature: 0 };

/** Calls in a row that reach nobody have the client give up; here there are more of them. */
const MANY = 12;

let folder: string;

/*
 * The built client straight at a real engine, as its users run it; no service is between them. In parts, as the
 * contract is.
 */

/** Needs the happy model. */
export function describeClient(engines: EngineSlot, expected: Expected): void {
  describe(`the client at ${engines.driver.name}`, () => {
    useFolder();
    describeLooks(engines, expected);
    describePrompts(engines);
    describeRefusals(engines, expected);
  });
}

/** Needs the endless model. */
export function describeLongAnswers(engines: EngineSlot): void {
  describe(`the client at ${engines.driver.name} with answers that never end`, () => {
    const { itWithAll } = engines;
    useFolder();

    it('ends the engine’s work at Ctrl-C, and goes on later where it stopped', async () => {
      const engine = await engines.get(ENDLESS);
      const prompts = promptFile([SHORT, { prompt: '끝없이 답해 주세요.' }]);
      const output = join(folder, 'results.jsonl');
      const run = start(engine, ['--prompt-file', prompts, '--output', output, '--concurrent', '2', ...LONG]);
      await hasAnswers(output, run);
      await beginsWorkOn(engine, [run.ended]);

      run.child.kill('SIGINT');

      const { code, stderr } = await run.ended;
      expect(stderr).toContain(`Interrupted: 1 of 2 answered. Go on with --resume ${output}.\n`);
      expect(code).toBe(130);
      await isIdle(engine);

      const [answered] = resultsOf(output);
      const resumed = await ask(engine, '--prompt-file', prompts, '--resume', output, '--max-tokens', '4');
      expect(resumed.code).toBe(0);
      expect(resultsOf(output)).toEqual([
        answered,
        expect.objectContaining({ index: 2, success: true, completion_tokens: 4 }),
      ]);
    });

    it('shows a chat’s words while the engine writes them, and ends its work at Ctrl-C', async () => {
      const engine = await engines.get(ENDLESS);
      const chat = start(engine, ['chat', ...LONG], '안녕하세요?\n');
      await once(chat.child.stdout, 'data');
      await beginsWorkOn(engine, [chat.ended]);

      chat.child.kill('SIGINT');

      expect(await chat.ended).toMatchObject({ code: 130, stderr: '' });
      await isIdle(engine);
    });

    itWithAll('keeps what was answered when the engine dies, and goes on with the next one', async () => {
      const engine = await engines.get(ENDLESS);
      const prompts = promptFile([SHORT, ...manyPrompts(MANY)]);
      const output = join(folder, 'results.jsonl');
      const flags = ['--prompt-file', prompts, '--concurrent', '3'];
      const run = start(engine, [...flags, '--output', output, '--retries', '1', ...LONG]);
      await hasAnswers(output, run);
      await beginsWorkOn(engine, [run.ended]);

      engine.killServer();

      const { code, stderr } = await run.ended;
      expect(stderr).toContain(`${engine.url} is gone: none of the last calls reached it.`);
      expect(stderr).toContain(
        `1 of ${MANY + 1} were answered and are in ${output}; go on with --resume ${output}.\n`,
      );
      expect(code).toBe(3);

      const [answered] = resultsOf(output);
      const resumed = await ask(
        await engines.get(ENDLESS),
        ...flags,
        '--resume',
        output,
        '--max-tokens',
        '8',
      );
      expect(resumed.code).toBe(0);
      const results = resultsOf(output);
      expect(results[0]).toEqual(answered);
      expect(results.map(({ index, success }) => ({ index, success }))).toEqual(
        Array.from({ length: MANY + 1 }, (_, at) => ({ index: at + 1, success: true })),
      );
    });
  });
}

function describeLooks(engines: EngineSlot, { name }: Expected): void {
  describe('asked what is there', () => {
    it('says which engine it is and that it is ready', async () => {
      const engine = await engines.get();

      const { code, stdout, stderr } = await ask(engine, 'health');

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout.split('\n')).toEqual([
        `${name} · ${engine.url} · ready`,
        `  model    ${engine.model}`,
        `  context  ${CONTEXT_TOKENS.toLocaleString('en')}`,
        '',
      ]);
    });

    it('names its models', async () => {
      const engine = await engines.get();

      expect(await ask(engine, 'models')).toMatchObject({ code: 0, stdout: `${engine.model}\n`, stderr: '' });
    });
  });
}

function describePrompts(engines: EngineSlot): void {
  describe('with prompts', () => {
    engines.itWithAll.each(BY_ROUTE)('prints the answer to one, and what it took by %s', async (_, flags) => {
      const engine = await engines.get();

      const { code, stdout, stderr } = await ask(engine, '--prompt', '안녕하세요?', ...BRIEF, ...flags);

      expect(stdout.trim()).not.toBe('');
      expect(stderr).toMatch(
        new RegExp(`^${engine.model} · [\\d.]+ s · \\d+ tokens( · cut by max_tokens)?\n$`),
      );
      expect(code).toBe(0);
    });

    it('sends one as it is to /v1/completions, and by --chat through the model’s template', async () => {
      const engine = await engines.get();
      const promptTokens = async (...flags: string[]): Promise<number> => {
        const { stdout } = await ask(engine, '--prompt', '2+2=?', '--format', 'jsonl', ...BRIEF, ...flags);
        return (JSON.parse(stdout) as RequestResult).prompt_tokens ?? NaN;
      };

      const [asItIs, inTemplate] = [await promptTokens(), await promptTokens('--chat')];

      expect(asItIs).toBeGreaterThan(0);
      expect(inTemplate).toBeGreaterThan(asItIs);
    });

    it('answers a file of Korean ones, three at once and in its order', async () => {
      const engine = await engines.get();
      const output = join(folder, 'results.jsonl');
      const flags = ['--concurrent', '3', '--output', output, '--max-tokens', '40'];

      const { code, stderr } = await ask(engine, '--prompt-file', KOREAN, ...flags);

      const prompts = readFileSync(KOREAN, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      const results = resultsOf(output);
      expect(results.map(({ prompt }) => prompt)).toEqual(prompts);
      for (const { success, response, prompt_tokens, completion_tokens, total_tokens } of results) {
        expect({ success, response }).toEqual({ success: true, response: expect.any(String) });
        expect(completion_tokens).toBeGreaterThan(0);
        expect(completion_tokens).toBeLessThanOrEqual(40);
        expect(total_tokens).toBe((prompt_tokens ?? NaN) + (completion_tokens ?? NaN));
      }
      expect(stderr).toContain(`Successful: ${prompts.length}\nFailed: 0\n`);
      expect(code).toBe(0);
    });

    it('gets the same answer to one again at temperature 0', async () => {
      const engine = await engines.get();
      const flags = ['--repeat', '3', '--seed', '1', ...BRIEF];

      const { code, stdout, stderr } = await ask(engine, '--prompt', '2+2=?', '--format', 'jsonl', ...flags);

      expect(new Set(linesOf(stdout).map(({ response }) => response)).size).toBe(1);
      expect(stderr).toContain('Successful: 3\nFailed: 0\nDifferent answers: 1 of 3\n');
      expect(code).toBe(0);
    });

    engines.itWithAll('chats through a pipe, a message a line', async () => {
      const engine = await engines.get();

      const chat = start(engine, ['chat', ...BRIEF], '안녕하세요?\n조금 더 말해 주세요.\n');

      const { code, stdout, stderr } = await chat.ended;
      expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
  });
}

function describeRefusals(engines: EngineSlot, { servesAnyName }: Expected): void {
  describe('with what the engine cannot serve', () => {
    it.each(BY_ROUTE)('says that a prompt is too long, and answers the others by %s', async (_, flags) => {
      const engine = await engines.get();
      const prompts = promptFile([{ prompt: 'word '.repeat(2 * CONTEXT_TOKENS) }, SHORT]);
      const output = join(folder, 'results.jsonl');

      const { code, stderr } = await ask(engine, '--prompt-file', prompts, '--output', output, ...flags);

      expect(stderr).toContain(`1 × The prompt is too long for the model at ${engine.url}: shorten it`);
      expect(stderr).toContain(String(CONTEXT_TOKENS));
      expect(resultsOf(output)).toEqual([
        expect.objectContaining({ success: false, error_code: 'CONTEXT_TOO_LONG', attempts: 1 }),
        expect.objectContaining({ success: true }),
      ]);
      expect(code).toBe(1);
    });

    it.each(BY_ROUTE)(
      servesAnyName
        ? 'gets an answer under a name that no model has by %s'
        : 'names the models that are there for one that is not by %s',
      async (_, flags) => {
        const engine = await engines.get();

        const asked = ['--prompt', 'a', '--model', 'nobody/nothing', ...BRIEF, ...flags];
        const { code, stdout, stderr } = await ask(engine, ...asked);

        if (servesAnyName) expect(stderr).toMatch(/^nobody\/nothing · .* tokens/);
        else expect(stderr).toContain(`Name one of these with --model: ${engine.model}.\n`);
        expect({ code, isAnswered: stdout !== '' }).toEqual({
          code: servesAnyName ? 0 : 1,
          isAnswered: servesAnyName,
        });
      },
    );

    it.each([['chat'], ['generate', '--prompt', 'a']])(
      'says that the engine wants another key (%s)',
      async (...args) => {
        const engine = await engines.get();

        const { code, stdout, stderr } = await ask(engine, ...args, '--api-key', 'another-key');

        expect(stderr).toBe(
          `${engine.url} wants a key: give a valid one with --api-key or LLM_SERVICE_API_KEY.\n`,
        );
        expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      },
    );

    it.each(OF_THE_SERVICE)('says that %s needs LLM Service', async (...args) => {
      const engine = await engines.get();

      const { code, stdout, stderr } = await ask(engine, ...args);

      expect(stderr).toContain(`${engine.url} answers, but `);
      expect(stderr).toMatch(/needs LLM Service\. Name one with --url or LLM_SERVICE_URL\.\n$/);
      expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 1, stdout: '', lines: 2 });
    });
  });
}

/** Needs the hostile model, and leaves none. */
export function describeDyingEngine(engines: EngineSlot): void {
  describe(`the client at ${engines.driver.name}`, () => {
    useFolder();

    it('stops when the process that generates dies, and says how to go on', async () => {
      const engine = await engines.get(HOSTILE);
      const prompts = promptFile(manyPrompts(500));
      const output = join(folder, 'results.jsonl');
      const flags = ['--concurrent', '3', '--output', output, '--retries', '1', '--max-tokens', '100'];
      const run = start(engine, ['--prompt-file', prompts, ...flags]);
      await hasAnswers(output, run);

      await engine.kill();

      const { code, stderr } = await run.ended;
      const answered = resultsOf(output).filter(({ success }) => success);
      expect(stderr).toContain(
        `${answered.length} of 500 were answered and are in ${output}; go on with --resume ${output}.\n`,
      );
      expect(code).toBe(3);
    });
  });
}

/** Gives each test of a block an empty folder. */
function useFolder(): void {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'llm-service-client-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
}

/** Starts the client at an engine, with all of what is typed. Without a command it generates. */
function start({ url }: RunningEngine, args: readonly string[], stdin = ''): ClientProcess {
  const run = startClient([...args, '--url', url], { env: { LLM_SERVICE_API_KEY: ENGINE_KEY } });
  run.child.stdin.end(stdin);
  return run;
}

function ask(engine: RunningEngine, ...args: readonly string[]): Promise<ClientRun> {
  return start(engine, args).ended;
}

/** Resolves once an answer is in the file; fails where the client ends without one. */
async function hasAnswers(path: string, { child }: ClientProcess): Promise<void> {
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`The client ended with ${child.exitCode}`);
    return Promise.resolve(existsSync(path) && readFileSync(path, 'utf8').includes('\n'));
  }, ANSWERED_WITHIN_MS);
}

function promptFile(prompts: readonly object[]): string {
  const path = join(folder, 'prompts.json');
  writeFileSync(path, JSON.stringify(prompts));
  return path;
}

function manyPrompts(count: number): object[] {
  return Array.from({ length: count }, (_, at) => ({ prompt: `${at + 1}번째 질문에 답해 주세요.` }));
}

function resultsOf(path: string): RequestResult[] {
  return linesOf(readFileSync(path, 'utf8'));
}

function linesOf(text: string): RequestResult[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RequestResult);
}
