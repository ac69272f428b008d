import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OwnSpool } from '../src/call-store/own-spool.js';
import { Settings } from '../src/config/settings.js';
import { Spool } from '../src/database/spool/spool.js';

/** Seconds: a sign that is late, and a silence that nobody alive keeps. */
const LATE = 150;
const SILENT = 190;

/** A process that opens its spool when it is told to, and drains it. */
const NEIGHBOUR = `
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve: (name, context, next) =>
      next(name.startsWith('.') && context.parentURL?.endsWith('.ts') ? name.replace(/\\.js$/, '.ts') : name, context),
  });
  const { OwnSpool } = await import(${JSON.stringify(new URL('../src/call-store/own-spool.ts', import.meta.url).href)});
  process.once('message', async ({ settings, instance }) => {
    const spool = await OwnSpool.open(settings, instance);
    const taken = [];
    await spool.drain(10, async (records) => void taken.push(...records));
    process.send(taken);
  });
  process.send('ready');`;

let dataDir: string;
let parent: string;
const opened: OwnSpool[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'own-spool-'));
  parent = join(dataDir, 'spool');
});

afterEach(async () => {
  jest.useRealTimers();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  for (const own of opened.splice(0)) await own.release();
  rmSync(dataDir, { recursive: true });
});

function settings(): Settings {
  return Object.assign(new Settings(), { dataDir });
}

/** Opens a service's spool; it is left with the test. */
async function open(instance = randomUUID()): Promise<OwnSpool> {
  const own = await OwnSpool.open(settings(), instance);
  opened.push(own);
  return own;
}

/** Where processes of this test run, as it is written in front of their numbers. */
async function here(): Promise<string> {
  const instance = randomUUID();
  const own = await OwnSpool.open(settings(), instance);
  const [name = ''] = readdirSync(parent);
  await own.release();
  rmSync(join(parent, name), { recursive: true });
  return name.slice(0, -`~${process.pid}~${instance}`.length);
}

/** Touches a folder and what is in it so many seconds ago. */
function touch(folder: string, secondsAgo: number): void {
  const moment = new Date(Date.now() - secondsAgo * 1000);
  for (const file of readdirSync(folder)) utimesSync(join(folder, file), moment, moment);
  utimesSync(folder, moment, moment);
}

/** What another service has written, which has given its last sign so long ago. */
async function neighbour(name: string, secondsAgo: number, ...records: string[]): Promise<string> {
  const folder = join(parent, name);
  const spool = await Spool.open({ folder, maxBytes: 1_048_576 });
  for (const record of records) await spool.append(record);
  await spool.close();
  touch(folder, secondsAgo);
  return folder;
}

async function drained(spool: OwnSpool): Promise<string[]> {
  const all: string[] = [];
  await spool.drain(10, (records) => {
    all.push(...records);
    return Promise.resolve();
  });
  return all;
}

/** The number of a process that is over. */
const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid;

describe('a folder that is left alone', () => {
  it('is that of another host whose service gives signs, however old its files are', async () => {
    const folder = await neighbour(`elsewhere~4026531836~1~${randomUUID()}`, 86_400, 'a');
    utimesSync(folder, new Date(), new Date(Date.now() - LATE * 1000));

    const own = await open();

    expect(await drained(own)).toEqual([]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('is that of another PID namespace of our host, where our number or one that is dead here may live', async () => {
    const place = `${(await here()).split('~')[0]}~1`;
    const folders = [
      await neighbour(`${place}~${process.pid}~${randomUUID()}`, LATE, 'a'),
      await neighbour(`${place}~${deadPid()}~${randomUUID()}`, LATE, 'b'),
    ];

    const own = await open();

    expect(await drained(own)).toEqual([]);
    expect(folders.map((folder) => readdirSync(folder).length)).toEqual([1, 1]);
  });

  it('is that of a process of ours that lives', async () => {
    await neighbour(`${await here()}~${process.ppid}~${randomUUID()}`, LATE, 'a');
    expect(await drained(await open())).toEqual([]);
  });

  it('is that of another service in this process', async () => {
    const first = await open();
    await first.append('a');

    expect(await drained(await open())).toEqual([]);
    expect(await drained(first)).toEqual(['a']);
  });

  it.each(['mine', 'elsewhere~one~two', '~~'])('has no name of a service: %s', async (name) => {
    const folder = join(parent, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'file'), 'text');
    touch(folder, 86_400);

    await drained(await open());

    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('a folder that is taken over', () => {
  it('is that of another host that is silent', async () => {
    const folder = await neighbour(`elsewhere~4026531836~1~${randomUUID()}`, SILENT, 'a', 'b');

    const own = await open();

    expect(own.records).toBe(2);
    expect(await drained(own)).toEqual(['a', 'b']);
    expect(() => statSync(folder)).toThrow('ENOENT');
  });

  it('is that of an older version, whose name tells no namespace', async () => {
    await neighbour(`elsewhere~1~${randomUUID()}`, SILENT, 'a');
    expect(await drained(await open())).toEqual(['a']);
  });

  it('is that of a number of ours which is another process now, once it is silent', async () => {
    await neighbour(`${await here()}~${process.ppid}~${randomUUID()}`, SILENT, 'a');
    expect(await drained(await open())).toEqual(['a']);
  });

  it('is that of a dead process of ours, at once', async () => {
    await neighbour(`${await here()}~${deadPid()}~${randomUUID()}`, 0, 'a');
    expect(await drained(await open())).toEqual(['a']);
  });

  it('is that of our own number with another instance, at once', async () => {
    await neighbour(`${await here()}~${process.pid}~${randomUUID()}`, 0, 'a');
    expect(await drained(await open())).toEqual(['a']);
  });

  it('is one that was left in order, wherever its service ran, at once', async () => {
    const left = await OwnSpool.open(settings(), randomUUID());
    await left.append('a');
    await left.release();
    const [name = ''] = readdirSync(parent);
    renameSync(join(parent, name), join(parent, `elsewhere~4026531836~1~${randomUUID()}`));

    expect(await drained(await open())).toEqual(['a']);
  });

  it('is looked for with each drain, too', async () => {
    const own = await open();
    await own.append('a');
    const folder = await neighbour(`elsewhere~4026531836~1~${randomUUID()}`, SILENT, 'b');

    expect(await drained(own)).toEqual(['a', 'b']);

    expect(() => statSync(folder)).toThrow('ENOENT');
    expect(readdirSync(parent)).toHaveLength(1);
  });

  it('keeps what a drain could not hand over for the next one', async () => {
    const own = await open();
    await neighbour(`elsewhere~4026531836~1~${randomUUID()}`, SILENT, 'a');

    await expect(own.drain(10, () => Promise.reject(new Error('away')))).rejects.toThrow('away');

    expect(await drained(own)).toEqual(['a']);
  });

  it('keeps what is not handed over when the spool is left for the next service', async () => {
    const own = await OwnSpool.open(settings(), randomUUID());
    await neighbour(`elsewhere~4026531836~1~${randomUUID()}`, SILENT, 'a', 'b');
    let released: Promise<void> | undefined;

    const count = await own.drain(1, () => {
      released = own.release();
      return Promise.resolve();
    });
    await released;

    expect(count).toBe(1);
    expect(await drained(await open())).toContain('b');
  });

  it('loses nothing to two that start at once', async () => {
    const records = Array.from({ length: 40 }, (_, number) => `record ${number}`);
    const place = await here();
    const dead = deadPid();
    for (const record of records) await neighbour(`${place}~${dead}~${randomUUID()}`, SILENT, record);
    const both = [0, 1].map(() => {
      const child = spawn(
        process.execPath,
        [
          '--experimental-transform-types',
          '--disable-warning=ExperimentalWarning',
          '--input-type=module',
          '--eval',
          NEIGHBOUR,
        ],
        { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
      );
      children.push(child);
      return child;
    });
    await Promise.all(both.map((child) => once(child, 'message')));

    const taken = both.map(async (child) => (await once(child, 'message')) as [string[]]);
    for (const child of both) child.send({ settings: settings(), instance: randomUUID() });

    const all = (await Promise.all(taken)).flatMap(([own]) => own);
    expect(all.sort()).toEqual(records.sort());
  });
});

describe('a service that lives', () => {
  /** Opens a spool whose clock is the test's, and says where it is. */
  async function openTimed(): Promise<{ own: OwnSpool; folder: string }> {
    jest.useFakeTimers({ doNotFake: ['Date', 'nextTick', 'queueMicrotask', 'setImmediate'] });
    const own = await open();
    const [name = ''] = readdirSync(parent);
    return { own, folder: join(parent, name) };
  }

  it('touches its folder twice a minute', async () => {
    const { folder } = await openTimed();
    touch(folder, SILENT);

    jest.advanceTimersByTime(30_000);

    while (Date.now() - statSync(folder).mtimeMs > LATE * 1000) await delay(5);
  });

  it('goes on in a new folder where another has taken its own', async () => {
    const { own, folder } = await openTimed();
    rmSync(folder, { recursive: true });

    jest.advanceTimersByTime(30_000);
    while (!statSync(folder, { throwIfNoEntry: false })) await delay(5);

    await own.append('a');
    expect(await drained(own)).toEqual(['a']);
  });

  it('gives no sign any more once it has left', async () => {
    const { own } = await openTimed();
    await own.release();
    expect(jest.getTimerCount()).toBe(0);
  });
});
