import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { Client, Pool } from 'pg';
import type { StoredOutcome } from '../src/calls/call-columns.js';
import { forgetInstances, markInterrupted } from '../src/call-store/upkeep/dead-instances.js';
import { buildIndexes } from '../src/call-store/upkeep/build-indexes.js';
import { dayOf, dayOfPartition, partitionBounds, partitionName } from '../src/call-store/upkeep/days.js';
import { makeDays, ROW_TARGET_BYTES } from '../src/call-store/upkeep/make-days.js';
import { listPartitions } from '../src/call-store/upkeep/partitions.js';
import { deleteOldCalls, dropOldDays } from '../src/call-store/upkeep/retention.js';
import { DatabaseService } from '../src/database/database.service.js';
import { migrate } from '../src/database/migrate.js';
import { up as makeCalls } from '../src/database/migrations/0001-calls.js';
import { up as keepThirdOfAPage } from '../src/database/migrations/0002-third-of-a-page.js';
import { up as addInputAndVerdict } from '../src/database/migrations/0003-input-and-verdict.js';
import type { Tables } from '../src/database/tables.js';
import { DatabaseProxy } from './kill/database-proxy.js';
import { startService, type TestService } from './support/service.js';

const SERVER = process.env.TEST_DATABASE_URL ?? '';
const NOW = new Date('2026-03-01T12:00:00Z');
const WEEK = [
  'calls_20260301',
  'calls_20260302',
  'calls_20260303',
  'calls_20260304',
  'calls_20260305',
  'calls_20260306',
  'calls_20260307',
  'calls_20260308',
];

let name: string;
let url: string;
let pool: Pool;
let db: Kysely<Tables>;
const clients: Client[] = [];
const proxies: DatabaseProxy[] = [];

async function onServer(statement: string): Promise<void> {
  const client = new Client(SERVER);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A connection of its own, which ends with the test. */
async function connect(): Promise<Client> {
  const client = new Client(url);
  clients.push(client);
  await client.connect();
  return client;
}

beforeEach(async () => {
  name = `upkeep_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name}`);
  // A server behind a socket has an address without a host, which is no URL.
  url = SERVER.replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${name}`);
  pool = new Pool({ connectionString: url });
  db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const client of clients.splice(0)) await client.end();
  for (const proxy of proxies.splice(0)) await proxy.cut();
  await db.destroy();
  await onServer(`drop database if exists ${name}`);
});

/** A UUIDv7 of a moment. */
function idAt(moment: Date): string {
  const time = moment.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** Writes a call as the service does, into the log as a whole. */
async function addCall(
  started: Date,
  outcome: StoredOutcome = 'ok',
  instance: string = randomUUID(),
): Promise<string> {
  const id = idAt(started);
  await sql`
    insert into calls (id, started_at, instance_id, outcome, request_id, task, lane, tags, model_asked, provider,
      streamed, attempts, resets, prompt_tokens, completion_tokens, wasted_tokens)
    values (${id}, ${started}, ${instance}, ${outcome}, 'r', 'chat', 'interactive', '{}', 'm', 'stub',
      false, 1, 0, 1, 1, 0)`.execute(db);
  return id;
}

/** Which table holds each call. */
async function tablesOf(...ids: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string; table: string }>`
    select id, tableoid::regclass::text as table from calls`.execute(db);
  const tables = new Map(rows.map(({ id, table }) => [id, table]));
  return ids.map((id) => tables.get(id) ?? 'none');
}

async function addInstance(seenSecondsAgo: number, id: string = randomUUID()): Promise<string> {
  await sql`
    insert into instances (id, host, version, seen_at)
    values (${id}, 'h', '1', now() - make_interval(secs => ${seenSecondsAgo}))`.execute(db);
  return id;
}

function secondsAgo(seconds: number): Date {
  return new Date(Date.now() - seconds * 1000);
}

describe('days of the call log', () => {
  it('have bounds that are the first ids of UTC days', () => {
    const day = dayOf(new Date('2026-03-01T23:59:59.999Z'));
    expect(day.toISOString()).toBe('2026-03-01T00:00:00.000Z');
    expect(partitionBounds(day)).toEqual({
      from: '019ca6b1-dc00-0000-0000-000000000000',
      to: '019cabd8-3800-0000-0000-000000000000',
    });
  });

  it('are known by their names, and nothing else is', () => {
    const day = new Date('2026-03-01T00:00:00Z');
    expect(dayOfPartition(partitionName(day))).toEqual(day);
    for (const other of ['calls_other', 'calls_20261399', 'calls_2026030', 'xcalls_20260301']) {
      expect(dayOfPartition(other)).toBeUndefined();
    }
  });
});

/** Up to which size rows are kept as they are, in the tables of the log. */
async function sizesKept(): Promise<unknown[]> {
  const { rows } = await sql<{ size: string | null }>`
    select distinct reloptions[1] as size from pg_partition_tree('calls') join pg_class on oid = relid
    where isleaf`.execute(db);
  return rows.map(({ size }) => size);
}

describe('a log whose days were made before rows were kept up to a third of a page', () => {
  it('keeps them so from then on', async () => {
    await makeCalls(db as Kysely<unknown>);
    await sql`
      create table calls_20260301 partition of calls
      for values from ('019ca000-0000-0000-0000-000000000000') to ('019cb000-0000-0000-0000-000000000000')`.execute(
      db,
    );

    await keepThirdOfAPage(db as Kysely<unknown>);

    expect(await sizesKept()).toEqual(['toast_tuple_target=2712']);
  });
});

describe('making days', () => {
  beforeEach(() => migrate(db));

  it('makes today and a week ahead, once', async () => {
    expect(await makeDays(db, NOW)).toEqual({ made: WEEK, left: [], postponed: [] });
    expect(await listPartitions(db)).toEqual([...WEEK, 'calls_other']);
    expect(await makeDays(db, NOW)).toEqual({ made: [], left: [], postponed: [] });
    expect((await makeDays(db, dayOf(NOW, 1))).made).toEqual(['calls_20260309']);
  });

  it('makes each day once where two replicas do it at the same time', async () => {
    const [one, other] = await Promise.all([makeDays(db, NOW), makeDays(db, NOW)]);
    expect([...one.made, ...other.made].sort()).toEqual(WEEK);
    expect(await listPartitions(db)).toEqual([...WEEK, 'calls_other']);
  });

  it('puts calls into their day, to the millisecond', async () => {
    await makeDays(db, NOW);
    const ids = [
      await addCall(new Date('2026-02-28T23:59:59.999Z')),
      await addCall(new Date('2026-03-01T00:00:00.000Z')),
      await addCall(new Date('2026-03-01T23:59:59.999Z')),
      await addCall(new Date('2026-03-02T00:00:00.000Z')),
      await addCall(new Date('2026-03-09T00:00:00.000Z')),
    ];
    expect(await tablesOf(...ids)).toEqual([
      'calls_other',
      'calls_20260301',
      'calls_20260301',
      'calls_20260302',
      'calls_other',
    ]);
  });

  it('gives a day the keys, the checks and the compression of the log', async () => {
    await makeDays(db, NOW);
    const shape = async (table: string): Promise<unknown> => {
      const { rows } = await sql`
        select
          (select array_agg(regexp_replace(indexdef, ' INDEX .* USING', ' INDEX USING') order by indexdef)
            from pg_indexes where tablename = ${table}) as indexes,
          (select array_agg(pg_get_constraintdef(oid) order by pg_get_constraintdef(oid)) from pg_constraint
            where conrelid = to_regclass(${table})) as constraints,
          (select array_agg((attname, attcompression, attnotnull)::text order by attnum) from pg_attribute
            where attrelid = to_regclass(${table}) and attnum > 0) as columns`.execute(db);
      const [row] = rows as { indexes: string[] }[];
      return { ...row, indexes: row?.indexes.map((one) => one.replace(/ ON .*?USING/, '')).sort() };
    };
    expect(await shape('calls_20260301')).toEqual(await shape('calls_other'));
  });

  it('keeps the texts of a row as they are up to a third of a page, in every table', async () => {
    await makeDays(db, NOW);

    expect(await sizesKept()).toEqual([`toast_tuple_target=${ROW_TARGET_BYTES}`]);
  });

  it('moves calls out of calls_other that came before their day was made', async () => {
    const early = await addCall(NOW);
    const old = await addCall(new Date('2026-01-01T00:00:00Z'));
    expect(await tablesOf(early, old)).toEqual(['calls_other', 'calls_other']);

    expect((await makeDays(db, NOW)).made).toEqual(WEEK);

    expect(await tablesOf(early, old)).toEqual(['calls_20260301', 'calls_other']);
  });

  it('leaves a day to calls_other that has too many of its calls', async () => {
    await addCall(NOW);
    await sql`
      insert into calls
      select (json_populate_record(c, json_build_object('id', overlay(c.id::text placing lpad(to_hex(n), 12, '0') from 25)))).*
      from calls c, generate_series(1, 1000) n`.execute(db);

    const { made, left } = await makeDays(db, NOW);

    expect(left).toEqual(['calls_20260301']);
    expect(made).toEqual(WEEK.slice(1));
    expect(await tablesOf(await addCall(NOW))).toEqual(['calls_other']);
  });

  it('gives way to somebody who is at the log, and does it the next time', async () => {
    const client = await connect();
    await client.query('begin; lock table calls in row exclusive mode');

    const { made, postponed } = await makeDays(db, NOW);
    await client.query('rollback');

    expect({ made, postponed }).toEqual({ made: [], postponed: WEEK.slice(0, 1) });
    expect((await makeDays(db, NOW)).made).toEqual(WEEK);
  });

  it('gives way where it would itself keep calls from the log for longer than it may', async () => {
    const client = await connect();
    await client.query('begin; lock table calls in row exclusive mode');

    const { made, postponed } = await makeDays(db, NOW, 50);
    await client.query('rollback');

    expect({ made, postponed }).toEqual({ made: [], postponed: WEEK.slice(0, 1) });
  });

  it('loses no call that is written meanwhile', async () => {
    const ids: string[] = [];
    const made = new AbortController();
    const writing = (async () => {
      while (!made.signal.aborted) ids.push(await addCall(NOW));
    })();
    await makeDays(db, NOW);
    made.abort();
    await writing;

    expect(new Set(await tablesOf(...ids))).toEqual(new Set(['calls_20260301']));
  });
});

/** How far the index by request is: the log's own, and by tables whether their part is sound and joined to it. */
async function requestIndexes(): Promise<{ whole: boolean; tables: Record<string, string> }> {
  const { rows } = await sql<{ name: string; state: string }>`
    select relid::regclass::text as name,
      case when not isleaf then (select indisvalid::text from pg_index where indexrelid = 'calls_request'::regclass)
      else coalesce((
        select case when not indisvalid then 'invalid' when inhparent is null then 'alone' else 'joined' end
        from pg_index left join pg_inherits on inhrelid = indexrelid
        where indrelid = relid and pg_get_indexdef(indexrelid) like '%(request_id)'
      ), 'missing') end as state
    from pg_partition_tree('calls') order by 1`.execute(db);
  const { calls, ...tables } = Object.fromEntries(rows.map((row) => [row.name, row.state]));
  return { whole: calls === 'true', tables };
}

/** The tables of the log, all in one state. */
const allOf = (state: string, ...tables: string[]): Record<string, string> =>
  Object.fromEntries([...tables, 'calls_other'].map((table) => [table, state]));

describe('the index by request', () => {
  const never = new AbortController().signal;

  /** A log of three days as the last version left it, with a call in one of them, under the new schema. */
  async function oldLog(): Promise<string[]> {
    const old = db as Kysely<unknown>;
    await makeCalls(old);
    await keepThirdOfAPage(old);
    const days = WEEK.slice(0, 3);
    for (const [number, table] of days.entries()) {
      const { from, to } = partitionBounds(dayOf(NOW, number));
      await sql`
        create table ${sql.table(table)} partition of calls for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(
        db,
      );
    }
    await addCall(NOW);
    await addInputAndVerdict(old);
    return days;
  }

  it('is there at once where there are no calls', async () => {
    await migrate(db);
    await makeDays(db, NOW);

    expect(await requestIndexes()).toEqual({ whole: true, tables: allOf('joined', ...WEEK) });
  });

  it('is not waited for where there are calls', async () => {
    const days = await oldLog();

    expect(await requestIndexes()).toEqual({ whole: false, tables: allOf('missing', ...days) });
  });

  it('is there at once for days that are made later', async () => {
    const days = await oldLog();
    await makeDays(db, NOW);

    const { tables } = await requestIndexes();

    expect(tables).toEqual({ ...allOf('joined', ...WEEK), ...allOf('missing', ...days) });
  });

  it('is built for the days that were there, and for those without a table, and is whole then', async () => {
    await oldLog();
    await makeDays(db, NOW);

    const { built, postponed } = await buildIndexes(pool, db, never);

    expect({ built: built.length, postponed }).toEqual({ built: 4, postponed: [] });
    expect(await requestIndexes()).toEqual({ whole: true, tables: allOf('joined', ...WEEK) });
  });

  it('is built once', async () => {
    await oldLog();
    await buildIndexes(pool, db, never);

    expect(await buildIndexes(pool, db, never)).toEqual({ built: [], postponed: [] });
  });

  it('is whole also where the last day without it was dropped', async () => {
    const days = await oldLog();
    const [oldest = '', ...others] = days;
    for (const table of [...others, 'calls_other']) {
      await sql`create index ${sql.table(`${table}_request_id_idx`)} on ${sql.table(table)} (request_id)`.execute(
        db,
      );
      await sql`alter index calls_request attach partition ${sql.table(`${table}_request_id_idx`)}`.execute(
        db,
      );
    }
    await sql`drop table ${sql.table(oldest)}`.execute(db);
    await buildIndexes(pool, db, never);

    expect(await requestIndexes()).toEqual({ whole: true, tables: allOf('joined', ...others) });
  });

  it('is built while calls are written, which do not wait for it', async () => {
    await oldLog();
    const client = await connect();
    await client.query('begin; lock table calls in row exclusive mode');
    const built = buildIndexes(pool, db, never);
    await untilBuilding();

    await addCall(NOW);
    await client.query('commit');

    expect((await built).built).toHaveLength(4);
  });

  it('that was broken off is built anew', async () => {
    const days = await oldLog();
    const client = await connect();
    await client.query('begin; lock table calls in row exclusive mode');
    const ending = new AbortController();
    const ended = expect(buildIndexes(pool, db, ending.signal)).rejects.toThrow();
    await untilBuilding();
    ending.abort();
    await ended;
    await client.query('commit');
    expect(Object.values((await requestIndexes()).tables)).toContain('invalid');

    await buildIndexes(pool, db, never);

    expect(await requestIndexes()).toEqual({ whole: true, tables: allOf('joined', ...days) });
  });

  it('is left to the one who builds it', async () => {
    await oldLog();
    const client = await connect();
    await client.query('select pg_advisory_lock(7316024985)');

    expect(await buildIndexes(pool, db, never)).toEqual({ built: [], postponed: [] });
  });

  it('is joined later where somebody is at the day for long', async () => {
    const days = await oldLog();
    await sql`create index calls_20260301_request_id_idx on calls_20260301 (request_id)`.execute(db);
    const client = await connect();
    await client.query('begin; select from calls_20260301');

    const { postponed } = await buildIndexes(pool, db, never);
    await client.query('rollback');

    expect(postponed).toEqual(['calls_20260301_request_id_idx']);
    await buildIndexes(pool, db, never);
    expect(await requestIndexes()).toEqual({ whole: true, tables: allOf('joined', ...days) });
  });
});

/** Fulfilled once an index that is being built waits for somebody. */
async function untilBuilding(): Promise<void> {
  const waits = sql`
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like 'create index concurrently%'`;
  while ((await waits.execute(db)).rows.length === 0);
}

describe('retention', () => {
  beforeEach(() => migrate(db));

  it('drops the days that are older as a whole, and keeps the one at the border', async () => {
    await makeDays(db, NOW);

    const week = new Date('2026-03-08T23:59:59Z');
    expect(await dropOldDays(db, week, 5)).toEqual({
      dropped: ['calls_20260301', 'calls_20260302'],
      postponed: [],
    });

    expect(await listPartitions(db)).toEqual([...WEEK.slice(2), 'calls_other']);
    expect(await dropOldDays(db, week, 5)).toEqual({ dropped: [], postponed: [] });
  });

  it('deletes calls of such days from calls_other, in more than one batch, and no others', async () => {
    const oldest = await addCall(new Date('2026-02-19T23:59:59.999Z'));
    await sql`
      insert into calls
      select (json_populate_record(c, json_build_object('id', overlay(c.id::text placing lpad(to_hex(n), 12, '0') from 25)))).*
      from calls c, generate_series(1, 2000) n`.execute(db);
    const border = await addCall(new Date('2026-02-20T00:00:00.000Z'));

    expect(await deleteOldCalls(db, NOW, 9)).toBe(2001);

    expect(await tablesOf(oldest, border)).toEqual(['none', 'calls_other']);
  });

  it('gives way to somebody who reads, and drops the day the next time', async () => {
    await makeDays(db, NOW);
    const client = await connect();
    await client.query('begin; select from calls');

    const later = dayOf(NOW, 9);
    expect((await dropOldDays(db, later, 8)).postponed).toEqual(['calls_20260301']);
    await client.query('rollback');

    expect((await dropOldDays(db, later, 8)).dropped).toEqual(['calls_20260301']);
  });
});

describe('dead instances', () => {
  beforeEach(() => migrate(db));

  it('get their running calls marked interrupted, ended at their last sign', async () => {
    const instance = await addInstance(90);
    const id = await addCall(secondsAgo(120), 'running', instance);
    const over = await addCall(secondsAgo(120), 'ok', instance);

    expect(await markInterrupted(db)).toBe(1);

    const { seen_at } = await db
      .selectFrom('instances')
      .select('seen_at')
      .where('id', '=', instance)
      .executeTakeFirstOrThrow();
    const calls = await db.selectFrom('calls').select(['id', 'outcome', 'ended_at']).execute();
    expect(calls).toEqual(
      expect.arrayContaining([
        { id, outcome: 'interrupted', ended_at: seen_at },
        { id: over, outcome: 'ok', ended_at: null },
      ]),
    );
  });

  it('are those that were never seen, too: their calls end when they began', async () => {
    const started = secondsAgo(70);
    await addCall(started, 'running');

    expect(await markInterrupted(db)).toBe(1);

    const call = await db.selectFrom('calls').select(['outcome', 'ended_at']).executeTakeFirstOrThrow();
    expect(call).toEqual({ outcome: 'interrupted', ended_at: started });
  });

  it('are not those that gave a sign within a minute, whose calls may take as long as they like', async () => {
    await addCall(secondsAgo(3600), 'running', await addInstance(50));
    expect(await markInterrupted(db)).toBe(0);
  });

  it('are not those whose first sign may still come', async () => {
    await addCall(secondsAgo(50), 'running');
    expect(await markInterrupted(db)).toBe(0);
  });

  it('are forgotten after a week', async () => {
    await addInstance(8 * 86_400);
    const kept = await addInstance(6 * 86_400);
    await forgetInstances(db);
    expect(await db.selectFrom('instances').select('id').execute()).toEqual([{ id: kept }]);
  });
});

describe('a service with upkeep', () => {
  /** A connection that hears of every time that a job has looked for instances to forget. */
  async function hearRetention(): Promise<Client> {
    await migrate(db);
    await sql`
      create function tell() returns trigger language plpgsql as
      $$ begin perform pg_notify('forgotten', ''); return null; end $$`.execute(db);
    await sql`
      create trigger told after delete on instances for each statement execute function tell()`.execute(db);
    const client = await connect();
    await client.query('listen forgotten');
    return client;
  }

  function start(): Promise<TestService> {
    return startService({ databaseUrl: url, upkeep: true, retentionDays: 3 });
  }

  async function jobs(queue: string): Promise<{ state: string; slot: string }[]> {
    const { rows } = await sql<{ state: string; slot: string }>`
      select state::text, singleton_on::text as slot from pgboss.job where name = ${queue}`.execute(db);
    return rows;
  }

  it('makes days, drops old ones and forgets instances by a job', async () => {
    const client = await hearRetention();
    await makeDays(db, dayOf(new Date(), -20));
    await addInstance(8 * 86_400);
    const retention = once(client, 'notification');

    const service = await start();
    await retention;
    await service.app.close();

    const today = partitionName(dayOf(new Date()));
    const partitions = await listPartitions(db);
    expect(partitions).toContain(today);
    expect(partitions.every((one) => one >= partitionName(dayOf(new Date(), -3)))).toBe(true);
    const { hosts } = await db
      .selectFrom('instances')
      .select(({ fn }) => fn.count('id').filterWhere('host', '=', 'h').as('hosts'))
      .executeTakeFirstOrThrow();
    expect(hosts).toBe('0');
  });

  it('shares its jobs with a second one on the same database', async () => {
    const client = await hearRetention();
    const failures = jest.spyOn(Logger.prototype, 'error');
    let runs = 0;
    client.on('notification', () => (runs += 1));
    const first = once(client, 'notification');

    const services = await Promise.all([start(), start()]);
    await first;
    for (const { app } of services) await app.close();
    await client.query('select');

    expect(failures).not.toHaveBeenCalled();
    const started = await jobs('call-log-days');
    expect(started.map(({ slot }) => slot)).toEqual([...new Set(started.map(({ slot }) => slot))]);
    expect(runs).toBe(started.filter(({ state }) => state !== 'created').length);
    const { rows } = await sql`select name, cron from pgboss.schedule order by name`.execute(db);
    expect(rows).toEqual([
      { name: 'call-log-days', cron: '7 * * * *' },
      { name: 'call-log-indexes', cron: '37 * * * *' },
      { name: 'call-log-interrupted', cron: '* * * * *' },
    ]);
  });

  it('starts while the database is away, and begins when it is up', async () => {
    const client = await hearRetention();
    const retention = once(client, 'notification');
    const proxy = await DatabaseProxy.start(url);
    proxies.push(proxy);
    await proxy.cut();

    const service = await startService({ databaseUrl: proxy.url, upkeep: true });
    expect(service.app.get(DatabaseService, { strict: false }).problem).toBeDefined();
    await proxy.restore();
    await retention;

    expect(await listPartitions(db)).toContain(partitionName(dayOf(new Date())));
    await service.app.close();
  });

  it('ends while it sets up, and leaves no connection', async () => {
    const service = await start();
    await service.app.close();

    // A database is dropped only if nobody is connected to it.
    await db.destroy();
    await expect(onServer(`drop database ${name}`)).resolves.toBeUndefined();
  });

  it('does nothing of it with UPKEEP=false', async () => {
    const service = await startService({ databaseUrl: url, upkeep: false });
    await service.app.close();

    expect(await listPartitions(db)).toEqual(['calls_other']);
    const { rows } = await sql`select to_regnamespace('pgboss') as schema`.execute(db);
    expect(rows).toEqual([{ schema: null }]);
  });
});
