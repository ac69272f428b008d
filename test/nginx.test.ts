import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from '@jest/globals';
import { Client } from 'undici';
import { loadSettings } from '../src/config/load-settings.js';
import { startNginx } from './support/nginx.js';
import { NGINX, withProgram } from './support/programs.js';
import { MODEL_REPLIES, QUESTION, startService, type TestService } from './support/service.js';

const STEP = '/api/interview/step';

const { apiKeys } = loadSettings(
  { API_KEYS: 'app:inference:secret-app,ops:read:secret-ops' },
  undefined,
).settings;

/** Routes that show what candidates have said, or how the service fares. */
const READING = ['/api/calls', '/api/calls/export', '/api/stats?by=task', '/metrics'];

/**
 * As nginx asks its upstreams by default since 1.29.7, spelt out for those that are older: HTTP/1.1, the upstream's own
 * address as Host, no header that says for whom.
 */
const BARE =
  'location / { proxy_pass http://127.0.0.1:8000; proxy_http_version 1.1; proxy_set_header Connection ""; }';

const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.destroy();
});

/** A caller from anywhere, who reaches nginx alone. */
class Outsider {
  private constructor(private readonly client: Client) {}

  /** @param location of nginx's configuration, in front of port 8000 */
  static async of({ url }: TestService, location: string): Promise<Outsider> {
    const here = location.replaceAll('127.0.0.1:8000', new URL(url).host);
    const socketPath = await startNginx(`server { listen unix:nginx.sock; ${here} }`);
    const client = new Client('http://interviews.example.com', { socketPath });
    clients.push(client);
    return new Outsider(client);
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
    const { statusCode, body } = await this.client.request({ method: 'GET', path, headers });
    const text = await body.text();
    return { status: statusCode, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  async ask(fields: object = {}, headers: Record<string, string> = {}) {
    return this.client.request({
      method: 'POST',
      path: STEP,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ...QUESTION, ...fields }),
    });
  }

  async statuses(paths: readonly string[]): Promise<Record<string, number>> {
    const statuses: Record<string, number> = {};
    for (const path of paths) ({ status: statuses[path] } = await this.get(path));
    return statuses;
  }
}

const ALL_REFUSED = Object.fromEntries(READING.map((path) => [path, 401]));

withProgram(NGINX, 'an nginx that says nothing of its callers', () => {
  it.each([
    ['without keys', {}],
    ['with AUTH=off', { auth: 'off' as const }],
    ['with AUTH=off in production', { auth: 'off' as const, nodeEnv: 'production' as const }],
  ])('opens no route that reads, in front of a service %s', async (_, settings) => {
    const outsider = await Outsider.of(await startService(settings), BARE);
    expect(await outsider.statuses(READING)).toEqual(ALL_REFUSED);
  });

  it('shows no details of the health', async () => {
    const outsider = await Outsider.of(await startService(), BARE);
    const { status, body } = await outsider.get('/health');
    expect(status).toBe(200);
    expect(body).not.toHaveProperty('details');
  });

  it('lets its callers ask, for it looks like a caller on this machine', async () => {
    const service = await startService();
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[STEP]) });
    const { statusCode, body } = await (await Outsider.of(service, BARE)).ask();
    await body.dump();
    expect(statusCode).toBe(200);
  });

  it('tells its callers no path of this machine', async () => {
    const service = await startService();
    const { body } = await (await Outsider.of(service, BARE)).get('/api/calls');
    expect(body).toMatchObject({ detail: expect.stringContaining('@DATA_DIR/local-key') });
  });
});

withProgram(NGINX, 'the nginx of docs/streaming.md', () => {
  const [, block = ''] = /```nginx\n(.+?)```/s.exec(readFileSync('docs/streaming.md', 'utf8')) ?? [];

  it('opens nothing at all in front of a service without keys', async () => {
    const outsider = await Outsider.of(await startService(), block);
    const { statusCode, body } = await outsider.ask();
    expect(statusCode).toBe(401);
    expect(await body.json()).toMatchObject({
      detail: expect.stringContaining('it came through a proxy (x-forwarded-for)'),
    });
    expect(await outsider.statuses(['/api/calls', '/api/calls/export'])).toEqual({
      '/api/calls': 401,
      '/api/calls/export': 401,
    });
  });

  it('lets a key ask, and one with the scope read, read', async () => {
    const service = await startService({ apiKeys });
    service.stub.script({ kind: 'reply', content: JSON.stringify(MODEL_REPLIES[STEP]) });
    const outsider = await Outsider.of(service, block);
    const { statusCode, body } = await outsider.ask({}, { authorization: 'Bearer secret-app' });
    await body.dump();
    expect(statusCode).toBe(200);
    const read = { authorization: 'Bearer secret-ops' };
    expect((await outsider.get('/api/calls?limit=1', read)).status).toBe(200);
  });

  it('passes a stream on while it comes', async () => {
    const service = await startService({ apiKeys });
    service.stub.script({ kind: 'stall', after: 'tokens', content: JSON.stringify(MODEL_REPLIES[STEP]) });
    const outsider = await Outsider.of(service, block);

    const { body } = await outsider.ask({ stream: true }, { authorization: 'Bearer secret-app' });
    let seen = '';
    for await (const piece of body) {
      seen += String(piece);
      if (seen.includes('"path":"/message"')) break;
    }

    expect(seen).toContain('event: field.delta');
    expect(service.stub.running).toBe(1);
  });
});
