import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import { refusal } from '../common/refusal.js';
import type { StoredOutcome, Tables } from '../database/tables.js';
import type { CallFilterDto } from './call-log.dto.js';
import { firstIdAt } from './first-id.js';
import type { IdRange } from './id-range.js';
import { momentOf } from './moment.js';

/** Which calls are asked for: those that meet everything that is there. */
export interface CallFilter {
  readonly from: Date | undefined;
  /** The first moment that does not belong to it any more. */
  readonly to: Date | undefined;
  readonly task: string | undefined;
  /** Asked or served. */
  readonly model: string | undefined;
  readonly outcome: StoredOutcome | undefined;
  readonly userId: string | undefined;
  readonly interviewId: string | undefined;
  readonly promptVersion: string | undefined;
  readonly tag: string | undefined;
  /** Milliseconds in all. */
  readonly minLatency: number | undefined;
}

/**
 * What checked parameters ask for.
 * @throws ServiceError VALIDATION_FAILED for a period that ends before it begins
 */
export function filterOf(query: CallFilterDto): CallFilter {
  const from = query.from === undefined ? undefined : momentOf(query.from);
  const to = query.to === undefined ? undefined : momentOf(query.to);
  if (from && to && from >= to) throw refusal([{ path: '/to', message: 'to must be later than from' }]);
  return {
    from,
    to,
    task: query.task,
    model: query.model,
    outcome: query.outcome,
    userId: query.user_id,
    interviewId: query.interview_id,
    promptVersion: query.prompt_version,
    tag: query.tag,
    minLatency: query.min_latency === undefined ? undefined : Number(query.min_latency),
  };
}

/** The ids of the filter's period. */
export function periodOf({ from, to }: CallFilter): IdRange {
  return { from: from && firstIdAt(from), to: to && firstIdAt(to) };
}

/** The filter without its period as a condition on rows of `calls`. */
export function matching(eb: ExpressionBuilder<Tables, 'calls'>, filter: CallFilter): Expression<SqlBool> {
  const { task, model, outcome, userId, interviewId, promptVersion, tag, minLatency } = filter;
  return eb.and([
    ...(task === undefined ? [] : [eb('task', '=', task)]),
    ...(model === undefined ? [] : [eb.or([eb('model_asked', '=', model), eb('model_served', '=', model)])]),
    ...(outcome === undefined ? [] : [eb('outcome', '=', outcome)]),
    ...(userId === undefined ? [] : [eb('user_id', '=', userId)]),
    ...(interviewId === undefined ? [] : [eb('interview_id', '=', interviewId)]),
    ...(promptVersion === undefined ? [] : [eb('prompt_version', '=', promptVersion)]),
    ...(tag === undefined ? [] : [eb(eb.val(tag), '=', eb.fn.any('tags'))]),
    ...(minLatency === undefined ? [] : [eb('total_ms', '>=', minLatency)]),
  ]);
}
