import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { startService } from './support/service.js';

const run = promisify(execFile);

/** Every curl of a page, with the output that the page shows for it. */
function readCalls(page: string): { path: string; command: string; shown: unknown }[] {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const pairs = text.matchAll(/```bash\n(curl [^`]+)```\n\n```json\n([^`]+)```/g);
  return [...pairs].map(([, command = '', shown = '']) => ({
    path: /localhost:8000(\S+)/.exec(command)?.[1] ?? '',
    command,
    shown: JSON.parse(shown) as unknown,
  }));
}

describe.each(['README.md', 'README.ko.md'])('%s', (page) => {
  const calls = readCalls(page);

  it('shows a call per endpoint', () => {
    const endpoints = [
      '/api/interview/step',
      '/api/feedback',
      '/api/report',
      '/api/chat/completions',
      '/health',
    ];
    for (const endpoint of endpoints) {
      expect(calls.some(({ path }) => path.startsWith(endpoint))).toBe(true);
    }
  });

  it.each(calls)('shows what really comes back from $path', async ({ command, shown }) => {
    const service = await startService();

    const { stdout } = await run('bash', ['-c', command.replace('http://localhost:8000', service.url)]);

    expect(JSON.parse(stdout)).toEqual(shown);
  });
});
