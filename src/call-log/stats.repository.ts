import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { DatabaseService } from '../database/database.service.js';
import { firstIdAt } from './first-id.js';
import { LogReader } from './log-reader.js';

/** What calls are put together by, and the name that each has in its group. */
const NAMES = {
  prompt_version: sql<string | null>`prompt_version`,
  model: sql<string | null>`coalesce(model_served, model_asked)`,
  task: sql<string | null>`task`,
  tag: sql<string | null>`tag`,
  system_prompt: sql<string | null>`system_prompt_hash`,
  key: sql<string | null>`key_name`,
  prompt_name: sql<string | null>`prompt_name`,
  action: sql<string | null>`action`,
  is_passed: sql<string | null>`is_passed::text`,
} as const;

export type Grouping = keyof typeof NAMES;

export const GROUPINGS = Object.keys(NAMES) as Grouping[];

/** Groups of one reply; callers can ask for models under any name. */
const MAX_GROUPS = 1000;

/** A call under each of its tags once; under none where it has none. */
const TAGGED = sql<{ tag: string | null }>`(select distinct unnest(tags) as tag)`;

/** Numbers of the calls that have something in common. */
export interface CallGroup {
  readonly name: string | null;
  readonly calls: number;
  readonly failed: number;
  readonly avg_latency_ms: number | null;
  readonly avg_tokens: number | null;
  readonly scored: number;
  readonly avg_score: number | null;
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
    const { db } = this.database;
    const calls = db.selectFrom('calls').where('id', '>=', firstIdAt(from)).where('id', '<', firstIdAt(to));
    const tagged = by === 'tag' ? calls.leftJoinLateral(TAGGED.as('tagged'), (on) => on.onTrue()) : calls;
    // Where there are more, those with the most calls.
    const largest = tagged
      .select(name.as('name'))
      .select(NUMBERS)
      .groupBy(name)
      .orderBy(sql`count(*)`, 'desc')
      .limit(MAX_GROUPS);
    const query = db
      .selectFrom(largest.as('groups'))
      .selectAll()
      .orderBy(sql`name collate "C"`, (order) => order.asc().nullsLast());
    return this.reader.read(query.compile(), { signal });
  }
}

/** Calls that were answered and have a score. */
const SCORED = sql`filter (where outcome = 'ok' and score is not null)`;

/** Scales differ between tasks, so scores of several tasks have no average. */
const IS_ONE_TASK = sql`min(task) ${SCORED} = max(task) ${SCORED}`;

const NUMBERS = [
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
  sql<number>`(count(*) ${SCORED})::int`.as('scored'),
  sql<number | null>`case when ${IS_ONE_TASK} then round((avg(score) ${SCORED})::numeric, 2)::float8 end`.as(
    'avg_score',
  ),
] as const;
