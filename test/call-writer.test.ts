import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import { type CallRow, changeTexts, rowOf, type RowTexts, wholeRow } from '../src/call-store/call-row.js';
import { writeCalls } from '../src/call-store/call-writer.js';
import { storableJson } from '../src/database/json-array.js';
import { migrate } from '../src/database/migrate.js';
import type { Tables } from '../src/database/tables.js';
import { DatabaseProxy } from './kill/database-proxy.js';
import { callAt } from './support/stored-calls.js';

const DATABASE_URL = process.env.TEST_DATABASE_URL ?? '';

/** Rows that are enough for a copy. */
const MANY = 40;

/** Milliseconds that nothing takes here. */
const LONG = 15_000;

/** What the service's connections were asked, by its first word. */
const asked: string[] = [];

class Overheard extends Client {
  override query = ((question: { text: string }, ...rest: unknown[]): unknown => {
    asked.push(/\w+/.exec(question.text)?.[0] ?? '');
    return (Client.prototype.query as (...all: unknown[]) => unknown).call(this, question, ...rest);
  }) as Client['query'];
}

type Facts = Parameters<typeof rowOf>[0];

const NO_TEXTS: RowTexts = { input: null, request: null, reply: null, tries: null };

let reader: Client;
let pool: Pool;
const proxies: DatabaseProxy[] = [];

beforeAll(async () => {
  reader = new Client({ connectionString: DATABASE_URL });
  await reader.connect();
  pool = poolTo(DATABASE_URL);
  await migrate(new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }));
});

afterAll(async () => {
  await pool.end();
  await reader.end();
});

afterEach(async () => {
  for (const proxy of proxies.splice(0)) {
    proxy.thaw();
    await proxy.cut();
  }
});

function poolTo(connectionString: string): Pool {
  return new Pool({ connectionString, max: 2, Client: Overheard });
}

/** Facts of a call that is over. */
function facts(changed: Partial<Facts> = {}): Facts {
  return { ...(callAt(Date.now()) as Facts), ...changed };
}

const newRow = (changed: Partial<Facts> = {}, texts = NO_TEXTS): CallRow =>
  rowOf(facts(changed), texts, true);

const manyNew = (changed: Partial<Facts> = {}): CallRow[] =>
  Array.from({ length: MANY }, () => newRow(changed));

/** The same row where it is not known to be new, as it comes from disk. */
const known = (row: CallRow): CallRow => ({
  id: row.id,
  outcome: row.outcome,
  facts: row.facts,
  ...changeTexts(row, String),
});

/** Writes rows, and says what the database was asked for it. */
async function write(rows: readonly CallRow[]): Promise<string[]> {
  asked.length = 0;
  await writeCalls(pool, rows, LONG);
  return asked.toSorted();
}

/** Whole rows as text, by their ids. */
async function stored(rows: readonly CallRow[]): Promise<string[]> {
  const found = await reader.query<{ row: string }>(
    'select calls::text as row from calls where id = any($1) order by id',
    [rows.map(({ id }) => id)],
  );
  return found.rows.map(({ row }) => row);
}

async function remove(rows: readonly CallRow[]): Promise<void> {
  await reader.query('delete from calls where id = any($1)', [rows.map(({ id }) => id)]);
}

async function outcomeOf({ id }: CallRow): Promise<unknown> {
  const { rows } = await reader.query<{ outcome: string }>('select outcome from calls where id = $1', [id]);
  return rows.map(({ outcome }) => outcome);
}

it('a row from before there was input is written without it', async () => {
  const { facts: text, id, outcome } = newRow();

  await write([wholeRow({ id, outcome, facts: text, request: null, reply: '{}', tries: null })]);

  const { rows } = await reader.query('select input, reply from calls where id = $1', [id]);
  expect(rows).toEqual([{ input: null, reply: {} }]);
});

describe('new rows', () => {
  it('are copied where they are many', async () => {
    const rows = manyNew();

    expect(await write(rows)).toEqual(['copy']);
    expect(await stored(rows)).toHaveLength(MANY);
  });

  it('go in one statement where they are few', async () => {
    expect(await write([newRow(), newRow()])).toEqual(['insert']);
  });

  it('are copied beside the statement of those that are not', async () => {
    const others = manyNew().map(known);
    const rows = [...manyNew(), ...others];

    expect(await write(rows)).toEqual(['copy', 'insert']);
    expect(await stored(rows)).toHaveLength(2 * MANY);
  });

  it('one of which is there already are all written, and that one stays as it was', async () => {
    const [there, ...others] = manyNew();
    if (!there) throw new Error('There are no rows.');
    await write([there]);

    const again = rowOf(facts({ id: there.id, outcome: 'failed' }), NO_TEXTS, true);
    expect(await write([again, ...others])).toEqual(['copy', 'insert']);

    expect(await stored([there, ...others])).toHaveLength(MANY);
    expect(await outcomeOf(there)).toEqual(['ok']);
  });

  it('two of which have one id are copied once each, the one that is over', async () => {
    const [first, ...others] = manyNew();
    if (!first) throw new Error('There are no rows.');
    const running = rowOf(facts({ id: first.id, outcome: 'running' }), NO_TEXTS, true);

    expect(await write([running, first, ...others])).toEqual(['copy']);

    expect(await outcomeOf(first)).toEqual(['ok']);
  });

  it('one of which the database refuses are refused together, with its reason', async () => {
    const rows = [...manyNew(), newRow({}, { ...NO_TEXTS, reply: '{' })];

    await expect(write(rows)).rejects.toMatchObject({ code: '22P02' });
    expect(await stored(rows)).toEqual([]);
  });

  it.each([
    { name: 'that is no number', value: NaN },
    { name: 'without end', value: Infinity },
  ])('with a duration $name have none', async ({ value }) => {
    const odd = newRow({ total_ms: value });

    await write([...manyNew(), odd]);

    const { rows } = await reader.query('select total_ms from calls where id = $1', [odd.id]);
    expect(rows).toEqual([{ total_ms: null }]);
  });

  it.each([
    { name: 'an integer', odd: { turn: 2_147_483_648 } },
    { name: 'a duration', odd: { total_ms: 1e39 } },
    { name: 'a very small duration', odd: { total_ms: 1e-60 } },
  ])('are refused for $name that its column cannot hold, as by the statement', async ({ odd }) => {
    await expect(write([...manyNew(), newRow(odd)])).rejects.toMatchObject({ code: '22003' });
  });
});

/** Any UTF-16, halves of pairs included. */
const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 })
  .map((codes) => String.fromCharCode(...codes));
const text = fc.oneof(
  fc.constantFrom('', '면접관: 느린 쿼리를', 'a\0b', '\ud83d', '\udc00x', '😀', '"\\\n', '{a,"b"}', 'null'),
  units,
);
const integer = fc.oneof(fc.integer(), fc.constantFrom(-2_147_483_648, 2_147_483_647, 0, -0));
const real = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.integer().map((hundredths) => hundredths / 100),
  fc.constantFrom(0, -0, 3.4028234663852886e38, 1.401298464324817e-45),
);
const moment = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const json = fc
  .tuple(fc.jsonValue(), fc.boolean())
  .map(([value, isBytes]) => (isBytes ? Buffer.from(JSON.stringify(value)) : JSON.stringify(value)));
/** As the row of a call has it. */
const storable = fc.jsonValue().map((value) => storableJson(JSON.stringify(value)));

const orNull = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values);
function each<const Name extends string, T>(
  names: readonly Name[],
  values: fc.Arbitrary<T>,
): Record<Name, fc.Arbitrary<T>> {
  return Object.fromEntries(names.map((name) => [name, values])) as Record<Name, fc.Arbitrary<T>>;
}

const anyFacts = fc.record({
  id: fc.uuid(),
  outcome: fc.constantFrom('running', 'ok', 'failed', 'cancelled', 'interrupted'),
  started_at: moment,
  ended_at: orNull(moment),
  instance_id: fc.uuid(),
  tags: fc.array(text, { maxLength: 3 }),
  streamed: fc.boolean(),
  turn: orNull(integer),
  ...each(['request_id', 'task', 'lane', 'model_asked', 'provider'], text),
  ...each(
    ['error_code', 'left_because', 'interview_id', 'user_id', 'key_name', 'prompt_version'],
    orNull(text),
  ),
  ...each(
    ['prompt_hash', 'schema_hash', 'model_served', 'engine', 'rung', 'question', 'answer'],
    orNull(text),
  ),
  ...each(['action', 'system_prompt_hash', 'prompt_name'], orNull(text)),
  is_passed: orNull(fc.boolean()),
  ...each(['attempts', 'resets', 'prompt_tokens', 'completion_tokens', 'wasted_tokens'], integer),
  ...each(['queue_ms', 'engine_ms', 'first_token_ms', 'first_field_ms', 'total_ms', 'score'], orNull(real)),
}) as fc.Arbitrary<Facts>;
const anyTexts = fc.record({
  input: orNull(storable),
  ...each(['request', 'reply', 'tries'], orNull(json)),
});

it('a row that is copied is in every column the same as one that is inserted', async () => {
  const rows = fc.array(
    fc.tuple(anyFacts, anyTexts).map(([of, texts]) => rowOf(of, texts, true)),
    { minLength: MANY, maxLength: MANY },
  );
  await fc.assert(
    fc.asyncProperty(rows, async (news) => {
      expect(await write(news)).toEqual(['copy']);
      const copied = await stored(news);
      await remove(news);

      expect(await write(news.map(known))).toEqual(['insert']);
      const inserted = await stored(news);
      await remove(news);

      expect(copied).toEqual(inserted);
    }),
    { numRuns: 20 },
  );
});

/** A transaction that has begun a row which nobody else sees: whoever writes the same one waits. */
async function begun(row: CallRow | undefined): Promise<Client> {
  const other = new Client({ connectionString: DATABASE_URL });
  await other.connect();
  await other.query('begin');
  await other.query(
    `insert into calls (id, started_at, instance_id, outcome, request_id, task, lane, tags, model_asked, provider,
       streamed, attempts, resets, prompt_tokens, completion_tokens, wasted_tokens)
     values ($1, now(), $1, 'ok', '', '', '', '{}', '', '', false, 0, 0, 0, 0, 0)`,
    [row?.id],
  );
  return other;
}

/** The process of the connection that waits for another one's transaction. */
async function waitsFor(other: Client): Promise<number> {
  const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid');
  for (;;) {
    const { rows: waiting } = await reader.query<{ pid: number }>(
      'select pid from pg_locks where not granted and $1 = any(pg_blocking_pids(pid))',
      [rows[0]?.pid],
    );
    if (waiting[0]) return waiting[0].pid;
  }
}

describe('a copy that is under way', () => {
  it.each([
    { name: 'cancelled', by: 'pg_cancel_backend', code: '57014' },
    { name: 'ended with its connection', by: 'pg_terminate_backend', code: '57P01' },
  ])('and $name stores nothing, and the next one all', async ({ by, code }) => {
    const rows = manyNew();
    const other = await begun(rows[0]);
    const failed = expect(write(rows)).rejects.toMatchObject({ code });

    await reader.query(`select ${by}($1)`, [await waitsFor(other)]);

    await failed;
    await other.end();
    expect(await stored(rows)).toEqual([]);
    await write(rows);
    expect(await stored(rows)).toHaveLength(MANY);
  });

  it('and loses its connection fails, and the next one stores all', async () => {
    const proxy = await DatabaseProxy.start(DATABASE_URL);
    proxies.push(proxy);
    const behind = poolTo(proxy.url);
    const rows = manyNew();
    const other = await begun(rows[0]);
    const failed = expect(writeCalls(behind, rows, LONG)).rejects.toThrow(/terminated|ECONNRESET/);
    await waitsFor(other);

    await proxy.cut();
    await failed;
    await other.end();
    await proxy.restore();
    await writeCalls(behind, rows, LONG);

    expect(await stored(rows)).toHaveLength(MANY);
    await behind.end();
  });

  it('and gets no answer is given up in time, and its rows are there once whatever comes of it', async () => {
    const proxy = await DatabaseProxy.start(DATABASE_URL);
    proxies.push(proxy);
    const behind = poolTo(proxy.url);
    await behind.query('select');
    const rows = manyNew();

    proxy.freeze();
    await expect(writeCalls(behind, rows, 200)).rejects.toThrow('nothing was stored within 200 ms');
    proxy.thaw();
    await writeCalls(pool, rows, LONG);

    await behind.end();
    expect(await stored(rows)).toHaveLength(MANY);
  });
});
