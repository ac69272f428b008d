import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { openFileLimit } from '../src/common/file-limit.js';
import { Settings } from '../src/config/settings.js';
import { startBuilt } from './support/built-service.js';
import { MODEL_REPLIES, QUESTION, startService } from './support/service.js';

const FEEDBACK = '/api/feedback';

/** A connection to the service, on which nothing has been sent. */
async function open(url: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), localAddress });
  // Whoever is refused may see a reset.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const ALIVE = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n';

/** What the service says to this on a connection of its own, until it closes. */
async function say(url: string, words: string): Promise<string> {
  const socket = await open(url);
  socket.write(words);
  return text(socket);
}

/** Whether a connection is served, or closed before it is. */
async function isServed(socket: Socket): Promise<boolean> {
  socket.write(`${ALIVE}Connection: close\r\n\r\n`);
  return /^HTTP\/1.1 200 /.test(await text(socket).catch(() => ''));
}

describe('what follows a request while its reply is sent', () => {
  /** A stream of which each word takes a while, and the connection that it comes on. */
  async function stream(): Promise<Socket> {
    const { url } = await startService({ arrivalTimeout: 0.2 }, { tokenDelayMs: 20 });
    const socket = await open(url);
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], stream: true });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`;
    socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await once(socket, 'readable');
    return socket;
  }

  it('does not end it where the next request has arrived in part', async () => {
    const socket = await stream();
    socket.write(ALIVE);

    const said = await text(socket);

    expect(said).toMatch(/^HTTP\/1.1 200 .*data: \[DONE\]\n\n\r\n0\r\n\r\nHTTP\/1.1 408 /s);
  });

  it('is never answered in the middle of it where it is no HTTP', async () => {
    const socket = await stream();
    socket.write('\0garbage\r\n\r\n');

    const said = await text(socket).catch(() => '');

    expect(said).not.toContain('HTTP/1.1 400');
  });
});

describe('a request that does not arrive in time', () => {
  it.each([
    ['its head stops', ALIVE],
    ['nothing comes', ''],
    [
      'its body stops',
      `POST ${FEEDBACK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    ],
  ])('is answered with 408 and ends its connection where %s', async (_, words) => {
    const { url } = await startService({ arrivalTimeout: 0.2 });

    const said = await say(url, words);

    expect(said).toMatch(/^HTTP\/1.1 408 .*\r\nconnection: close\r\n.*"code":"REQUEST_TIMEOUT"/s);
  });

  it.each([
    ['its head comes', ALIVE, 'X-Drip: 1\r\n'],
    [
      'its body comes',
      `POST ${FEEDBACK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{`,
      ' ',
    ],
  ])('is answered with 408 where %s drop by drop', async (_, words, drop) => {
    const { url } = await startService({ arrivalTimeout: 0.2 });
    const socket = await open(url);
    socket.write(words);
    const dripping = setInterval(() => socket.write(drop), 10);

    const said = await text(socket);
    clearInterval(dripping);

    expect(said).toMatch(/^HTTP\/1.1 408 /);
  });
});

describe('a connection', () => {
  it('is closed when no request comes for KEEP_ALIVE_TIMEOUT', async () => {
    const { url } = await startService({ keepAliveTimeout: 0.1 });

    const said = await say(url, `${ALIVE}\r\n`);

    expect(said).toMatch(/^HTTP\/1.1 200 /);
  });

  it('waits for an engine that says nothing for longer than SLOW_READER_TIMEOUT', async () => {
    const service = await startService({ slowReaderTimeout: 0.1 });
    // Beyond the grace that readers have.
    service.stub.script({
      kind: 'delay',
      ms: 1500,
      content: JSON.stringify(MODEL_REPLIES[FEEDBACK]),
    });

    expect((await service.post(FEEDBACK, QUESTION)).status).toBe(200);
  });
});

describe('connections', () => {
  it('beyond MAX_CONNECTIONS are closed, until one has ended', async () => {
    const { url } = await startService({ maxConnections: 2 });
    const [first, second] = [await open(url), await open(url)];

    expect(await isServed(await open(url))).toBe(false);
    expect(await isServed(first)).toBe(true);
    expect(await isServed(await open(url))).toBe(true);
    second.destroy();
  });

  it('beyond MAX_CONNECTIONS_PER_ADDRESS are closed, those of other addresses are not', async () => {
    const { url } = await startService({ maxConnectionsPerAddress: 1 });
    const first = await open(url);

    expect(await isServed(await open(url))).toBe(false);
    expect(await isServed(await open(url, '127.0.0.2'))).toBe(true);
    expect(await isServed(first)).toBe(true);
    expect(await isServed(await open(url))).toBe(true);
  });

  it('that are refused are told at once, and once more when the service stops', async () => {
    const service = startBuilt({ MAX_CONNECTIONS: '1', LOG_FORMAT: 'json' });
    const url = await service.url();
    const held = await open(url);

    for (let count = 0; count < 5; count++) expect(await isServed(await open(url))).toBe(false);
    held.destroy();
    await service.stop();

    const lines = service.lines.filter((line) => line.includes('MAX_CONNECTIONS'));
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'WARNING', limit: 1, count: 1 },
      { level: 'WARNING', limit: 1, count: 4 },
    ]);
  });

  it('are at most half of the files that the process may open, where nothing is set', () => {
    const words = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
    const files = words === 'unlimited' ? undefined : Number(words);

    expect(openFileLimit()).toBe(files);
    expect(new Settings().connectionLimit).toBe(Math.min(10_000, Math.floor((files ?? Infinity) / 2)));
  });
});
