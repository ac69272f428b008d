import { ApiProperty } from '@nestjs/swagger';

/** What stands behind the service. */
export class EngineStatusDto {
  /**
   * Who answers; `stub` is the built-in stand-in, not a model.
   * @example 'sglang'
   */
  provider!: 'sglang' | 'vllm' | 'openai' | 'stub';

  /** Whether a call can be served. */
  ready!: boolean;

  /** Why not, or what to know. */
  notice?: string;
}

/** Where calls are kept. */
export class StoreStatusDto {
  /** Whose database it is: `embedded` is the service's own. */
  kind!: 'embedded' | 'server';

  /** Whether it takes calls; while it does not, they wait on disk. */
  ready!: boolean;

  /** What is kept: `none` are facts without texts. */
  content!: 'full' | 'none';

  /** Calls that wait on disk for the database. */
  @ApiProperty({ type: 'integer' })
  calls_waiting!: number;

  /** Calls that are in no log, since the start. */
  @ApiProperty({ type: 'integer' })
  calls_dropped!: number;

  /** Why it does not take calls, for keys with the scope read. */
  notice?: string;
}

/** One engine, for keys with the scope read. */
export class EngineDetailDto {
  url!: string;
  state!: 'unknown' | 'up' | 'down';
  models!: string[];
  /** Tokens of the context by the engine's own word. */
  context_tokens!: number | null;
  /** Requests that wait for a connection, because ENGINE_CONNECTIONS are taken. */
  @ApiProperty({ type: 'integer' })
  requests_waiting!: number;
}

/** What only keys with the scope read see. */
export class HealthDetailsDto {
  version!: string;
  uptime_seconds!: number;
  model!: string;
  engines!: EngineDetailDto[];
  /** Task -> how its replies were found valid or not, counted since the start. */
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: { type: 'integer' } },
    example: { feedback: { calls: 120, strict: 118, 'not-json': 2, 're-asked': 2, valid: 120 } },
  })
  replies!: Record<string, Record<string, number>>;
}

/** State of the service. */
export class HealthDto {
  /**
   * ok: calls are served. degraded: the service runs, its engine or its database does not. stopping: it was told to stop.
   * @example 'ok'
   */
  status!: 'ok' | 'degraded' | 'stopping';

  engine!: EngineStatusDto;

  store!: StoreStatusDto;

  details?: HealthDetailsDto;
}

/** Whether the process runs. */
export class LiveDto {
  /** @example 'ok' */
  status!: 'ok';
}

/** Whether calls can be served. */
export class ReadyDto {
  /** @example 'ready' */
  status!: 'ready' | 'not_ready';

  /** Why not. */
  reason?: string;
}
