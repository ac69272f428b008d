import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { CallEvents } from '../src/calls/call-events.js';
import type { CallRecord } from '../src/calls/call-record.js';
import type { RowWrite } from '../src/calls/row-write.js';
import { RunningCalls } from '../src/calls/running-calls.js';
import { CallStore } from '../src/call-store/call-store.js';
import { Instance } from '../src/call-store/instance.js';
import { Settings } from '../src/config/settings.js';
import { DatabaseService } from '../src/database/database.service.js';
import { DatabaseProxy } from './kill/database-proxy.js';
import { patient } from './support/pace.js';
import { answeredStep } from './support/records.js';

const DATABASE_URL = process.env.TEST_DATABASE_URL ?? '';

/** A table of a stage that settles something with every call. */
const LEDGER = `ledger_${randomBytes(6).toString('hex')}`;

let other: Client;
let proxy: DatabaseProxy;
let folder: string;
let database: DatabaseService;
let store: CallStore;
/** What the stage was told of statements that were not committed: call by reason. */
let missed: { call: string; reason: string }[];

beforeAll(async () => {
  Logger.overrideLogger(false);
  other = await connect();
  await other.query(
    `create table ${LEDGER} (account text primary key, calls int not null check (calls < 100))`,
  );
});

afterAll(async () => {
  await other.query(`drop table ${LEDGER}`);
  await other.end();
});

beforeEach(async () => {
  missed = [];
  proxy = await DatabaseProxy.start(DATABASE_URL);
  folder = mkdtempSync(join(tmpdir(), 'row-writes-'));
  await start({ databaseTimeout: 5 });
});

afterEach(async () => {
  await store.onApplicationShutdown();
  await database.onApplicationShutdown();
  proxy.thaw();
  await proxy.cut();
  await other.query(`truncate ${LEDGER}`);
  rmSync(folder, { recursive: true });
});

/** The store of a service whose way to the database can be cut. */
async function start(values: Partial<Settings>): Promise<void> {
  const settings = Object.assign(new Settings(), {
    databaseUrl: proxy.url,
    databaseConnections: 4,
    dataDir: folder,
    ...values,
  });
  database = new DatabaseService(settings);
  await database.onModuleInit();
  store = new CallStore(settings, database, new Instance(database), new RunningCalls(new CallEvents()));
  await store.onModuleInit();
}

async function restart(values: Partial<Settings>): Promise<void> {
  await store.onApplicationShutdown();
  await database.onApplicationShutdown();
  await start(values);
}

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: DATABASE_URL });
  await client.connect();
  return client;
}

/** Counts a call on an account. */
function counting({ facts }: CallRecord, account = 'team', by = 1): RowWrite {
  return {
    text: `insert into ${LEDGER} values ($1, $2)
      on conflict (account) do update set calls = ${LEDGER}.calls + excluded.calls`,
    values: [account, by],
    target: account,
    missed: ({ message }) => {
      missed.push({ call: facts.callId, reason: message });
    },
  };
}

/** A statement that the database refuses. */
const refused = (call: CallRecord): RowWrite => ({
  ...counting(call),
  text: 'insert into no_such_table values ($1, $2)',
});

const records = (count: number): CallRecord[] => Array.from({ length: count }, () => answeredStep());

async function ledger(): Promise<Record<string, number>> {
  const { rows } = await other.query<{ account: string; calls: number }>(`select * from ${LEDGER}`);
  return Object.fromEntries(rows.map(({ account, calls }) => [account, calls]));
}

/** How many of the calls are in the log. */
async function stored(...calls: CallRecord[]): Promise<number> {
  const { rows } = await other.query('select from calls where id = any($1)', [
    calls.map(({ facts }) => facts.callId),
  ]);
  return rows.length;
}

describe('a statement that is written with a call', () => {
  it('is committed with its row', async () => {
    const call = answeredStep();

    await store.write(call, [counting(call)]);

    expect(await ledger()).toEqual({ team: 1 });
    expect(await stored(call)).toBe(1);
    expect(missed).toEqual([]);
  });

  it('is not seen before its row', async () => {
    const call = answeredStep();
    const holder = await connect();
    await holder.query(`begin; insert into ${LEDGER} values ('team', 0)`);
    const writing = store.write(call, [counting(call)]);
    await untilBlockedBy(holder);

    expect(await stored(call)).toBe(0);
    await holder.query('commit');
    await holder.end();

    await writing;
    expect(await ledger()).toEqual({ team: 1 });
    expect(await stored(call)).toBe(1);
  });

  it('goes with those of other calls, beside calls that have none', async () => {
    const counted = records(50);
    const others = records(50);

    await Promise.all([
      ...counted.map((call) => store.write(call, [counting(call), counting(call, call.facts.callId)])),
      ...others.map((call) => store.write(call)),
    ]);

    expect(await ledger()).toMatchObject({ team: 50 });
    expect(Object.keys(await ledger())).toHaveLength(51);
    expect(await stored(...counted, ...others)).toBe(100);
  });

  it('waits for another transaction on the same rows instead of deadlocking with it', async () => {
    const calls = records(40);
    const [one, two] = ['a', 'b'];

    await Promise.all(
      calls.map((call, number) =>
        store.write(
          call,
          number % 2 === 0
            ? [counting(call, one), counting(call, two)]
            : [counting(call, two), counting(call, one)],
        ),
      ),
    );

    expect(await ledger()).toEqual({ a: 40, b: 40 });
    expect(missed).toEqual([]);
  });

  it('and that the database refuses is reported as missed, and its row is stored without it', async () => {
    const call = answeredStep();

    await store.write(call, [refused(call), counting(call)]);

    expect(missed).toEqual([{ call: call.facts.callId, reason: 'relation "no_such_table" does not exist' }]);
    expect(await ledger()).toEqual({ team: 1 });
    expect(await stored(call)).toBe(1);
    expect(database.problem).toBeUndefined();
  });

  it('and that the database refuses costs other calls neither their statements nor their rows', async () => {
    const [unlucky, ...others] = records(10);
    if (!unlucky) throw new Error('There are no calls.');

    await Promise.all([
      store.write(unlucky, [refused(unlucky)]),
      ...others.map((call) => store.write(call, [counting(call)])),
    ]);

    expect(missed.map(({ call }) => call)).toEqual([unlucky.facts.callId]);
    expect(await ledger()).toEqual({ team: 9 });
    expect(await stored(unlucky, ...others)).toBe(10);
  });

  it('that comes to nothing for what it says is reported as missed, with the reason of the database', async () => {
    const [first, second] = records(2);
    if (!first || !second) throw new Error('There are no calls.');

    await store.write(first, [counting(first, 'team', 99)]);
    await store.write(second, [counting(second)]);

    expect(missed).toMatchObject([
      { call: second.facts.callId, reason: expect.stringContaining('violates check constraint') },
    ]);
    expect(await stored(first, second)).toBe(2);
  });

  it('is told that it is missed where the database does not take the row as it is, which is kept as text', async () => {
    const call = answeredStep();
    call.content.reply = '{';

    await store.write(call, [counting(call)]);

    expect(missed).toHaveLength(1);
    expect(await ledger()).toEqual({});
    expect(await stored(call)).toBe(1);
  });

  it('that somebody is in the way of is given up, and does not make the database look away', async () => {
    await restart({ databaseTimeout: patient(2000) / 1000 });
    const call = answeredStep();
    const holder = await connect();
    await holder.query(`begin; insert into ${LEDGER} values ('team', 0)`);

    await store.write(call, [counting(call)]);
    await holder.query('rollback');
    await holder.end();

    expect(missed).toMatchObject([{ reason: expect.stringContaining('lock timeout') }]);
    expect(await stored(call)).toBe(1);
    expect(database.problem).toBeUndefined();
  });

  it('whose stage fails to make up for it fails no call', async () => {
    const call = answeredStep();
    const failing = {
      ...refused(call),
      missed: () => {
        throw new Error('no way');
      },
    };

    await store.write(call, [failing]);

    expect(await stored(call)).toBe(1);
  });
});

describe('a statement while the database is away', () => {
  it('is reported as missed at once, and its row waits on disk', async () => {
    const call = answeredStep();
    await proxy.cut();
    database.lost(new Error('cut'));

    await store.write(call, [counting(call)]);

    expect(missed).toEqual([{ call: call.facts.callId, reason: 'the database is away: cut' }]);
    expect(store.state.waiting).toBe(1);
  });

  it('is not committed later with its row', async () => {
    const call = answeredStep();
    await proxy.cut();
    database.lost(new Error('cut'));
    await store.write(call, [counting(call)]);

    await proxy.restore();
    while ((await stored(call)) === 0);

    expect(await ledger()).toEqual({});
  });

  it('is reported as missed after DATABASE_TIMEOUT where the database says nothing, and does not come later', async () => {
    await restart({ databaseTimeout: 0.3 });
    const call = answeredStep();
    proxy.freeze();

    await store.write(call, [counting(call)]);
    expect(missed).toEqual([{ call: call.facts.callId, reason: 'nothing was stored within 300 ms' }]);
    expect(store.state.waiting).toBe(1);
    proxy.thaw();
    while ((await stored(call)) === 0);

    expect(await ledger()).toEqual({});
  });
});

/** Fulfilled once somebody waits for what this connection holds. */
async function untilBlockedBy(holder: Client): Promise<void> {
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  const blocked = async (): Promise<boolean> => {
    const found = await other.query(
      'select from pg_locks where not granted and $1 = any(pg_blocking_pids(pid))',
      [rows[0]?.pid],
    );
    return found.rows.length > 0;
  };
  while (!(await blocked()));
}
