import { describe, expect, it } from '@jest/globals';
import { type CommitBounds, GroupCommit } from '../src/call-store/group-commit.js';

/** A writer whose writes end when the test says so. */
class Writes {
  readonly batches: (readonly string[])[] = [];
  readonly #ends: {
    done: (refused: ReadonlyMap<string, Error>) => void;
    failed: (error: Error) => void;
  }[] = [];

  readonly write = (items: readonly string[]): Promise<ReadonlyMap<string, Error>> => {
    this.batches.push(items);
    return new Promise((done, failed) => this.#ends.push({ done, failed }));
  };

  end(batch: number, ...refused: string[]): void {
    this.#ends[batch]?.done(new Map(refused.map((item) => [item, new Error(`no room for ${item}`)])));
  }

  fail(batch: number): void {
    this.#ends[batch]?.failed(new Error(`batch ${batch}`));
  }
}

const BOUNDS: CommitBounds<string> = {
  writers: 2,
  joinAt: 3,
  items: 4,
  weight: 100,
  weigh: ({ length }) => length,
};

function begin(bounds: Partial<CommitBounds<string>> = {}): {
  writes: Writes;
  add: (...items: string[]) => Promise<unknown>;
} {
  const writes = new Writes();
  const commits = new GroupCommit({ ...BOUNDS, ...bounds }, writes.write);
  return { writes, add: (...items) => Promise.all(items.map((item) => commits.add(item))) };
}

/** Everything that is ready to run has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a group commit', () => {
  it('writes what comes in one turn together', async () => {
    const { writes, add } = begin();
    void add('a', 'b');
    await settled();

    expect(writes.batches).toEqual([['a', 'b']]);
  });

  it('keeps what comes meanwhile for the next batch', async () => {
    const { writes, add } = begin();
    void add('a');
    await settled();
    void add('b', 'c');
    await settled();
    expect(writes.batches).toEqual([['a']]);

    writes.end(0);
    await settled();
    expect(writes.batches).toEqual([['a'], ['b', 'c']]);
  });

  it('begins a second batch beside the first once enough wait', async () => {
    const { writes, add } = begin();
    void add('a');
    await settled();
    void add('b', 'c', 'd');
    await settled();

    expect(writes.batches).toEqual([['a'], ['b', 'c', 'd']]);
  });

  it('begins no third one', async () => {
    const { writes, add } = begin();
    void add('a');
    await settled();
    void add('b', 'c', 'd');
    await settled();
    void add('e', 'f', 'g');
    await settled();

    expect(writes.batches).toHaveLength(2);
  });

  it('fills a batch up to its number of items', async () => {
    const { writes, add } = begin({ writers: 1 });
    void add('a', 'b', 'c', 'd', 'e');
    await settled();
    writes.end(0);
    await settled();

    expect(writes.batches).toEqual([['a', 'b', 'c', 'd'], ['e']]);
  });

  it('fills a batch up to its weight, an item that is heavier alone', async () => {
    const { writes, add } = begin({ writers: 1, weight: 3 });
    void add('heavy', 'ab', 'c', 'd');
    for (const batch of [0, 1]) {
      await settled();
      writes.end(batch);
    }
    await settled();

    expect(writes.batches).toEqual([['heavy'], ['ab', 'c'], ['d']]);
  });

  it('tells those that were not kept, and none of the others in their batch', async () => {
    const { writes, add } = begin();
    const [kept, refused] = [add('a'), add('b')];
    await settled();
    writes.end(0, 'b');

    await expect(kept).resolves.toBeDefined();
    await expect(refused).rejects.toThrow('no room for b');
  });

  it('tells those of a batch that failed, and goes on with the next', async () => {
    const { writes, add } = begin({ writers: 1 });
    const first = add('a');
    await settled();
    const second = add('b');
    writes.fail(0);
    await expect(first).rejects.toThrow('batch 0');
    await settled();
    writes.end(1);

    await expect(second).resolves.toBeDefined();
  });
});
