import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { Logger } from '@nestjs/common';
import { FACT_NAMES, typesOf } from '../src/calls/call-columns.js';
import { ConfigError } from '../src/config/config-error.js';
import { loadSettings } from '../src/config/load-settings.js';
import { Settings } from '../src/config/settings.js';
import { DatabaseService } from '../src/database/database.service.js';
import { migrations } from '../src/database/migrations/index.js';
import { DatabaseProxy } from './kill/database-proxy.js';
import { OwnPostgres, postgresPrograms } from './kill/postgres.js';
import { startBuilt } from './support/built-service.js';

const DATABASE_URL = process.env.TEST_DATABASE_URL ?? '';

/** The long name of `timestamptz`. */
const TIME = 'timestamp with time zone';

/** What no message may repeat. */
const PASSWORD = 'sesame-4711';

const services: DatabaseService[] = [];
const proxies: DatabaseProxy[] = [];
const scratches: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'database-'));
let admin: Client;

beforeAll(async () => {
  Logger.overrideLogger(['error']);
  admin = new Client({ connectionString: DATABASE_URL });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  rmSync(folder, { recursive: true });
});

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.onApplicationShutdown()));
  for (const proxy of proxies.splice(0)) await proxy.cut();
  for (const name of scratches.splice(0)) await admin.query(`drop database ${name} with (force)`);
});

/** The service's way to a database; it ends with the test. */
function serviceAt(databaseUrl: string): DatabaseService {
  const settings = Object.assign(new Settings(), { databaseUrl, dataDir: folder, databaseConnections: 2 });
  const service = new DatabaseService(settings);
  services.push(service);
  return service;
}

async function startAt(databaseUrl: string): Promise<DatabaseService> {
  const service = serviceAt(databaseUrl);
  await service.onModuleInit();
  return service;
}

/** Expects that the start is refused, in one sentence that names the variable and no secret. */
async function refusalAt(databaseUrl: string): Promise<string> {
  const error = await startAt(databaseUrl).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  const { message } = error as ConfigError;
  expect(message).toMatch(/DATABASE_URL.*\.$/);
  expect(message).not.toContain('\n');
  expect(message).not.toContain(PASSWORD);
  return message;
}

/** An address on the tests' server. */
function urlTo({
  user = admin.user ?? '',
  database = admin.database ?? '',
  options = '',
}: {
  user?: string;
  database?: string;
  options?: string;
}): string {
  const password = admin.password ? `:${encodeURIComponent(admin.password)}` : '';
  const parameters = new URLSearchParams({
    host: admin.host,
    port: String(admin.port),
    ...(options && { options }),
  });
  // A plus stands for a blank in forms alone, not here.
  return `postgresql://${user}${password}@localhost/${database}?${String(parameters).replaceAll('+', '%20')}`;
}

/** Waits until a question to the server is answered with yes. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}

/** An empty database that is gone after the test. */
async function scratch(options = ''): Promise<string> {
  const name = `scratch_${randomBytes(6).toString('hex')}`;
  await admin.query(`create database ${name} ${options}`);
  scratches.push(name);
  return name;
}

async function proxyTo(url: string): Promise<DatabaseProxy> {
  const proxy = await DatabaseProxy.start(url);
  proxies.push(proxy);
  return proxy;
}

/** Fulfilled once the service can use its database. */
function up(service: DatabaseService): Promise<void> {
  return new Promise((resolve) => {
    service.whenUp(resolve);
  });
}

describe('a database that cannot be used stops the start', () => {
  it('where its user is unknown', async () => {
    expect(await refusalAt(urlTo({ user: 'nobody_at_all' }))).toContain('nobody_at_all');
  });

  it('where it does not exist', async () => {
    const message = await refusalAt(urlTo({ database: 'no_such_database' }));

    expect(message).toContain('no such database');
    expect(message).toContain('no_such_database');
    expect(message).toContain('createdb');
  });

  it('where its user may not make tables', async () => {
    const database = await scratch();
    const role = `${database}_reader`;
    await admin.query(`create role ${role}`);
    try {
      const client = new Client({ connectionString: urlTo({ database }) });
      await client.connect();
      await client.query('revoke create on schema public from public');
      await client.end();

      expect(await refusalAt(urlTo({ database, options: `-c role=${role}` }))).toContain('grant it CREATE');
    } finally {
      await admin.query(`drop role ${role}`);
    }
  });

  it('where a newer version has written it', async () => {
    const database = await scratch();
    const service = await startAt(urlTo({ database }));
    await service.pool.query(
      `insert into llm_service_migrations (name, timestamp) values ('9999-later', now()::text)`,
    );

    const message = await refusalAt(urlTo({ database }));

    expect(message).toContain('newer version');
    expect(message).toContain('9999-later');
  });

  it('where it is asked for TLS and has none', async () => {
    const proxy = await proxyTo(DATABASE_URL);

    expect(await refusalAt(`${proxy.url}?sslmode=require`)).toContain('sslmode');
  });

  it('as the built service says on its standard error', async () => {
    const service = startBuilt({ ENGINE: 'stub', DATABASE_URL: urlTo({ database: 'no_such_database' }) });

    const [exit, errors] = await Promise.all([service.exit, service.errors]);

    expect(exit).toEqual({ code: 1, signal: null });
    expect(errors).toMatch(/^DATABASE_URL cannot be used: [^\n]+\.\n$/);
  });
});

const describeOwn = postgresPrograms() !== undefined || process.env.CI ? describe : describe.skip;

describeOwn('a database that asks for a password', () => {
  let server: OwnPostgres;

  beforeAll(async () => {
    server = await OwnPostgres.start({ access: 'local all all scram-sha-256', password: 'superuser-0815' });
    await server.query(`create role guest login password '${PASSWORD}'`);
    await server.query('create database closed');
    await server.query('revoke connect on database closed from public');
    await server.query('create database open owner guest');
  });

  afterAll(() => server.remove());

  it('stops the start where it is wrong', async () => {
    const message = await refusalAt(server.urlOf({ user: 'guest', password: `${PASSWORD}!` }));

    expect(message).toContain('does not accept its password');
  });

  it('stops the start where there is none', async () => {
    const message = await refusalAt(server.urlOf({ user: 'guest', password: '' }));

    expect(message).toContain('password');
  });

  it('stops the start where its user may not connect', async () => {
    const url = server.urlOf({ user: 'guest', password: PASSWORD, database: 'closed' });

    expect(await refusalAt(url)).toContain('grant it CONNECT');
  });

  it('is used where it is right', async () => {
    const service = await startAt(server.urlOf({ user: 'guest', password: PASSWORD, database: 'open' }));

    expect(service.problem).toBeUndefined();
  });
});

describe('a database with settings of its own', () => {
  it('gives times, numbers and texts as the driver reads them', async () => {
    const database = await scratch();
    for (const setting of [
      `datestyle = 'German, DMY'`,
      'extra_float_digits = -15',
      'standard_conforming_strings = off',
    ])
      await admin.query(`alter database ${database} set ${setting}`);
    const { pool } = await startAt(urlTo({ database }));

    const { rows } = await pool.query(
      String.raw`select timestamptz '2026-11-02 09:30:00+00' as at, 123.456::real as number, 'a\nb' as text`,
    );

    expect(rows).toEqual([{ at: new Date('2026-11-02T09:30:00Z'), number: 123.456, text: String.raw`a\nb` }]);
  });
});

describe('an address that is none', () => {
  it.each([
    'localhost:5432',
    `mysql://user:${PASSWORD}@localhost/llm_service`,
    `postgresql://user:${PASSWORD}@localhost`,
    `postgresql://user:${PASSWORD}@localhost:port/llm_service`,
    `postgresql://user:${PASSWORD}@localhost/llm_service?sslmod=require`,
    `postgresql://user:${PASSWORD}@localhost/llm_service?sslmode=on`,
  ])('%s is refused without its password', (value) => {
    const load = (): unknown => loadSettings({ DATABASE_URL: value }, undefined);

    expect(load).toThrow(ConfigError);
    expect(load).toThrow(/DATABASE_URL/);
    expect(load).not.toThrow(PASSWORD);
  });

  it.each([
    `postgresql://kim:p@ss/${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:12/${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:p@ss/w?${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:p@ss/w?port=${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:12/w?${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:pa?${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:pa#${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:p@ss/w#${PASSWORD}@localhost/llm_service`,
    `postgresql://kim:%ff${PASSWORD}@localhost/llm_service`,
  ])('%s is refused with a word on how its password is written, and without it', (value) => {
    const load = (): unknown => loadSettings({ DATABASE_URL: value }, undefined);

    expect(load).toThrow('with the signs @ : / # ? % of a user or password written %40 %3A %2F %23 %3F %25.');
    expect(load).not.toThrow(PASSWORD);
  });

  it.each([
    'postgres://user@localhost/llm_service',
    'postgresql://user:p@ss@localhost/llm_service',
    'postgresql://user@localhost/llm_service?password=secret',
    'postgresql://user:100%@localhost/llm_service',
    'postgresql://llm_service@/llm_service?host=/run/postgresql',
    'postgresql:///llm_service?host=/run/postgresql&user=llm_service',
    `postgresql://user:${encodeURIComponent('p@ss/w:rd%')}@localhost:6543/llm_service?sslmode=require`,
  ])('%s is accepted', (value) => {
    expect(loadSettings({ DATABASE_URL: value }, undefined).settings.databaseUrl).toBe(value);
  });
});

/** Whether somebody waits for a lock in the database of this client. */
async function waitsForLock(client: Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_locks where locktype = 'advisory' and not granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return rowCount !== 0;
}

describe('the schema', () => {
  it('is made once by services that start at the same time', async () => {
    const database = await scratch();

    const url = urlTo({ database });

    const [first, ...others] = await Promise.all([startAt(url), startAt(url), startAt(url), startAt(url)]);

    for (const { problem } of [first, ...others]) expect(problem).toBeUndefined();
    const { rows } = await first.pool.query('select name from llm_service_migrations order by name');
    expect(rows).toEqual(Object.keys(migrations).map((name) => ({ name })));
  });

  it('is waited for where another service makes it', async () => {
    const url = urlTo({ database: await scratch() });
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('select pg_advisory_lock(7316024981)');
    const service = serviceAt(url);
    const started = service.onModuleInit();
    while (!(await waitsForLock(other))) await delay(20);

    await other.end();
    await started;

    expect(service.problem).toBeUndefined();
  });

  it('has the columns of the code, and no others', async () => {
    const { pool } = await startAt(urlTo({ database: await scratch() }));

    const { rows } = await pool.query<{ name: string; type: string }>(
      `select attname as name, format_type(atttypid, null) as type from pg_attribute
       where attrelid = 'calls'::regclass and attnum > 0 and not attisdropped`,
    );

    const inCode = { ...typesOf(FACT_NAMES), started_at: TIME, ended_at: TIME };
    expect(Object.fromEntries(rows.map(({ name, type }) => [name, type]))).toEqual(inCode);
  });

  it('is changed once nobody is in the way, and holds up no call meanwhile', async () => {
    const url = urlTo({ database: await scratch() });
    const { pool } = await startAt(url);
    // As the version before left it.
    await pool.query(`
      drop index calls_request;
      alter table calls drop column input, drop column score, drop column is_passed, drop column action,
        drop column system_prompt_hash, drop column prompt_name;
      delete from llm_service_migrations where name like '0003%'`);
    const reader = await pool.connect();
    await reader.query('begin; lock table calls in access share mode');

    const started = startAt(url);
    await until(async () => {
      const { rows } = await pool.query('select from pg_locks where not granted and mode = $1', [
        'AccessExclusiveLock',
      ]);
      return rows.length > 0;
    });
    await pool.query(`set statement_timeout = '5s'; lock table calls in row exclusive mode`);
    await reader.query('commit');
    reader.release();

    const { rows } = await (await started).pool.query('select score from calls');
    expect(rows).toEqual([]);
  });

  it('is not made in a database without Korean', async () => {
    const database = await scratch(`encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'`);
    expect(await refusalAt(urlTo({ database }))).toContain('has the encoding LATIN1');
  });

  it('stays as it is at the next start', async () => {
    const url = urlTo({ database: await scratch() });
    const first = await startAt(url);
    const { rows: before } = await first.pool.query('select name, timestamp from llm_service_migrations');

    const second = await startAt(url);

    const { rows: after } = await second.pool.query('select name, timestamp from llm_service_migrations');
    expect(after).toEqual(before);
  });
});

describe('a database that does not answer at the start', () => {
  it('is used once it does', async () => {
    const proxy = await proxyTo(urlTo({ database: await scratch() }));
    await proxy.cut();
    const service = await startAt(proxy.url);
    expect(service.problem).toContain('ECONNREFUSED');

    await proxy.restore();
    await up(service);

    expect(service.problem).toBeUndefined();
    expect((await service.pool.query('select from calls')).rowCount).toBe(0);
  });

  it('and is silent does not hold the start up for long', async () => {
    const proxy = await proxyTo(urlTo({ database: await scratch() }));
    proxy.freeze();

    const service = await startAt(proxy.url);
    expect(service.problem).toBeDefined();

    proxy.forget();
    await up(service);
    expect(service.problem).toBeUndefined();
  });
});

describe('a database that goes away', () => {
  it('is found again, and whoever waits for it hears of it', async () => {
    const proxy = await proxyTo(DATABASE_URL);
    const service = await startAt(proxy.url);
    await proxy.cut();
    const lost = await service.pool.query('select 1').catch((error: unknown) => error);
    service.lost(lost);
    expect(service.problem).toBeDefined();
    const found = up(service);

    await proxy.restore();
    await found;

    expect(service.problem).toBeUndefined();
  });

  it('and comes back behind the service’s end leaves nothing running', async () => {
    const proxy = await proxyTo(DATABASE_URL);
    const service = await startAt(proxy.url);
    await proxy.cut();
    service.lost(new Error('cut'));
    services.splice(services.indexOf(service), 1);
    const hasCome = once(process, 'unhandledRejection', { signal: AbortSignal.timeout(1500) });

    await service.onApplicationShutdown();
    await proxy.restore();

    await expect(hasCome).rejects.toThrow(/abort/);
  });
});

describe('a connection that is given back', () => {
  it('within a transaction is not lent out again', async () => {
    const { pool } = await startAt(DATABASE_URL);
    const lent = await pool.connect();
    await lent.query('begin');
    const ended = once(pool, 'remove');

    lent.release();

    expect(await ended).toEqual([lent]);
  });

  it('while a query still runs on it is not lent out again', async () => {
    const { pool } = await startAt(DATABASE_URL);
    const lent = await pool.connect();
    const asked = expect(lent.query('select pg_sleep(60)')).rejects.toThrow(/terminated/);
    const ended = once(pool, 'remove');

    lent.release();
    expect(await ended).toEqual([lent]);

    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(60)'`,
    );
    await asked;
  });

  it('as it should be is lent out again', async () => {
    const { pool } = await startAt(DATABASE_URL);
    const lent = await pool.connect();
    await lent.query('select');

    lent.release();

    const next = await pool.connect();
    next.release();
    expect(next).toBe(lent);
  });
});
