import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { startService } from './support/service.js';

const run = promisify(execFile);

/** Every curl of a page, with the output that the page shows for it. */
function readCalls(
  page: string,
  language: 'json' | 'text',
): { path: string; command: string; shown: string }[] {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const pairs = text.matchAll(/```bash\n(curl [^`]+)```\n\n```(json|text)\n([^`]+)```/g);
  return [...pairs]
    .filter(([, , kind]) => kind === language)
    .map(([, command = '', , shown = '']) => ({
      path: /localhost:8000(\S+)/.exec(command)?.[1] ?? '',
      command,
      shown,
    }));
}

/** Ids and times differ from call to call. */
function withoutChance(output: string): string {
  return output
    .replaceAll(/"id": ?"[\da-f-]{32,36}"/g, '"id":"…"')
    .replaceAll(/"created": ?\d+/g, '"created":0')
    .replaceAll(/_ms": ?[\d.]+/g, '_ms":0');
}

describe.each(['README.md', 'README.ko.md'])('%s', (page) => {
  const calls = readCalls(page, 'json');

  it('shows a call per endpoint', () => {
    const endpoints = [
      '/api/interview/step',
      '/api/feedback',
      '/api/report',
      '/api/chat/completions',
      '/v1/chat/completions',
      '/health',
    ];
    for (const endpoint of endpoints) {
      expect(calls.some(({ path }) => path.startsWith(endpoint))).toBe(true);
    }
  });

  it.each(calls)('shows what really comes back from $path', async ({ command, shown }) => {
    const service = await startService();

    const { stdout } = await run('bash', ['-c', command.replace('http://localhost:8000', service.url)]);

    expect(JSON.parse(withoutChance(stdout))).toEqual(JSON.parse(withoutChance(shown)));
  });

  it.each(readCalls(page, 'text'))(
    'shows the events that really come from $path',
    async ({ command, shown }) => {
      const service = await startService();

      const { stdout } = await run('bash', ['-c', command.replace('http://localhost:8000', service.url)]);

      const [beginning = '', end = ''] = withoutChance(shown).trim().split('\n…\n');
      const events = withoutChance(stdout).trim();
      expect(events.startsWith(beginning)).toBe(true);
      expect(events.endsWith(end)).toBe(true);
    },
  );
});
