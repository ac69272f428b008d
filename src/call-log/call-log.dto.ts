import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { FACT_NAMES, PLAIN_COLUMNS } from '../calls/call-columns.js';
import { factParametersDto } from './fact-filters.js';
import { factsDto } from './facts-dto.js';
import { IsMoment, IsNumber, IsSearchText, IsWholeNumber } from './query-checks.js';

const FORMATS = ['csv', 'jsonl'] as const;

const COLUMN_SETS = ['seed', 'all'] as const;

const BOOLEANS = ['true', 'false'] as const;

/** Any scale that a task may score on. */
const MOST_SCORE = 1_000_000;

/** Which calls; what is left out filters nothing. */
export class CallFilterDto extends factParametersDto() {
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

  /** The model that was asked for, or the one that answered. */
  @IsOptional()
  @IsSearchText()
  model?: string;

  /** One of the call's tags. */
  @IsOptional()
  @IsSearchText()
  tag?: string;

  /** Milliseconds in all, at least. */
  @IsOptional()
  @IsWholeNumber(0, 86_400_000)
  @ApiProperty({ type: 'integer', minimum: 0, maximum: 86_400_000, required: false })
  min_latency?: string;

  /** The score, at least; calls without a score are left out. Scales differ between tasks, so name the task too. */
  @IsOptional()
  @IsNumber(-MOST_SCORE, MOST_SCORE)
  @ApiProperty({ type: 'number', minimum: -MOST_SCORE, maximum: MOST_SCORE, required: false })
  min_score?: string;

  /** The score, at most; calls without a score are left out. */
  @IsOptional()
  @IsNumber(-MOST_SCORE, MOST_SCORE)
  @ApiProperty({ type: 'number', minimum: -MOST_SCORE, maximum: MOST_SCORE, required: false })
  max_score?: string;
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

  /** Whether a CSV begins with a byte order mark, by which Excel knows UTF-8 at a double click; left out: false. */
  @IsOptional()
  @IsIn(BOOLEANS)
  @ApiProperty({ type: 'boolean', default: false, required: false })
  bom?: (typeof BOOLEANS)[number];
}

/** What is known of a call, without its JSON. */
export class CallSummaryDto extends factsDto(PLAIN_COLUMNS) {}

/** A page of calls, newest first. */
export class CallPageDto {
  calls!: CallSummaryDto[];

  /** What brings the next page as `cursor`; null on the last one. */
  next_cursor!: string | null;
}

/** Everything that the log has of a call. */
export class CallDto extends factsDto(FACT_NAMES) {}
