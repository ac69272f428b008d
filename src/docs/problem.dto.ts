import { ApiProperty } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';

/** One thing that is wrong with an input or a reply. */
export class FieldErrorDto {
  /**
   * JSON pointer to the value; empty for the whole.
   * @example '/messages/0/role'
   */
  path!: string;

  /** @example 'role must be one of the following values: system, user, assistant' */
  message!: string;
}

/** Why one ask of the engine was not good enough. */
export class AttemptDto {
  /** @example 1 */
  attempt!: number;

  /** @example 'The reply does not match its schema.' */
  reason!: string;

  errors?: FieldErrorDto[];
}

/** Every error of this service: RFC 9457 problem details. The codes are listed in docs/errors.md. */
export class ProblemDto {
  /** @example 'urn:llm-service:problem:validation-failed' */
  type!: string;

  /** @example 'The request does not fit this route' */
  title!: string;

  /** @example 400 */
  status!: number;

  /**
   * Stable name of the error.
   * @example 'VALIDATION_FAILED'
   */
  code!: ErrorCode;

  /** What happened this time. */
  detail!: string;

  /** What to do next. */
  remedy!: string;

  /** The same as in the header X-Request-Id and in the log. */
  request_id!: string;

  /**
   * Seconds after which asking again makes sense; also in the header Retry-After, which an error within a stream has not.
   * @example 5
   */
  @ApiProperty({ type: 'integer' })
  retry_after?: number;

  errors?: FieldErrorDto[];

  /** With STRUCTURED_OUTPUT_INVALID: why each reply of the model was not accepted. */
  attempts?: AttemptDto[];
}
