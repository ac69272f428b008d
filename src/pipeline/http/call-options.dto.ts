import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsBoolean, IsInt, IsNumber, IsOptional, Max, Min } from 'class-validator';
import type { Sink } from '../../calls/sink.js';
import type { CallContext } from '../../common/call-context.js';
import type { RequestContext } from '../../common/request-context.js';
import { IsLabel, IsStop } from '../../common/validators.js';
import type { CallOptions } from '../call-options.js';
import { EventSink } from './event-sink.js';

/** Fields that every question takes besides its own. null means absent. */
export class CallOptionsDto {
  /**
   * Model to ask; the engine must serve it. Left out: MODEL_NAME.
   * @example null
   */
  @IsOptional()
  @IsLabel()
  model?: string | null;

  /** Temperature, 0 to 2. */
  @IsOptional()
  @IsNumber({}, { message: '$property must be a number' })
  @Min(0)
  @Max(2)
  temperature?: number | null;

  /** Nucleus sampling: over 0, at most 1. */
  @IsOptional()
  @IsNumber({}, { message: '$property must be a number' })
  @Min(0.001)
  @Max(1)
  top_p?: number | null;

  /** Texts that end the reply where they occur. On structured routes a match cuts the object, which is an error. */
  @ApiProperty({
    required: false,
    nullable: true,
    oneOf: [{ type: 'string' }, { type: 'array', maxItems: 4, items: { type: 'string' } }],
  })
  @IsOptional()
  @IsStop()
  stop?: string | string[] | null;

  /** Seed for sampling, where the engine supports it. */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  seed?: number | null;

  /** Tokens that the reply never exceeds, retries included. Left out: the task's own number. */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(131_072)
  max_tokens?: number | null;

  /** Whether the answer comes as a stream of events; left out: as the Accept header says (docs/streaming.md). */
  @IsOptional()
  @IsBoolean()
  stream?: boolean | null;

  /**
   * Your id of the interview; in the log, and later the key by which its calls stay together.
   * @example 'iv-2026-0042'
   */
  @IsOptional()
  @IsLabel()
  interview_id?: string | null;

  /**
   * Number of the turn in the interview.
   * @example 1
   */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(100_000)
  turn?: number | null;

  /** Your id of the user; in the log. */
  @IsOptional()
  @IsLabel()
  user_id?: string | null;

  /** Labels for the log, at most 20. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(20)
  @IsLabel({ each: true })
  tags?: string[] | null;
}

/** A request as the pipeline takes it. */
export interface Asked {
  readonly options: CallOptions;
  readonly call: CallContext;
  /** Where the answer streams to; undefined where the caller waits for the whole. */
  readonly sink: Sink | undefined;
}

/** Reads the options of a body: other names, and absent instead of null. */
export function asked(dto: CallOptionsDto, context: RequestContext): Asked {
  const call = context.newCall(
    withoutNulls({ interviewId: dto.interview_id, turn: dto.turn, userId: dto.user_id, tags: dto.tags }),
  );
  const options = withoutNulls({
    model: dto.model,
    temperature: dto.temperature,
    topP: dto.top_p,
    stop: typeof dto.stop === 'string' ? [dto.stop] : dto.stop,
    seed: dto.seed,
    maxTokens: dto.max_tokens,
  });
  const streams = dto.stream ?? context.acceptsEvents;
  return { options, call, sink: streams ? new EventSink(context, call) : undefined };
}

type WithoutNulls<T> = { [K in keyof T]?: NonNullable<T[K]> };

function withoutNulls<T extends object>(value: T): WithoutNulls<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, own]) => own !== null && own !== undefined),
  ) as WithoutNulls<T>;
}
