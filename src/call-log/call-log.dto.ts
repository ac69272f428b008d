import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { StoredOutcome } from '../database/tables.js';
import { IsMoment, IsSearchText, IsTask, IsWholeNumber } from './query-checks.js';

const OUTCOMES: readonly StoredOutcome[] = ['running', 'ok', 'failed', 'cancelled', 'interrupted'];

const FORMATS = ['csv', 'jsonl'] as const;

const COLUMN_SETS = ['seed', 'all'] as const;

/** Which calls; what is left out filters nothing. */
export class CallFilterDto {
  /**
   * Calls that began at this date or date-time (ISO 8601) or later; UTC where it names no zone.
   * @example '2026-11-21T09:30:00Z'
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * Calls that began before this date or date-time.
   * @example '2026-11-22'
   */
  @IsOptional()
  @IsMoment()
  to?: string;

  /** What was asked. */
  @IsOptional()
  @IsTask()
  task?: string;

  /** The model that was asked for, or the one that answered. */
  @IsOptional()
  @IsSearchText()
  model?: string;

  @IsOptional()
  @IsIn(OUTCOMES)
  @ApiProperty({ enum: OUTCOMES, required: false })
  outcome?: StoredOutcome;

  @IsOptional()
  @IsSearchText()
  user_id?: string;

  @IsOptional()
  @IsSearchText()
  interview_id?: string;

  /** @example 'v1' */
  @IsOptional()
  @IsSearchText()
  prompt_version?: string;

  /** One of the call's tags. */
  @IsOptional()
  @IsSearchText()
  tag?: string;

  /** Milliseconds in all, at least. */
  @IsOptional()
  @IsWholeNumber(0, 86_400_000)
  @ApiProperty({ type: 'integer', minimum: 0, maximum: 86_400_000, required: false })
  min_latency?: string;
}

/** Which calls, and how many. */
export class ListCallsDto extends CallFilterDto {
  /** Calls on a page; left out: 50. */
  @IsOptional()
  @IsWholeNumber(1, 200)
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 200, default: 50, required: false })
  limit?: string;

  /** The `next_cursor` of the page before, with the same filters. */
  @IsOptional()
  @IsSearchText()
  cursor?: string;
}

/** Which calls, and how they are written. */
export class ExportCallsDto extends CallFilterDto {
  /** Left out: csv. */
  @IsOptional()
  @IsIn(FORMATS)
  @ApiProperty({ enum: FORMATS, default: 'csv', required: false })
  format?: (typeof FORMATS)[number];

  /** The seven columns of CSV_LOG, or everything; left out: all. */
  @IsOptional()
  @IsIn(COLUMN_SETS)
  @ApiProperty({ enum: COLUMN_SETS, default: 'all', required: false })
  columns?: (typeof COLUMN_SETS)[number];
}

/** What is known of a call. docs/logs.md explains each field. */
export class CallSummaryDto {
  /** UUIDv7, as in X-Call-Id. */
  id!: string;
  started_at!: Date;
  ended_at!: Date | null;
  instance_id!: string;
  @ApiProperty({ enum: OUTCOMES })
  outcome!: StoredOutcome;
  error_code!: string | null;
  left_because!: string | null;
  request_id!: string;
  task!: string;
  lane!: string;
  interview_id!: string | null;
  @ApiProperty({ type: 'integer', nullable: true })
  turn!: number | null;
  user_id!: string | null;
  tags!: string[];
  key_name!: string | null;
  prompt_version!: string | null;
  prompt_hash!: string | null;
  schema_hash!: string | null;
  model_asked!: string;
  model_served!: string | null;
  provider!: string;
  engine!: string | null;
  streamed!: boolean;
  rung!: string | null;
  @ApiProperty({ type: 'integer' })
  attempts!: number;
  @ApiProperty({ type: 'integer' })
  resets!: number;
  @ApiProperty({ type: 'integer' })
  prompt_tokens!: number;
  @ApiProperty({ type: 'integer' })
  completion_tokens!: number;
  @ApiProperty({ type: 'integer' })
  wasted_tokens!: number;
  queue_ms!: number | null;
  engine_ms!: number | null;
  first_token_ms!: number | null;
  first_field_ms!: number | null;
  total_ms!: number | null;
  /** In a list its first 200 characters. */
  question!: string | null;
  /** In a list its first 200 characters, or those of the reply where the answer is an object. */
  answer!: string | null;
}

/** A page of calls, newest first. */
export class CallPageDto {
  calls!: CallSummaryDto[];

  /** What brings the next page as `cursor`; null on the last one. */
  next_cursor!: string | null;
}

/** Everything that the log has of a call. */
export class CallDto extends CallSummaryDto {
  /** What was sent to the engine first. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  request!: unknown;

  /** What the caller got. */
  @ApiProperty({ nullable: true, description: 'What the caller got: any JSON.' })
  reply!: unknown;

  /** Each try at an engine, in order, with what came of it. */
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true }, nullable: true })
  tries!: unknown;
}
