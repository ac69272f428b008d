import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { DatabaseService } from '../database/database.service.js';
import { firstIdAt } from './first-id.js';
import { LogReader } from './log-reader.js';

/** What calls are put together by. */
export const GROUPINGS = ['prompt_version', 'model'] as const;

export type Grouping = (typeof GROUPINGS)[number];

/** Groups of one reply; callers can ask for models under any name. */
const MAX_GROUPS = 1000;

const NAMES = {
  prompt_version: sql<string | null>`prompt_version`,
  model: sql<string | null>`coalesce(model_served, model_asked)`,
} as const;

/** Numbers of the calls that have a prompt version or a model in common. */
export interface CallGroup {
  readonly name: string | null;
  readonly calls: number;
  readonly failed: number;
  readonly avg_latency_ms: number | null;
  readonly avg_tokens: number | null;
}

/** Sums over the call log. */
@Injectable()
export class StatsRepository {
  constructor(
    private readonly database: DatabaseService,
    private readonly reader: LogReader,
  ) {}

  /**
   * Groups of the calls of a period, by name; those without one come last.
   * @throws ServiceError as `LogReader.read` does
   */
  groups(by: Grouping, from: Date, to: Date, signal: AbortSignal): Promise<CallGroup[]> {
    const name = NAMES[by];
    const query = this.database.db
      .selectFrom('calls')
      .select([
        name.as('name'),
        sql<number>`count(*)::int`.as('calls'),
        sql<number>`(count(*) filter (where outcome in ('failed', 'interrupted')))::int`.as('failed'),
        sql<number | null>`round((avg(total_ms) filter (where outcome = 'ok'))::numeric, 2)::float8`.as(
          'avg_latency_ms',
        ),
        sql<
          number | null
        >`round(avg(prompt_tokens::bigint + completion_tokens) filter (where outcome = 'ok'), 2)::float8`.as(
          'avg_tokens',
        ),
      ])
      .where('id', '>=', firstIdAt(from))
      .where('id', '<', firstIdAt(to))
      .groupBy(name)
      .orderBy(sql`${name} collate "C"`, (order) => order.asc().nullsLast())
      .limit(MAX_GROUPS);
    return this.reader.read(query.compile(), { signal });
  }
}
