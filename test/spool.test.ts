import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { HEADER_BYTES } from '../src/database/spool/record.js';
import { MAGIC } from '../src/database/spool/segment.js';
import { SpoolFull } from '../src/database/spool/spool-full.js';
import { Spool } from '../src/database/spool/spool.js';

const root = mkdtempSync(join(tmpdir(), 'spool-'));
const MIB = 1_048_576;
const PLENTY = 64 * MIB;

afterAll(() => {
  rmSync(root, { recursive: true });
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** A folder that does not exist yet. */
function newFolder(): string {
  return join(mkdtempSync(join(root, 'test-')), 'spool');
}

/** A spool that holds at most so many bytes. */
function openSpool(folder: string, maxBytes = PLENTY): Promise<Spool> {
  return Spool.open({ folder, maxBytes });
}

/** What a drain hands over, one record after the other. */
async function drained(spool: Spool, batch = 100): Promise<string[]> {
  const all: string[] = [];
  const count = await spool.drain(batch, (records) => {
    all.push(...records);
    return Promise.resolve();
  });
  expect(count).toBe(all.length);
  return all;
}

function segmentsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.spool'));
}

/** The only segment of a folder. */
function segmentIn(folder: string): string {
  const [name = '', ...others] = segmentsIn(folder);
  expect(others).toEqual([]);
  return join(folder, name);
}

/** The file that a process has written which appended these records and died. */
async function segmentOf(records: readonly string[]): Promise<{ name: string; bytes: Buffer }> {
  const folder = newFolder();
  const spool = await openSpool(folder);
  for (const record of records) await spool.append(record);
  const path = segmentIn(folder);
  const bytes = readFileSync(path);
  await spool.close();
  return { name: path.slice(folder.length + 1), bytes };
}

/** Where each record of a segment ends; the first place is that of the first record. */
function placesOf(records: readonly string[]): number[] {
  const places = [MAGIC.length];
  for (const record of records) {
    places.push((places.at(-1) ?? 0) + HEADER_BYTES + Buffer.byteLength(record));
  }
  return places;
}

/** What a spool makes of a folder with this file alone. */
async function recovered(
  name: string,
  bytes: Buffer,
): Promise<{ records: string[]; announced: number; broken: number; torn: number; left: string[] }> {
  const folder = newFolder();
  mkdirSync(folder);
  writeFileSync(join(folder, name), bytes);
  const spool = await openSpool(folder);
  const announced = spool.records;
  const records = await drained(spool, 2);
  expect([spool.records, spool.bytes]).toEqual([0, 0]);
  await spool.close();
  const left = readdirSync(folder);
  for (const file of left) expect(readFileSync(join(folder, file)).equals(bytes)).toBe(true);
  const { broken, torn } = spool;
  rmSync(folder, { recursive: true });
  return { records, announced, broken, torn, left };
}

/** The calls of every file's method, of which some fail: what no disk does when it is asked to. */
async function fileMethod<Name extends 'datasync' | 'read' | 'sync' | 'writeFile'>(name: Name) {
  const file = await open(tmpdir(), 'r');
  const prototype = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
  return jest.spyOn(prototype, name);
}

/** The inodes of the folders that are synced from now on. */
async function syncedFolders(): Promise<number[]> {
  const inodes: number[] = [];
  const sync = await fileMethod('sync');
  sync.mockImplementation(function (this: FileHandle) {
    inodes.push(fstatSync(this.fd).ino);
    return Promise.resolve();
  });
  return inodes;
}

type Read = (buffer: Buffer, offset: number, length: number, position: number) => Promise<unknown>;

/** Reads of every file go through this from now on; its first argument is the real one. */
async function onRead(read: (real: Read, ...args: Parameters<Read>) => Promise<unknown>): Promise<void> {
  const method = await fileMethod('read');
  const real = method.getMockImplementation() as unknown as Read;
  method.mockImplementation(function (this: FileHandle, ...args: Parameters<Read>) {
    return read(real.bind(this), ...args);
  } as unknown as FileHandle['read']);
}

/** Makes the disk give back no file's bytes from this place on, as it does: those before it come first. */
function unreadableFrom(place: number): Promise<void> {
  return onRead((real, buffer, offset, length, position) =>
    position < place
      ? real(buffer, offset, Math.min(length, place - position), position)
      : Promise.reject(failure('EIO')),
  );
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: told by the test`), { code });
}

describe('A spool', () => {
  it('hands records over in the order of the appends, in batches of the size asked for', async () => {
    const spool = await openSpool(newFolder());
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((record) => spool.append(record)));
    const batches: (readonly string[])[] = [];

    const count = await spool.drain(2, (records) => {
      batches.push(records);
      return Promise.resolve();
    });

    expect(batches).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(count).toBe(5);
    await spool.close();
  });

  it.each(['', '\0', '한국어 👍', '\u2028"\\\n', 'x'.repeat(3 * MIB), `${'한'.repeat(400_000)}\0`])(
    'gives a text back as it was (%#)',
    async (text) => {
      const spool = await openSpool(newFolder());
      await spool.append(text);
      await spool.append('next');

      const [first, ...rest] = await drained(spool);

      expect(first === text).toBe(true);
      expect(rest).toEqual(['next']);
      await spool.close();
    },
  );

  it('writes half a surrogate pair as U+FFFD', async () => {
    const spool = await openSpool(newFolder());
    await spool.append('a\ud83db');
    expect(await drained(spool)).toEqual(['a\ufffdb']);
    await spool.close();
  });

  it('counts what it holds, headers included', async () => {
    const spool = await openSpool(newFolder());
    await Promise.all([spool.append('abc'), spool.append('한')]);
    expect([spool.records, spool.bytes]).toEqual([2, 2 * HEADER_BYTES + 6]);

    await drained(spool);

    expect([spool.records, spool.bytes]).toEqual([0, 0]);
    await spool.close();
  });

  it('writes many appends of one moment with one fsync', async () => {
    const spool = await openSpool(newFolder());
    const datasync = await fileMethod('datasync');
    await Promise.all(Array.from({ length: 500 }, (_, index) => spool.append(String(index))));
    expect(datasync).toHaveBeenCalledTimes(1);
    await spool.close();
  });

  it('has a record on disk, and said so to the disk, before its append is fulfilled', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    const datasync = await fileMethod('datasync');
    const seen: string[] = [];
    datasync.mockImplementation(() => {
      seen.push(readFileSync(segmentIn(folder), 'utf8'));
      return Promise.resolve();
    });

    await spool.append('first');
    await spool.append('second');

    expect(seen).toEqual([expect.stringMatching(/first$/), expect.stringMatching(/second$/)]);
    await spool.close();
  });

  it('makes the names of a new folder and of a new file safe, once each', async () => {
    const sync = await fileMethod('sync');
    const spool = await openSpool(newFolder());
    expect(sync).toHaveBeenCalledTimes(2);
    await spool.append('a');
    expect(sync).toHaveBeenCalledTimes(4);
    await spool.append('b');
    expect(sync).toHaveBeenCalledTimes(4);
    await spool.close();
  });

  it('makes the names of a folder and its files safe that somebody else has made', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const synced = await syncedFolders();
    const spool = await openSpool(folder);
    expect(synced).toEqual([statSync(folder).ino, statSync(dirname(folder)).ino]);
    await spool.close();
  });

  it('makes the name of a folder safe that is made again behind its back', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    const synced = await syncedFolders();

    await spool.append('a');

    expect(synced).toEqual([statSync(folder).ino, statSync(dirname(folder)).ino]);
    await spool.close();
  });

  it('leaves no file behind once all is handed over', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    await drained(spool);
    expect(readdirSync(folder)).toEqual([]);

    await spool.append('b');
    expect(await drained(spool)).toEqual(['b']);
    await spool.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('begins a new file when one is large, and deletes each as soon as it is handed over', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    const records = Array.from({ length: 20 }, (_, index) => String(index).padEnd(MIB, '.'));
    await Promise.all(records.map((record) => spool.append(record)));
    const atFirst = segmentsIn(folder).length;
    const files: number[] = [];
    const sizes: number[] = [];

    await spool.drain(1000, (batch) => {
      files.push(segmentsIn(folder).length);
      sizes.push(batch.length);
      return Promise.resolve();
    });

    expect(atFirst).toBe(3);
    expect(files).toEqual([3, 2, 1]);
    expect(sizes).toEqual([8, 8, 4]);
    await spool.close();
  });

  it('reads every record once in one process, however small the batches are', async () => {
    const spool = await openSpool(newFolder());
    const records = Array.from({ length: 300 }, (_, index) => `record ${index}`);
    await Promise.all(records.map((record) => spool.append(record)));
    expect(await drained(spool, 1)).toEqual(records);
    await spool.close();
  });

  it('hands over what is appended while it drains', async () => {
    const spool = await openSpool(newFolder());
    await spool.append('0');
    const datasync = await fileMethod('datasync');
    const all: string[] = [];
    const appended: Promise<void>[] = [];

    await spool.drain(10, async (records) => {
      all.push(...records);
      const next = String(all.length);
      // One append is awaited, the other is still on its way when the batch is done.
      if (all.length < 20) await spool.append(`${next} awaited`);
      if (all.length < 20) appended.push(spool.append(`${next} on its way`));
    });
    await Promise.all(appended);

    expect(spool.records).toBe(0);
    expect(new Set(all).size).toBe(all.length);
    // None was written a second time because its file was closed under it.
    await Promise.all(datasync.mock.results.map(({ value }) => value));
    expect(all.filter((record) => record.endsWith('on its way'))).toHaveLength(appended.length);
    await spool.close();
  });

  it('waits for a record that is being written before it says that it is empty', async () => {
    const spool = await openSpool(newFolder());
    await spool.append('a');
    const writing = Promise.withResolvers<undefined>();
    const written = Promise.withResolvers<undefined>();
    const datasync = await fileMethod('datasync');
    datasync.mockImplementationOnce(() => {
      writing.resolve(undefined);
      return written.promise;
    });
    const all: string[] = [];
    const taken = Promise.withResolvers<undefined>();
    let appended: Promise<void> | undefined;

    const draining = spool.drain(10, async (records) => {
      all.push(...records);
      if (all.length > 1) return;
      appended = spool.append('b');
      await writing.promise;
      taken.resolve(undefined);
    });
    await taken.promise;
    // As much work as ending too early would be.
    await (await openSpool(newFolder())).close();
    written.resolve(undefined);

    expect(await draining).toBe(2);
    await appended;
    expect(all).toEqual(['a', 'b']);
    await spool.close();
  });

  it('keeps a batch that was not taken, and hands it over first the next time', async () => {
    const spool = await openSpool(newFolder());
    for (const record of ['a', 'b', 'c', 'd', 'e']) await spool.append(record);
    const taken: string[] = [];

    const draining = spool.drain(2, (records) => {
      if (records.includes('c')) return Promise.reject(new Error('database away'));
      taken.push(...records);
      return Promise.resolve();
    });

    await expect(draining).rejects.toThrow('database away');
    expect(taken).toEqual(['a', 'b']);
    expect(spool.records).toBe(3);
    expect(await drained(spool)).toEqual(['c', 'd', 'e']);
    await spool.close();
  });

  it('is drained by one at a time', async () => {
    const spool = await openSpool(newFolder());
    await spool.append('a');
    const taking = Promise.withResolvers<undefined>();
    const first = spool.drain(1, () => taking.promise);

    await expect(drained(spool)).rejects.toThrow('being drained already');

    taking.resolve(undefined);
    expect(await first).toBe(1);
    expect(await drained(spool)).toEqual([]);
    await spool.close();
  });

  it.each([0, -1, NaN])('refuses a batch of %s records', async (batch) => {
    const spool = await openSpool(newFolder());
    await spool.append('a');
    await expect(drained(spool, batch)).rejects.toThrow(RangeError);
    expect(spool.records).toBe(1);
    await spool.close();
  });
});

describe('Closing', () => {
  it('writes what waits and refuses what comes later', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    const writing = Promise.withResolvers<undefined>();
    const written = Promise.withResolvers<undefined>();
    const datasync = await fileMethod('datasync');
    datasync.mockImplementationOnce(() => {
      writing.resolve(undefined);
      return written.promise;
    });
    const ended: string[] = [];
    const appended = spool.append('a');
    const closed = spool.close().then(() => ended.push('closed'));

    await expect(spool.append('b')).rejects.toThrow('closed');
    await expect(drained(spool)).rejects.toThrow('closed');
    await writing.promise;
    ended.push('written');
    written.resolve(undefined);
    await closed;

    expect(ended).toEqual(['written', 'closed']);
    const next = await openSpool(folder);
    expect(await drained(next)).toEqual(['a']);
    await Promise.all([appended, next.close()]);
  });

  it('lets a drain finish its batch and keeps the rest', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    for (const record of ['a', 'b', 'c']) await spool.append(record);
    const started = Promise.withResolvers<undefined>();
    const taking = Promise.withResolvers<undefined>();
    const draining = spool.drain(2, () => {
      started.resolve(undefined);
      return taking.promise;
    });
    await started.promise;
    const ended: string[] = [];
    const closed = spool.close().then(() => ended.push('closed'));
    // As much work as closing is, so that closing too early would be seen.
    await (await openSpool(newFolder())).close();
    ended.push('taken');
    taking.resolve(undefined);

    expect(await draining).toBe(2);
    await closed;
    expect(ended).toEqual(['taken', 'closed']);
    const next = await openSpool(folder);
    expect(await drained(next)).toEqual(['a', 'b', 'c']);
    await next.close();
  });
});

describe('Limits', () => {
  it('takes no more than its bytes, and takes again when it has handed some over', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder, 2 * (HEADER_BYTES + 10));
    const text = 'x'.repeat(10);
    const results = await Promise.allSettled([spool.append(text), spool.append(text), spool.append(text)]);

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await expect(spool.append('')).rejects.toThrow(SpoolFull);
    await expect(spool.append('')).rejects.toThrow(`${folder} holds 44 of at most 44 bytes`);

    await drained(spool);
    await spool.append(text);
    expect(spool.records).toBe(1);
    await spool.close();
  });

  it('counts what an earlier process left', async () => {
    const folder = newFolder();
    const earlier = await openSpool(folder);
    await earlier.append('x'.repeat(10));
    await earlier.close();

    const spool = await openSpool(folder, HEADER_BYTES + 10);

    await expect(spool.append('')).rejects.toThrow(SpoolFull);
    await spool.close();
  });
});

describe('A failing disk', () => {
  it('keeps what it holds when there is no room in the middle of a write', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('before');
    const writeFile = await fileMethod('writeFile');
    writeFile.mockImplementationOnce(async function (this: FileHandle, data) {
      await this.write((data as Buffer).subarray(0, 15));
      throw failure('ENOSPC');
    });

    await expect(spool.append('too much')).rejects.toThrow(SpoolFull);

    await spool.append('after');
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    const crashed = await openSpool(copy);
    expect([crashed.torn, crashed.broken]).toEqual([0, 0]);
    expect(await drained(crashed)).toEqual(['before', 'after']);
    expect(await drained(spool)).toEqual(['before', 'after']);
    await Promise.all([crashed.close(), spool.close()]);
  });

  it('leaves no file behind for a first record without room', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    const writeFile = await fileMethod('writeFile');
    writeFile.mockRejectedValueOnce(failure('EDQUOT'));

    await expect(spool.append('a')).rejects.toThrow(
      `The disk under the spool in ${folder} is full (EDQUOT: told by the test): make room on it.`,
    );

    expect(readdirSync(folder)).toEqual([]);
    await spool.close();
  });

  it('writes the records to a new file when an fsync fails, and never to the old one again', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('before');
    const old = segmentIn(folder);
    const size = statSync(old).size;
    const datasync = await fileMethod('datasync');
    datasync.mockRejectedValueOnce(failure('EIO'));

    await Promise.all([spool.append('a'), spool.append('b')]);
    await spool.append('c');

    expect(segmentsIn(folder)).toHaveLength(2);
    expect(statSync(old).size).toBe(size);
    expect(await drained(spool)).toEqual(['before', 'a', 'b', 'c']);
    await spool.close();
  });

  it('rejects the appends when the new file fails too, and goes on once the disk does', async () => {
    const spool = await openSpool(newFolder());
    const datasync = await fileMethod('datasync');
    datasync.mockRejectedValueOnce(failure('EIO')).mockRejectedValueOnce(failure('EIO'));

    const results = await Promise.allSettled([spool.append('a'), spool.append('b')]);

    expect(results.map((result) => (result.status === 'rejected' ? String(result.reason) : ''))).toEqual([
      'Error: EIO: told by the test',
      'Error: EIO: told by the test',
    ]);
    expect([spool.records, spool.bytes]).toEqual([0, 0]);
    await spool.append('c');
    expect(await drained(spool)).toEqual(['c']);
    await spool.close();
  });

  const disk = mkdtempSync(join(root, 'disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;
  afterAll(() => {
    if (mounted) spawnSync('umount', [disk]);
  });

  (mounted ? it : it.skip)('says that a real disk is full and loses nothing that it had taken', async () => {
    const folder = join(disk, 'spool');
    const spool = await openSpool(folder);
    const records = Array.from({ length: 100 }, (_, index) => `${index} `.padEnd(1000, '.'));
    const taken: string[] = [];
    const errors: unknown[] = [];
    for (const record of records) {
      await spool.append(record).then(
        () => taken.push(record),
        (error: unknown) => errors.push(error),
      );
    }

    expect(taken.length).toBeGreaterThan(20);
    expect(errors.length).toBeGreaterThan(20);
    expect(errors.every((error) => error instanceof SpoolFull)).toBe(true);
    expect(await drained(spool)).toEqual(taken);

    await spool.append('room again');
    expect(await drained(spool)).toEqual(['room again']);
    expect(readdirSync(folder)).toEqual([]);
    await spool.close();
  });
});

describe('A file that another process takes while it is written', () => {
  /** Moves a spool's file to a folder of its own. */
  function take(folder: string): string {
    const taken = newFolder();
    mkdirSync(taken);
    const path = segmentIn(folder);
    renameSync(path, join(taken, basename(path)));
    return taken;
  }

  it('is followed by a new one with the records that its reader may have missed', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    take(folder);

    await spool.append('b');

    const next = await openSpool(folder);
    expect(await drained(next)).toEqual(['b']);
    await Promise.all([next.close(), spool.close()]);
  });

  it('is noticed where another file has its name, too', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    const path = segmentIn(folder);
    take(folder);
    writeFileSync(path, MAGIC);

    await spool.append('b');

    expect(readFileSync(path)).toEqual(MAGIC);
    const next = await openSpool(folder);
    expect(await drained(next)).toEqual(['b']);
    await Promise.all([next.close(), spool.close()]);
  });

  it('is followed by one in a new folder where its folder is gone', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    take(folder);
    rmdirSync(folder);

    await spool.append('b');

    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const next = await openSpool(folder);
    expect(await drained(next)).toEqual(['b']);
    await Promise.all([next.close(), spool.close()]);
  });

  it('keeps all that was written for its reader', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    let taken = '';
    const datasync = await fileMethod('datasync');
    datasync.mockImplementationOnce(() => {
      taken = take(folder);
      return Promise.resolve();
    });

    await spool.append('b');

    const taker = await openSpool(taken);
    expect(await drained(taker)).toEqual(['a', 'b']);
    expect([taker.torn, taker.broken]).toEqual([0, 0]);
    await Promise.all([taker.close(), spool.close()]);
  });
});

describe('Opening', () => {
  it('makes a folder and files for its owner alone', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    await spool.append('a');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(segmentIn(folder)).mode & 0o777).toBe(0o600);
    await spool.close();
  });

  it('takes over what earlier processes left, oldest first, and goes on in a file of its own', async () => {
    const folder = newFolder();
    for (const record of ['a', 'b', 'c']) {
      const earlier = await openSpool(folder);
      await earlier.append(record);
      await earlier.close();
    }
    const spool = await openSpool(folder);
    expect(spool.records).toBe(3);
    await spool.append('d');
    expect(segmentsIn(folder)).toHaveLength(4);
    expect(await drained(spool)).toEqual(['a', 'b', 'c', 'd']);
    await spool.close();
  });

  it('keeps the order when the clock was set back between two processes', async () => {
    const folder = newFolder();
    const earlier = await openSpool(folder);
    await earlier.append('a');
    await earlier.close();
    jest.spyOn(Date, 'now').mockReturnValue(1_000_000_000_000);
    const spool = await openSpool(folder);
    await spool.append('b');
    await spool.close();

    const last = await openSpool(folder);
    expect(await drained(last)).toEqual(['a', 'b']);
    await last.close();
  });

  it('finds after a crash at any moment all that was promised and not handed over, in order', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 1, arbitrary: fc.constant('fault' as const) },
      { weight: 1, arbitrary: fc.constant('crash' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const datasync = await fileMethod('datasync');
        let folder = newFolder();
        let spool = await openSpool(folder);
        let held: string[] = [];
        let next = 0;
        for (const what of steps) {
          if (what === 'fault') datasync.mockRejectedValueOnce(failure('EIO'));
          else if (what === 'crash') {
            const copy = newFolder();
            cpSync(folder, copy, { recursive: true });
            await spool.close();
            folder = copy;
            spool = await openSpool(folder);
            expect([spool.torn, spool.broken]).toEqual([0, 0]);
            const found = await drained(spool, 2);
            expect(found.slice(found.length - held.length)).toEqual(held);
            held = [];
          } else if ('append' in what) {
            const records = Array.from({ length: what.append }, () => `record ${(next += 1)}`);
            const results = await Promise.allSettled(records.map((record) => spool.append(record)));
            held.push(...records.filter((_, index) => results[index]?.status === 'fulfilled'));
          } else {
            let batches = what.take;
            const draining = spool.drain(2, (records) => {
              if (batches === 0) return Promise.reject(new Error('enough'));
              batches -= 1;
              expect(records).toEqual(held.splice(0, records.length));
              return Promise.resolve();
            });
            await draining.catch((error: unknown) => {
              expect(error).toEqual(new Error('enough'));
            });
          }
          expect(spool.records).toBe(held.length);
        }
        await spool.close();
        datasync.mockRestore();
      }),
      { numRuns: 60 },
    );
  });

  it('finds all records before any cut, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (records, hasZeros) => {
          const { name, bytes } = await segmentOf(records);
          const places = placesOf(records);
          expect(bytes.length).toBe(places.at(-1));
          for (let cut = 0; cut <= bytes.length; cut += 1) {
            const whole = records.filter((_, index) => (places[index + 1] ?? 0) <= cut);
            const rest = Buffer.alloc(hasZeros ? bytes.length - cut : 0);
            const found = await recovered(name, Buffer.concat([bytes.subarray(0, cut), rest]));
            if (hasZeros) {
              // A record's last bytes may be zeros themselves.
              expect(found.records).toEqual(records.slice(0, found.records.length));
              expect(found.records.length).toBeGreaterThanOrEqual(whole.length);
            } else {
              const torn = cut >= MAGIC.length && places.includes(cut) ? 0 : 1;
              expect(found).toEqual({ records: whole, announced: whole.length, broken: 0, torn, left: [] });
            }
          }
        },
      ),
      { numRuns: 4 },
    );
  });

  it('takes zeros behind the last record for a torn tail', async () => {
    const records = ['a', 'b'];
    const { name, bytes } = await segmentOf(records);
    const found = await recovered(name, Buffer.concat([bytes, Buffer.alloc(3 * MIB)]));
    expect(found).toEqual({ records, announced: 2, broken: 0, torn: 1, left: [] });
  });

  it.each([0, 3, 8, 5000])('takes a file of %s zeros for one that was never written', async (size) => {
    const found = await recovered('1700000000000-0123abcd.spool', Buffer.alloc(size));
    expect(found).toEqual({ records: [], announced: 0, broken: 0, torn: 1, left: [] });
  });

  it('loses to a flipped bit the record it is in alone, and keeps the file', async () => {
    const records = ['first', '', '둘째', 'last'];
    const { name, bytes } = await segmentOf(records);
    const places = placesOf(records);
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << (at % 8)), at);
      const found = await recovered(name, damaged);

      // Before the first record there is none.
      const hit = places.findLastIndex((place) => place <= at);
      const kept = records.filter((_, index) => index !== hit);
      expect(found).toEqual({
        records: kept,
        announced: kept.length,
        broken: 1,
        torn: 0,
        left: [`${name}.damaged`],
      });
    }
  });

  it('finds the records behind damage of any size, at any place', async () => {
    const records = [0, 1, 70_000, 3, 200_000, 12, 0].map((length, index) => String(index).repeat(length));
    const { name, bytes } = await segmentOf(records);
    const places = placesOf(records);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 150_000 }),
        fc.constantFrom(0x00, 0x41, 0xff),
        async (from, length, filler) => {
          const damaged = Buffer.from(bytes).fill(filler, from, Math.min(from + length, bytes.length));
          const isHit = (start = 0, end = 0): boolean =>
            !damaged.subarray(start, end).equals(bytes.subarray(start, end));
          const found = await recovered(name, damaged);
          expect(found.records).toEqual(
            records.filter((_, index) => !isHit(places[index], places[index + 1])),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('counts as one what lies between a damaged header and the next sound record', async () => {
    const records = Array.from({ length: 9 }, (_, index) => `record ${index}`);
    const { name, bytes } = await segmentOf(records);
    const places = placesOf(records);
    for (const index of [3, 4, 5, 7]) bytes.fill('?', places[index], places[index + 1]);

    const found = await recovered(name, bytes);

    expect(found.records).toEqual([0, 1, 2, 6, 8].map((index) => records[index]));
    expect([found.broken, found.torn, found.left]).toEqual([2, 0, [`${name}.damaged`]]);
  });

  it('counts a torn tail behind damage as torn, too', async () => {
    const records = ['first', 'second', 'third'];
    const { name, bytes } = await segmentOf(records);
    bytes.fill('?', MAGIC.length, placesOf(records)[1]);

    const found = await recovered(name, bytes.subarray(0, bytes.length - 1));

    expect([found.records, found.broken, found.torn]).toEqual([['second'], 1, 1]);
  });

  it('hands over all sound records between several damaged ones', async () => {
    const records = Array.from({ length: 9 }, (_, index) => `record ${index}`);
    const { name, bytes } = await segmentOf(records);
    const places = placesOf(records);
    for (const index of [0, 3, 4, 8]) bytes.fill('?', (places[index + 1] ?? 0) - 2, places[index + 1]);

    const found = await recovered(name, bytes);

    expect(found.records).toEqual([1, 2, 5, 6, 7].map((index) => records[index]));
    expect(found.broken).toBe(4);
  });

  it('starts with a disk that does not give its files back, counts them and keeps them', async () => {
    const { name, bytes } = await segmentOf(['a', 'b']);
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, name), bytes);
    await unreadableFrom(0);

    const spool = await openSpool(folder);

    expect([spool.records, spool.broken, spool.torn]).toEqual([0, 1, 0]);
    expect(readdirSync(folder)).toEqual([`${name}.damaged`]);
    await spool.close();
  });

  it('hands over what comes before the place that a disk does not give back', async () => {
    const records = ['first', 'second', 'third', 'fourth'];
    const { name, bytes } = await segmentOf(records);
    await unreadableFrom((placesOf(records)[2] ?? 0) + HEADER_BYTES);

    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, name), bytes);
    const spool = await openSpool(folder);

    expect(await drained(spool)).toEqual(['first', 'second']);
    expect([spool.broken, spool.torn, readdirSync(folder)]).toEqual([1, 0, [`${name}.damaged`]]);
    await spool.close();
  });

  it('hands over what lies between damage and a place that a disk does not give back', async () => {
    const records = ['first', 'second', 'third', 'fourth'];
    const { name, bytes } = await segmentOf(records);
    const places = placesOf(records);
    bytes.fill('?', places[0], places[1]);
    await unreadableFrom(places[2] ?? 0);

    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, name), bytes);
    const spool = await openSpool(folder);

    expect(await drained(spool)).toEqual(['second']);
    expect([spool.broken, spool.torn]).toEqual([2, 0]);
    await spool.close();
  });

  it('starts when a file is gone before it can be read, and counts it', async () => {
    const folder = newFolder();
    for (const record of ['a', 'b']) {
      const earlier = await openSpool(folder);
      await earlier.append(record);
      await earlier.close();
    }
    const [, gone = ''] = segmentsIn(folder).sort();
    await onRead((real, ...args) => {
      rmSync(join(folder, gone), { force: true });
      return real(...args);
    });

    const spool = await openSpool(folder);

    expect(spool.broken).toBe(1);
    expect(await drained(spool)).toEqual(['a']);
    await spool.close();
  });

  it('does not read a damaged file again once it is set aside', async () => {
    const { name, bytes } = await segmentOf(['a', 'b']);
    bytes.write('?', bytes.length - 1);
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, name), bytes);
    const spool = await openSpool(folder);
    expect(await drained(spool)).toEqual(['a']);
    await spool.close();

    const next = await openSpool(folder);

    expect([next.records, next.broken]).toEqual([0, 0]);
    await next.close();
  });

  it('counts records that became unreadable after it was opened, and keeps their file', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    for (const record of ['a', 'b', 'c']) await spool.append(record);
    truncateSync(segmentIn(folder), placesOf(['a', 'b'])[2]);

    expect(await drained(spool)).toEqual(['a', 'b']);

    expect([spool.records, spool.bytes, spool.broken]).toEqual([0, 0, 1]);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/\.spool\.damaged$/)]);
    await spool.close();
  });

  it('counts records whose header became unreadable after it was opened, and hands over those behind', async () => {
    const folder = newFolder();
    const spool = await openSpool(folder);
    const records = ['a', 'b', 'c', 'd'];
    for (const record of records) await spool.append(record);
    const bytes = readFileSync(segmentIn(folder));
    const places = placesOf(records);
    writeFileSync(segmentIn(folder), bytes.fill('?', places[1], places[3]));

    expect(await drained(spool)).toEqual(['a', 'd']);

    expect([spool.records, spool.bytes, spool.broken]).toEqual([0, 0, 2]);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/\.spool\.damaged$/)]);
    await spool.close();
  });

  it('gives up a file that is gone, and hands over those behind it', async () => {
    const folder = newFolder();
    const first = await openSpool(folder);
    await first.append('a');
    await first.close();
    const [gone = ''] = segmentsIn(folder);
    const spool = await openSpool(folder);
    await spool.append('b');
    rmSync(join(folder, gone));

    expect(await drained(spool)).toEqual(['b']);

    expect([spool.records, spool.bytes, spool.broken]).toEqual([0, 0, 1]);
    await spool.close();
  });

  it('leaves files alone that are no segments', async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const names = ['notes.txt', '.spool', '1-2.spool', '1700000000000-0123abcd.spool.damaged'];
    for (const name of names) writeFileSync(join(folder, name), MAGIC);
    mkdirSync(join(folder, '1700000000000-0123abcd.spool'));

    const spool = await openSpool(folder);

    expect([spool.records, spool.broken]).toEqual([0, 0]);
    await spool.append('a');
    expect(await drained(spool)).toEqual(['a']);
    await spool.close();
    for (const name of names) expect(readFileSync(join(folder, name))).toEqual(MAGIC);
    expect(existsSync(join(folder, '1700000000000-0123abcd.spool'))).toBe(true);
  });

  it("counts a file with a segment's name and other content, and leaves it alone", async () => {
    const found = await recovered('1700000000000-0123abcd.spool', Buffer.from('spool 2\nof another version'));
    expect(found).toEqual({
      records: [],
      announced: 0,
      broken: 1,
      torn: 0,
      left: ['1700000000000-0123abcd.spool'],
    });
  });

  it('says what is wrong with a folder that cannot be made', async () => {
    const file = join(mkdtempSync(join(root, 'test-')), 'file');
    writeFileSync(file, '');
    await expect(openSpool(join(file, 'spool'))).rejects.toThrow('ENOTDIR');
  });
});
