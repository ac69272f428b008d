import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { request } from 'undici';
import { networkOf, WrongKeys } from '../src/access/wrong-keys.js';
import { loadSettings } from '../src/config/load-settings.js';
import { startBuilt } from './support/built-service.js';
import { parseExposition } from './support/exposition.js';
import { QUESTION, startService, type TestService } from './support/service.js';

const FEEDBACK = '/api/feedback';
const API_KEYS = 'app:inference:secret-app,ops:read:secret-ops';
const { apiKeys } = loadSettings({ API_KEYS }, undefined).settings;

const WRONG = { authorization: 'Bearer a-guess-of-somebody' };
const RIGHT = { authorization: 'Bearer secret-ops' };

/** Sends the same request many times at once. */
const often = (times: number, send: () => Promise<unknown>): Promise<unknown[]> =>
  Promise.all(Array.from({ length: times }, send));

/** The counter of failed logins, by reason. */
async function refusedIn(service: TestService): Promise<Record<string, number>> {
  const { body } = await request(`${service.url}/metrics`, { headers: { ...RIGHT, ...service.localKey } });
  const family = parseExposition(await body.text()).get('llm_service_refused_logins_total');
  const pairs = family?.samples.map(({ labels, value }): [string, number] => [labels.reason ?? '', value]);
  return Object.fromEntries(pairs ?? []);
}

describe('a login that fails', () => {
  it('is counted by its reason', async () => {
    const service = await startService({ apiKeys });
    await service.fail(FEEDBACK, QUESTION);
    await service.fail(FEEDBACK, QUESTION);
    await service.fail(FEEDBACK, QUESTION, WRONG);
    await service.fail(FEEDBACK, QUESTION, RIGHT);
    expect(await refusedIn(service)).toEqual({ 'no-key': 2, 'wrong-key': 1, 'no-scope': 1 });
  });

  it('is counted where a service without keys is called from elsewhere', async () => {
    const service = await startService();
    await service.fail(FEEDBACK, QUESTION, { host: 'example.com' });
    expect(await refusedIn(service)).toEqual({ 'not-direct': 1 });
  });

  it('is counted on an open route too, where a guess would show in the details', async () => {
    const service = await startService({ apiKeys });
    expect(await service.get('/health', WRONG)).toMatchObject({ status: 200 });
    expect(await refusedIn(service)).toEqual({ 'wrong-key': 1 });
  });

  it('is none where no keys are set and a client sends any word to ask', async () => {
    const service = await startService();
    await service.get('/v1/models', { authorization: 'Bearer none' });
    expect(await refusedIn(service)).toEqual({});
  });

  it('is none where there is no such path', async () => {
    const service = await startService({ apiKeys });
    await service.fail('/nowhere', QUESTION, WRONG);
    expect(await refusedIn(service)).toEqual({});
  });

  it('is told in the log, the first at once and the others with their number, never the key', async () => {
    const service = startBuilt({ ENGINE: 'stub', API_KEYS, LOG_FORMAT: 'json' });
    const url = await service.url();
    const guess = () => fetch(url + FEEDBACK, { method: 'POST', headers: WRONG });
    await guess();
    await service.line(/wrong key/);
    await often(9, guess);
    await service.stop();

    const told = service.lines
      .filter((line) => line.includes('wrong key'))
      .map((line) => JSON.parse(line) as object);
    const facts = { level: 'WARNING', reason: 'wrong-key', address: '127.0.0.1', route: FEEDBACK };
    expect(told).toMatchObject([
      { ...facts, count: 1 },
      { ...facts, count: 9 },
    ]);
    expect(service.lines.join('\n')).not.toContain('a-guess-of-somebody');
  });
});

describe('a wrong key after many from its address', () => {
  const knock = (service: TestService, headers: Record<string, string>) => service.get('/v1/models', headers);

  it('waits for its answer, and a right one does not', async () => {
    const service = await startService({ apiKeys });
    await often(30, () => knock(service, WRONG));
    const order: number[] = [];
    const note = ({ status }: { status: number }): number => order.push(status);

    const wrong = knock(service, WRONG).then(note);
    await knock(service, { authorization: 'Bearer secret-app' }).then(note);
    await wrong;

    expect(order).toEqual([200, 401]);
  });

  it('waits without its body', async () => {
    const service = await startService({ apiKeys });
    await often(25, () => knock(service, WRONG));
    const { hostname, port } = new URL(service.url);
    const answered = once(service.app.getHttpServer(), 'request') as Promise<
      [IncomingMessage, ServerResponse]
    >;
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write(
      `POST ${FEEDBACK} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${WRONG.authorization}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 16000000\r\n\r\n',
    );
    socket.write(Buffer.alloc(16_000_000, ' '));

    const [{ socket: ours }, reply] = await answered;
    await once(reply, 'finish');

    // What Node's parser takes before anybody asks it for a body.
    expect(ours.bytesRead).toBeLessThan(300_000);
    socket.destroy();
  });

  it('is no fault where its caller leaves meanwhile', async () => {
    const service = startBuilt({ ENGINE: 'stub', API_KEYS });
    const url = await service.url();
    await often(25, () => fetch(`${url}/metrics`, { headers: WRONG }));
    const caller = new AbortController();
    const left = fetch(`${url}/metrics`, { headers: WRONG, signal: caller.signal });
    caller.abort();
    await expect(left).rejects.toThrow('aborted');
    await service.stop();
    expect(service.lines.filter((line) => line.includes('ERROR'))).toEqual([]);
  });
});

describe('the wait for a wrong key', () => {
  let keys: WrongKeys;

  beforeEach(() => {
    jest.useFakeTimers();
    keys = new WrongKeys();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Sends one and says after how many milliseconds it is answered. */
  function waitOf(address: string): number {
    const start = performance.now();
    let waited: number | undefined;
    keys.answer(address, () => {
      waited = performance.now() - start;
    });
    jest.advanceTimersByTime(0);
    for (let step = 0; waited === undefined && step < 100; step++) jest.advanceTimersByTime(100);
    return waited ?? Infinity;
  }

  /** Sends many that nobody waits for, and says how many were answered at once. */
  function atOnce(address: string, times: number): number {
    let answered = 0;
    for (let time = 0; time < times; time++) keys.answer(address, () => answered++);
    return answered;
  }

  it('begins with the twentieth within a minute', () => {
    expect(atOnce('192.0.2.1', 19)).toBe(19);
    expect(waitOf('192.0.2.1')).toBe(100);
    expect(waitOf('192.0.2.1')).toBe(200);
  });

  it('grows to 2 s and no further', () => {
    atOnce('192.0.2.1', 60);
    expect(waitOf('192.0.2.1')).toBe(2000);
  });

  it('is over when a minute is', () => {
    atOnce('192.0.2.1', 60);
    jest.advanceTimersByTime(60_000);
    expect(waitOf('192.0.2.1')).toBe(0);
  });

  it('is for its address alone', () => {
    atOnce('192.0.2.1', 60);
    expect(waitOf('192.0.2.2')).toBe(0);
  });

  it('is for 100 at once; all others are answered', () => {
    expect(atOnce('192.0.2.1', 19 + 100 + 50)).toBe(19 + 50);
    jest.advanceTimersByTime(2000);
    expect(waitOf('192.0.2.1')).toBe(2000);
  });

  it('is one for the 64 bits that a network of IPv6 has for itself', () => {
    for (let host = 1; host <= 19; host++) keys.answer(`2001:db8::1:${host.toString(16)}`, () => undefined);
    expect(waitOf('2001:db8:0:0:ffff::1')).toBe(100);
    expect(waitOf('2001:db8:0:1::1')).toBe(0);
  });

  it('remembers 10,000 addresses, and forgets the one that was silent longest', () => {
    atOnce('192.0.2.1', 30);
    atOnce('192.0.2.2', 30);
    for (let number = 0; number < 9998; number++)
      keys.answer(`198.51.${number >> 8}.${number & 255}`, () => undefined);
    keys.answer('192.0.2.2', () => undefined);
    keys.answer('203.0.113.1', () => undefined);
    expect(keys.addresses).toBe(10_000);
    jest.advanceTimersByTime(2000);
    expect(waitOf('192.0.2.2')).toBeGreaterThan(0);
    expect(waitOf('192.0.2.1')).toBe(0);
  });
});

describe('the network of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['1::2:3:4:5:6:7', '1:0:2:3'],
    ['', ''],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
