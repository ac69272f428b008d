import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { Settings } from '../src/config/settings.js';
import { DatabaseService } from '../src/database/database.service.js';
import { type Job, Jobs } from '../src/jobs/jobs.js';
import { DatabaseProxy } from './kill/database-proxy.js';

const SERVER = process.env.TEST_DATABASE_URL ?? '';

let admin: Client;
let name: string;
let proxy: DatabaseProxy;
const opened: { onApplicationShutdown(): Promise<void> }[] = [];

beforeEach(async () => {
  Logger.overrideLogger(false);
  admin = new Client({ connectionString: SERVER });
  await admin.connect();
  name = `jobs_${randomBytes(6).toString('hex')}`;
  await admin.query(`create database ${name}`);
  // A server behind a socket has an address without a host, which is no URL.
  proxy = await DatabaseProxy.start(SERVER.replace(/^(\w+:\/\/[^/]*)\/[^?]*/, `$1/${name}`));
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const one of opened.splice(0)) await one.onApplicationShutdown();
  await proxy.cut();
  await admin.query(`drop database ${name} with (force)`);
  await admin.end();
});

/** The jobs of a service, and its database; both end with the test, the jobs first. */
async function service(values: Partial<Settings> = {}): Promise<{ jobs: Jobs; database: DatabaseService }> {
  const settings = Object.assign(new Settings(), {
    databaseUrl: proxy.url,
    databaseConnections: 3,
    ...values,
  });
  const database = new DatabaseService(settings);
  await database.onModuleInit();
  const jobs = new Jobs(settings, database);
  opened.push(jobs, database);
  return { jobs, database };
}

/** A job that is due at the start, and says when it runs. */
function atStart(run: Job['run'] = () => Promise.resolve()): { job: Job; hasRun: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const job: Job = {
    queue: 'example',
    cron: '7 * * * *',
    atStart: true,
    run: (signal) => {
      resolve(undefined);
      return run(signal);
    },
  };
  return { job, hasRun: promise };
}

/** Fulfilled with what is logged as an error. */
function errorLogged(): Promise<unknown> {
  return new Promise((resolve) => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(resolve);
  });
}

async function schemas(database: DatabaseService): Promise<unknown[]> {
  const { rows } = await database.pool.query<object>(`select to_regnamespace('pgboss')::text as schema`);
  return rows;
}

describe('a job', () => {
  it('runs at the start where it is due then', async () => {
    const { jobs } = await service();
    const { job, hasRun } = atStart();
    jobs.register(job);

    jobs.onApplicationBootstrap();

    await expect(hasRun).resolves.toBeUndefined();
  });

  it('runs once the database is up', async () => {
    await proxy.cut();
    const { jobs, database } = await service();
    const { job, hasRun } = atStart();
    jobs.register(job);

    jobs.onApplicationBootstrap();
    expect(database.problem).toBeDefined();
    await proxy.restore();

    await expect(hasRun).resolves.toBeUndefined();
  });

  it('that fails is logged, with the reason', async () => {
    const error = errorLogged();
    const { jobs } = await service();
    jobs.register(atStart(() => Promise.reject(new Error('no way'))).job);

    jobs.onApplicationBootstrap();

    expect(await error).toEqual({ message: 'a background job failed', reason: 'no way' });
  });

  it('hears of the end of the service, which does not wait for it for long', async () => {
    const { jobs } = await service();
    const heard = Promise.withResolvers<undefined>();
    const { job, hasRun } = atStart((signal) => {
      signal.addEventListener('abort', () => {
        heard.resolve(undefined);
      });
      return new Promise(() => undefined);
    });
    jobs.register(job);
    jobs.onApplicationBootstrap();
    await hasRun;

    await jobs.onApplicationShutdown();

    await expect(heard.promise).resolves.toBeUndefined();
  });

  it.each([
    { what: 'has the queue of another one', sentence: 'There are two jobs named example.' },
    { what: 'comes after the start', sentence: 'The job example is registered too late.' },
  ])('is refused that $what', async ({ what, sentence }) => {
    const { jobs } = await service({ upkeep: false });
    if (what === 'comes after the start') jobs.onApplicationBootstrap();
    else jobs.register(atStart().job);

    expect(() => {
      jobs.register(atStart().job);
    }).toThrow(sentence);
  });
});

describe('jobs', () => {
  it('that cannot be set up are told of, with what helps, and tried again when the database comes back', async () => {
    const { jobs, database } = await service();
    const error = errorLogged();
    const start = jest.spyOn(database, 'db', 'get').mockImplementationOnce(() => {
      throw Object.assign(new Error('permission denied for database x'), { code: '42501' });
    });
    const { job, hasRun } = atStart();
    jobs.register(job);

    jobs.onApplicationBootstrap();
    expect(await error).toEqual({
      message: 'background jobs do not run until this works',
      reason:
        'permission denied for database x: grant the user of DATABASE_URL CREATE on the database and on its schema public',
    });
    start.mockRestore();
    database.lost(new Error('gone'));

    await expect(hasRun).resolves.toBeUndefined();
  });

  it('leave the database alone where there are none', async () => {
    const { jobs, database } = await service();

    jobs.onApplicationBootstrap();
    await jobs.onApplicationShutdown();

    expect(await schemas(database)).toEqual([{ schema: null }]);
  });

  it('are left to other replicas with UPKEEP=false', async () => {
    const { jobs, database } = await service({ upkeep: false });
    jobs.register(atStart().job);

    jobs.onApplicationBootstrap();
    await jobs.onApplicationShutdown();

    expect(await schemas(database)).toEqual([{ schema: null }]);
  });
});
