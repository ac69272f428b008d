import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely';
import { refusal } from '../common/refusal.js';
import type { Tables } from '../database/tables.js';
import type { CallFilterDto } from './call-log.dto.js';
import { type WantedFacts, wantedFacts } from './fact-filters.js';
import { firstIdAt } from './first-id.js';
import type { IdRange } from './id-range.js';
import { momentOf } from './moment.js';

/** Which calls are asked for: those that meet everything that is there. */
export interface CallFilter {
  readonly from: Date | undefined;
  /** The first moment that does not belong to it any more. */
  readonly to: Date | undefined;
  readonly facts: WantedFacts;
  /** Asked or served. */
  readonly model: string | undefined;
  readonly tag: string | undefined;
  /** Milliseconds in all. */
  readonly minLatency: number | undefined;
  readonly minScore: number | undefined;
  readonly maxScore: number | undefined;
}

/**
 * What checked parameters ask for.
 * @throws ServiceError VALIDATION_FAILED for a period that ends before it begins, and for scores like that
 */
export function filterOf(query: CallFilterDto): CallFilter {
  const from = query.from === undefined ? undefined : momentOf(query.from);
  const to = query.to === undefined ? undefined : momentOf(query.to);
  if (from && to && from >= to) throw refusal([{ path: '/to', message: 'to must be later than from' }]);
  const minScore = numberIn(query.min_score);
  const maxScore = numberIn(query.max_score);
  if (minScore !== undefined && maxScore !== undefined && minScore > maxScore) {
    throw refusal([{ path: '/max_score', message: 'max_score must be at least min_score' }]);
  }
  return {
    from,
    to,
    facts: wantedFacts(query),
    model: query.model,
    tag: query.tag,
    minLatency: numberIn(query.min_latency),
    minScore,
    maxScore,
  };
}

/** The ids of the filter's period. */
export function periodOf({ from, to }: CallFilter): IdRange {
  return { from: from && firstIdAt(from), to: to && firstIdAt(to) };
}

/** The filter without its period as a condition on rows of `calls`. */
export function matching(eb: ExpressionBuilder<Tables, 'calls'>, filter: CallFilter): Expression<SqlBool> {
  const { facts, model, tag, minLatency, minScore, maxScore } = filter;
  return eb.and([
    ...Object.entries(facts).map(([column, value]) => sql<SqlBool>`${sql.ref(column)} = ${value}`),
    ...(model === undefined ? [] : [eb.or([eb('model_asked', '=', model), eb('model_served', '=', model)])]),
    ...(tag === undefined ? [] : [eb(eb.val(tag), '=', eb.fn.any('tags'))]),
    ...(minLatency === undefined ? [] : [eb('total_ms', '>=', minLatency)]),
    ...(minScore === undefined ? [] : [eb('score', '>=', minScore)]),
    ...(maxScore === undefined ? [] : [eb('score', '<=', maxScore)]),
  ]);
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
