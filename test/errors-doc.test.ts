import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ERRORS } from '../src/common/errors.js';
import { QUESTION, startService } from './support/service.js';

const page = readFileSync('docs/errors.md', 'utf8');

describe('docs/errors.md', () => {
  it('lists the catalogue and nothing else, in its order', () => {
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (.+?) +\| (.+?) +\|$/gm)];
    const listed = rows.map(([, code, status, title, remedy]) => [
      code,
      { status: Number(status), title, remedy },
    ]);
    expect(listed).toEqual(Object.entries(ERRORS));
  });

  it('names no code that the catalogue lacks', () => {
    const named = [...page.matchAll(/`([A-Z]+(_[A-Z]+)+)`/g)].map(([, code]) => code);
    expect(Object.keys(ERRORS)).toEqual(expect.arrayContaining([...new Set(named)]));
  });

  it('shows an error as the service sends it', async () => {
    const example: unknown = JSON.parse(/```json\n(.+?)```/s.exec(page)?.[1] ?? '');
    const service = await startService();

    const { body } = await service.fail(
      '/api/feedback',
      { system_prompt: QUESTION.system_prompt, temprature: 0.7 },
      { 'x-request-id': 'req-0042' },
    );

    expect(body).toEqual(example);
    expect(Object.keys(body)).toEqual(Object.keys(example as object));
  });
});
