import type { Expression, ExpressionBuilder, SqlBool } from 'kysely';
import type { Tables } from '../database/tables.js';

/** Calls from an id on and before another one; what is undefined is no bound. Ids are in lower case, so texts sort as they do. */
export interface IdRange {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** A range that has both its ends: of it alone the database knows which days it needs not look at. */
export interface BoundedRange {
  readonly from: string;
  readonly to: string;
}

/** What lies in both ranges. */
export function overlap(one: BoundedRange, other: IdRange): BoundedRange;
export function overlap(one: IdRange, other: IdRange): IdRange;
export function overlap(one: IdRange, other: IdRange): IdRange {
  return {
    from:
      one.from === undefined || (other.from !== undefined && other.from > one.from) ? other.from : one.from,
    to: one.to === undefined || (other.to !== undefined && other.to < one.to) ? other.to : one.to,
  };
}

/** Whether no id can lie in it. */
export function isEmpty({ from, to }: IdRange): boolean {
  return from !== undefined && to !== undefined && from >= to;
}

/** The range as a condition on rows of `calls`. */
export function within(eb: ExpressionBuilder<Tables, 'calls'>, { from, to }: IdRange): Expression<SqlBool> {
  return eb.and([
    ...(from === undefined ? [] : [eb('id', '>=', from)]),
    ...(to === undefined ? [] : [eb('id', '<', to)]),
  ]);
}

/** The id that follows another one. */
export function idAfter(id: string): string {
  const next = BigInt(`0x${id.replaceAll('-', '')}`) + 1n;
  return next
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
