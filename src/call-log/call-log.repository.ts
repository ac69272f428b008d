import { Injectable } from '@nestjs/common';
import { type CompiledQuery, sql } from 'kysely';
import {
  factOf,
  JSON_COLUMNS,
  LARGE_COLUMNS,
  PLAIN_COLUMNS,
  type PlainColumn,
} from '../calls/call-columns.js';
import type { StoredCall } from '../call-store/calls-table.js';
import { DatabaseService } from '../database/database.service.js';
import { type CallFilter, matching, periodOf } from './call-filter.js';
import { type BoundedRange, idAfter, overlap, within } from './id-range.js';
import { LogReader } from './log-reader.js';
import { nextDay } from './next-day.js';

/** Characters of a question and an answer in a list. */
const SNIPPET = 200;

/** Rows that are held at once at the most while many are read, whatever their size. */
const BATCH_ROWS = 500;

/** Bytes of texts after which fewer rows are held; as they are stored, where JSON takes about a third. */
const BATCH_BYTES = 1_048_576;

/** Columns whose texts are cut in a list. */
type CutColumn = 'question' | 'answer';

const FACTS = PLAIN_COLUMNS.filter(
  (name): name is Exclude<PlainColumn, CutColumn> => name !== 'question' && name !== 'answer',
);

/** What is known of a call, and how its question and its answer begin. */
type CallSummary = Pick<StoredCall, PlainColumn>;

const SHORT_COLUMNS = [
  'id',
  'started_at',
  'question',
  'prompt_version',
  'model_asked',
  'model_served',
  'total_ms',
  'prompt_tokens',
  'completion_tokens',
  'provider',
] as const;

/** What the seven columns of a call log in CSV are made of. */
export type ShortCall = Pick<StoredCall, (typeof SHORT_COLUMNS)[number]>;

/**
 * The queries on `calls`. Every one of them can throw what `LogReader.together` throws, and ends with its signal where
 * it has one.
 */
@Injectable()
export class CallLogRepository {
  constructor(
    private readonly database: DatabaseService,
    private readonly reader: LogReader,
  ) {}

  /** Calls that match, newest first, and older than the one with the id `before`. */
  list(
    filter: CallFilter,
    before: string | undefined,
    limit: number,
    signal?: AbortSignal,
  ): Promise<CallSummary[]> {
    return this.reader.together(
      async (ask) => {
        const calls: CallSummary[] = [];
        let rest = overlap(periodOf(filter), { from: undefined, to: before });
        while (calls.length < limit) {
          const day = await nextDay(ask, this.database.db, rest, 'desc');
          if (!day) break;
          calls.push(...(await ask(this.#newest(filter, day, limit - calls.length))));
          rest = { from: rest.from, to: day.from };
        }
        return calls;
      },
      { signal },
    );
  }

  async find(id: string, signal?: AbortSignal): Promise<StoredCall | undefined> {
    const query = this.database.db
      .selectFrom('calls')
      .select(PLAIN_COLUMNS)
      .select(JSON_TEXTS)
      .where('id', '=', id);
    const [call] = await this.reader.read(query.compile(), { signal });
    return call;
  }

  /** Calls that match, oldest first, in batches that are never empty; no connection is held between them. */
  whole(filter: CallFilter, signal?: AbortSignal): AsyncGenerator<readonly StoredCall[], void, undefined> {
    return this.#batches(filter, signal, (range) =>
      this.#nextBatch(filter, range).select(PLAIN_COLUMNS).select(JSON_TEXTS).compile(),
    );
  }

  /** As `whole`, with few columns and without the calls that have no latency: those that run or were interrupted. */
  short(filter: CallFilter, signal?: AbortSignal): AsyncGenerator<readonly ShortCall[], void, undefined> {
    const answered = { ...filter, minLatency: filter.minLatency ?? 0 };
    return this.#batches(answered, signal, (range) =>
      this.#nextBatch(answered, range).select(SHORT_COLUMNS).compile(),
    );
  }

  #newest(filter: CallFilter, range: BoundedRange, limit: number): CompiledQuery<CallSummary> {
    return this.database.db
      .selectFrom('calls')
      .select(FACTS)
      .select([
        sql<string | null>`left(question, ${SNIPPET})`.as('question'),
        sql<string | null>`left(coalesce(answer, reply::text), ${SNIPPET})`.as('answer'),
      ])
      .where((eb) => eb.and([within(eb, range), matching(eb, filter)]))
      .orderBy('id', 'desc')
      .limit(limit)
      .compile();
  }

  /** A batch is of one day, and each day has a turn and a limit of its own: an export may take as long as it needs. */
  async *#batches<Row extends { id: string }>(
    filter: CallFilter,
    signal: AbortSignal | undefined,
    queryFor: (range: BoundedRange) => CompiledQuery<Row>,
  ): AsyncGenerator<readonly Row[], void, undefined> {
    let rest = periodOf(filter);
    for (let hasBegun = false; ; hasBegun = true) {
      const found = await this.reader.together(
        async (ask) => {
          const day = await nextDay(ask, this.database.db, rest, 'asc');
          return day && { day, rows: await ask(queryFor(day)) };
        },
        { hasBegun, signal },
      );
      if (!found) return;
      const last = found.rows.at(-1);
      if (last) yield found.rows;
      rest = { from: last ? idAfter(last.id) : found.day.to, to: rest.to };
    }
  }

  /** The first rows of a range: fewer where they are large, and one at least. The texts are fetched of these alone. */
  #nextBatch(filter: CallFilter, range: BoundedRange) {
    const { db } = this.database;
    const next = db
      .selectFrom('calls')
      .selectAll()
      .where((eb) => eb.and([within(eb, range), matching(eb, filter)]));
    const summed = db
      .selectFrom(next.orderBy('id').limit(BATCH_ROWS).as('next'))
      .selectAll()
      .select(sql<number>`sum(${STORED_BYTES}) over (order by id)`.as('bytes_up_to'))
      .select(sql<number>`row_number() over (order by id)`.as('row'));
    return db
      .selectFrom(summed.as('calls'))
      .where((eb) => eb.or([eb('bytes_up_to', '<=', BATCH_BYTES), eb('row', '=', 1)]))
      .orderBy('id');
  }
}

/** The driver would parse them. */
const JSON_TEXTS = JSON_COLUMNS.map((name) => sql<string | null>`${sql.ref(name)}::text`.as(name));

/** What a row weighs, told without reading its texts. */
const STORED_BYTES = sql<number>`(${sql.join(
  LARGE_COLUMNS.map((name) =>
    factOf(name).type === 'text'
      ? sql`coalesce(octet_length(${sql.ref(name)}), 0)`
      : sql`coalesce(pg_column_size(${sql.ref(name)}), 0)`,
  ),
  sql` + `,
)})`;
