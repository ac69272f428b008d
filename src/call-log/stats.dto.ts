import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { IsMoment } from './query-checks.js';
import { type CallGroup, type Grouping, GROUPINGS } from './stats.repository.js';

/** What is counted. */
export class StatsQueryDto {
  /** What the calls of a group have in common. */
  @IsIn(GROUPINGS)
  @ApiProperty({ enum: GROUPINGS })
  by!: Grouping;

  /**
   * Calls that began at this date or date-time (ISO 8601) or later; left out: a day before `to`.
   * @example '2026-11-21'
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * Calls that began before this date or date-time, at most 31 days after `from`; left out: now.
   * @example '2026-11-22'
   */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Calls that have something in common. */
export class CallGroupDto implements CallGroup {
  /**
   * What they have in common, such as a task, or the model (the one that answered, else the one asked for); null for calls
   * without. A call with several tags is in the group of each.
   */
  name!: string | null;

  @ApiProperty({ type: 'integer' })
  calls!: number;

  /** Of these, calls that failed or were interrupted. */
  @ApiProperty({ type: 'integer' })
  failed!: number;

  /** Milliseconds in all, on average of the answered ones; null where none was. */
  avg_latency_ms!: number | null;

  /** Tokens of prompt and answer, on average of the answered ones. */
  avg_tokens!: number | null;

  /** Answered calls that have a score. */
  @ApiProperty({ type: 'integer' })
  scored!: number;

  /** Their score on average; null where none has one, or where they belong to several tasks, whose scales differ. */
  avg_score!: number | null;
}

/** Numbers of a period. */
export class StatsDto {
  @ApiProperty({ enum: GROUPINGS })
  by!: Grouping;
  from!: Date;
  to!: Date;
  /** By name, at most 1,000. */
  groups!: CallGroupDto[];
}
