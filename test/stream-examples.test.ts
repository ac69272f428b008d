import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { loadSettings } from '../src/config/load-settings.js';
import { CHROMIUM, withProgram } from './support/programs.js';
import { MODEL_REPLIES, startService, type TestService } from './support/service.js';

const run = promisify(execFile);

const STEP = MODEL_REPLIES['/api/interview/step'];
const TEXT = JSON.stringify(STEP);
const KEY = 'a-long-enough-secret';
const { apiKeys } = loadSettings({ API_KEYS: `app:inference:${KEY}` }, undefined).settings;

/** What an example is told of a service. */
const environmentOf = ({ url }: { url: string }): Record<string, string> => ({
  LLM_SERVICE_URL: url,
  LLM_SERVICE_API_KEY: KEY,
});

describe('examples/stream-step.ts', () => {
  const play = (service: { url: string }) =>
    run(process.execPath, ['examples/stream-step.ts'], { env: environmentOf(service) });

  it('prints the message and the decision', async () => {
    const service = await startService({ apiKeys });
    service.stub.script({ kind: 'reply', content: TEXT });

    const { stdout, stderr } = await play(service);

    expect(stdout).toBe(`${STEP.message}\n${STEP.action}, after 1 attempt(s)\n`);
    expect(stderr).toBe('');
  });

  it('says it where the beginning is void', async () => {
    const service = await startService({ apiKeys });
    service.stub.script(
      { kind: 'hang-up', after: 'tokens', content: TEXT.slice(0, 15) },
      { kind: 'reply', content: TEXT },
    );

    const { stdout } = await play(service);

    expect(stdout).toContain(
      `(The engine closed the connection before its reply was whole.)\n${STEP.message}\n`,
    );
  });

  it('fails with what the service says where it refuses', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 401 });

    await expect(play(service)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ENGINE_UNAUTHORIZED: .*\n$/),
    });
  });
});

withProgram(CHROMIUM, 'examples/candidate in a browser', () => {
  let browser: Browser;
  const relays: ChildProcess[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
      ],
    });
  });

  afterEach(async () => {
    await Promise.all(
      relays.splice(0).map(async (relay) => {
        const ended = once(relay, 'close');
        relay.kill();
        await ended;
      }),
    );
  });

  afterAll(() => browser.close());

  /** Opens the page at a relay to the service. */
  async function open(service: TestService): Promise<{ page: Page; faults: string[] }> {
    const relay = spawn(process.execPath, ['examples/candidate/relay.ts'], {
      env: { ...environmentOf(service), PORT: '0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    relays.push(relay);
    const [url] = (await once(createInterface(relay.stdout), 'line')) as [string];
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(url);
    return { page, faults };
  }

  async function send(page: Page): Promise<void> {
    await page.getByLabel('Your answer').fill('I read the plan with EXPLAIN ANALYZE.');
    await page.getByRole('button').click();
  }

  /** Waits until the interviewer has said this much. */
  const hears = (page: Page, text: string): Promise<void> =>
    page.getByRole('log').filter({ hasText: text }).waitFor();

  it('shows the message and gets nothing else', async () => {
    const service = await startService({ apiKeys });
    service.stub.script({ kind: 'reply', content: TEXT });
    const { page, faults } = await open(service);
    const answered = page.waitForResponse('**/answers');

    await send(page);

    await hears(page, STEP.message);
    const response = await answered;
    await response.finished();
    const code = await page.evaluate(() => fetch('/page.js').then((script) => script.text()));
    const bodies = [await response.text(), await page.content(), code].join('\n');
    expect(bodies).toContain('event: result');
    for (const hidden of [STEP.thought, STEP.evaluation, STEP.action, KEY])
      expect(bodies).not.toContain(hidden);
    expect(faults).toEqual([]);
    await page.close();
  });

  it('shows the words while the model goes on, and a closed tab ends its work', async () => {
    const service = await startService({ apiKeys });
    service.stub.script({
      kind: 'stall',
      after: 'tokens',
      content: TEXT.slice(0, TEXT.indexOf(' in the plan')),
    });
    const { page } = await open(service);

    await send(page);
    await hears(page, 'What do you look for');
    await page.close();

    await service.stub.waitFor(() => service.stub.running === 0);
    expect(service.stub.requests).toMatchObject([{ clientLeft: true }]);
  });

  it('keeps what was said where the stream ends with an error', async () => {
    const service = await startService({ apiKeys, structuredMaxAttempts: 1 });
    service.stub.script({
      kind: 'hang-up',
      after: 'tokens',
      content: TEXT.slice(0, TEXT.indexOf(' in the plan')),
    });
    const { page, faults } = await open(service);

    await send(page);

    await hears(page, 'What do you look for (The connection broke. Please send your answer again.)');
    expect(faults).toEqual([]);
    await page.close();
  });
});

describe('docs/streaming.md', () => {
  const page = readFileSync('docs/streaming.md', 'utf8');
  const calls = [...page.matchAll(/```bash\n(curl [^`]+)```\n\n```text\n([^`]+)```/g)].map(
    ([, command = '', shown = '']) => ({ command, shown }),
  );

  /** Ids and milliseconds differ from call to call. */
  const settled = (text: string): string =>
    text.replaceAll(/"id":"[\da-f-]{36}"/g, '"id":"…"').replaceAll(/_ms":[\d.]+/g, '_ms":…');

  const eventsIn = (text: string): number => text.match(/^id: /gm)?.length ?? 0;

  it('shows a stream', () => {
    expect(calls).toHaveLength(1);
  });

  it.each(calls)('shows what really comes', async ({ command, shown }) => {
    const service = await startService();

    const { stdout } = await run('bash', ['-c', command.replace('http://localhost:8000', service.url)]);

    const [beginning = '', end = ''] = settled(shown).trim().split('\n\n…\n\n');
    const lines = settled(stdout).trim();
    expect(lines.slice(0, beginning.length)).toBe(beginning);
    expect(lines.slice(-end.length)).toBe(end);
    expect(eventsIn(lines)).toBe(eventsIn(shown) + Number(/stands for (\d+) events/.exec(page)?.[1]));
  });
});
