import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { startService } from './support/service.js';

interface HttpRequest {
  readonly title: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** Reads the requests of a `.http` file: `###` titles, a request line, headers, a blank line, a body. */
function readRequests(file: string): HttpRequest[] {
  const [, ...blocks] = readFileSync(file, 'utf8').split(/^### /m);
  return blocks.map((block) => {
    const [title = '', ...rest] = block.split('\n');
    const [head = '', ...body] = rest.join('\n').split('\n\n');
    const [line = '', ...headers] = head.split('\n');
    const [, method, path] = /^(GET|POST) \{\{base\}\}(\S+)$/.exec(line) ?? [];
    return {
      title,
      method: method as 'GET' | 'POST',
      path: path ?? '',
      headers: Object.fromEntries(headers.map((header) => header.split(': ') as [string, string])),
      body: body.join('\n\n').trim() || undefined,
    };
  });
}

const folder = new URL('../docs/http/', import.meta.url);
const requests = readdirSync(folder).flatMap((name) => readRequests(new URL(name, folder).pathname));

describe('docs/http', () => {
  it.each(requests)('$method $path works as written: $title', async ({ method, path, headers, body }) => {
    const service = await startService();
    // What the file's reader is told to put there.
    const filled = Object.entries(headers).map(([name, value]) =>
      value === 'Bearer {{key}}' ? [name, service.localKey.authorization] : [name, value],
    );

    const reply = await request(service.url + path, {
      method,
      headers: Object.fromEntries(filled) as Record<string, string>,
      body: body ?? null,
    });
    await reply.body.dump();

    expect(reply.statusCode).toBe(200);
  });
});
