import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type OpenAiError, toOpenAiError } from '../src/common/openai-error.js';
import { type ErrorCode, ERRORS, ServiceError } from '../src/common/errors.js';
import { chatRequestSchema } from '../src/openai/chat-request.js';
import { completionRequestSchema } from '../src/openai/completion-request.js';
import { embeddingRequestSchema } from '../src/openai/embedding-request.js';
import { REFUSED_FIELDS } from '../src/openai/request-fields.js';
import { COMPLETIONS } from './support/openai-wire.js';
import { requirePython, withPython } from './support/python.js';
import { startService } from './support/service.js';

const run = promisify(execFile);

const page = readFileSync('docs/openai.md', 'utf8');

/** Every block of a language with the output that the page shows behind it. */
function examples(language: string): { code: string; kind: string; shown: string }[] {
  const pairs = page.matchAll(
    new RegExp(String.raw`\`\`\`${language}\n([^\`]+)\`\`\`\n\n\`\`\`(json|text)\n([^\`]+)\`\`\``, 'g'),
  );
  return [...pairs].map(([, code = '', kind = '', shown = '']) => ({ code, kind, shown: shown.trim() }));
}

/** Ids and times differ from call to call. */
function withoutChance(output: string): string {
  return output.replaceAll(/"id": ?"[\da-f]{32}"/g, '"id":"…"').replaceAll(/"created": ?\d+/g, '"created":0');
}

/** The rows of a table, without its head. */
function rows(head: string): string[][] {
  const [, table = ''] = page.split(new RegExp(`\\n\\| ${head} .*\\n.*\\n`));
  const [body = ''] = table.split('\n\n');
  return body.split('\n').map((row) => row.split(/ *\| */).slice(1, -1));
}

const names = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

describe('docs/openai.md', () => {
  it.each(examples('bash'))('shows what really comes back: $code', async ({ code, kind, shown }) => {
    const service = await startService();

    const { stdout } = await run('bash', ['-c', code.replace('http://localhost:8000', service.url)]);

    const said = withoutChance(stdout).trim();
    if (kind === 'json') {
      expect(JSON.parse(said)).toEqual(JSON.parse(withoutChance(shown)));
    } else {
      const [beginning = '', end = ''] = withoutChance(shown).split('\n\n…\n\n');
      expect(said.startsWith(beginning)).toBe(true);
      expect(said.endsWith(end)).toBe(true);
    }
  });

  it('shows how OpenAI’s client for Node is used', async () => {
    const service = await startService();
    const [example] = examples('js');

    const program = example?.code.replace('http://localhost:8000', service.url) ?? '';
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);

    expect(stdout).toBe(example?.shown);
  });

  withPython('with Python (skipped where there is none, but never in CI)', () => {
    it('shows how OpenAI’s client for Python is used', async () => {
      const service = await startService();
      const [example] = examples('python');

      const program = example?.code.replace('http://localhost:8000', service.url) ?? '';
      const { stdout } = await run(requirePython(), ['-c', program], { env: {} });

      expect(stdout.trim()).toBe(example?.shown);
    });
  });

  it('lists every field that a route takes, as the code describes it', () => {
    const schemas = {
      chat: chatRequestSchema,
      completions: completionRequestSchema,
      embeddings: embeddingRequestSchema,
    };
    const taken = Object.entries(schemas).flatMap(([route, { properties }]) =>
      Object.entries(properties).map(([name, field]) => [
        route,
        name,
        (field as { description: string }).description,
      ]),
    );

    const listed = rows('field +\\| route').flatMap(([name, routes = '', meaning]) =>
      (routes === 'all' ? Object.keys(schemas) : routes.split(', ')).map((route) => [
        route,
        names(name)[0],
        meaning,
      ]),
    );

    expect(listed.sort()).toEqual(taken.sort());
  });

  it('lists every field that is refused, with the reason that a caller gets', async () => {
    const service = await startService();
    const listed = rows('field +\\| why').flatMap(([cell, why = '']) =>
      names(cell).map((name) => [name, why]),
    );

    expect(listed.map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(REFUSED_FIELDS)));
    for (const [name = '', why = ''] of listed) {
      const { body } = await service.post<OpenAiError>(COMPLETIONS, { prompt: 'Once', [name]: 1 });
      expect(body.error.message).toContain(` ${name} is not taken: ${why}. `);
    }
  });

  it('names no code that callers do not get', () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    const known = codes.map((code) => toOpenAiError(new ServiceError(code, '')).body.error.code);

    const listed = rows('status').flatMap(([, , codes]) => names(codes));

    expect(listed.length).toBeGreaterThan(10);
    expect(known).toEqual(expect.arrayContaining(listed));
  });
});
