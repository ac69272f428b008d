import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { IsLabel, IsProse } from '../common/validators.js';

/** One message or one prompt, never both. null means absent. */
export class SmallChatRequestDto {
  /**
   * What the user says; the service's own prompt stands before it.
   * @example 'LLMOps가 뭐야?'
   */
  @IsOptional()
  @IsProse()
  message?: string | null;

  /**
   * With message: version of the service's own prompt. Left out: v1.
   * @example 'v1'
   */
  @IsOptional()
  @IsLabel()
  prompt_version?: string | null;

  /**
   * What the model is asked, as it is: no prompt of the service stands before it.
   * @example null
   */
  @IsOptional()
  @IsProse()
  prompt?: string | null;

  /**
   * With prompt: model to ask; the engine must serve it. Left out: MODEL_NAME.
   * @example null
   */
  @IsOptional()
  @IsLabel()
  model_version?: string | null;

  /**
   * Your id of the user; in the log.
   * @example 'test-user'
   */
  @IsOptional()
  @IsLabel()
  user_id?: string | null;
}

/** The answer to a message. */
export class MessageReplyDto {
  /** @example '질문을 받았습니다: LLMOps가 뭐야?' */
  reply!: string;

  /**
   * The model that answered, by the engine's own word.
   * @example 'gpt-4o-mini'
   */
  model!: string;

  /** @example 'v1' */
  prompt_version!: string;

  /**
   * Milliseconds that the call took in all, as in the log.
   * @example 120
   */
  @ApiProperty({ type: 'integer' })
  latency_ms!: number;

  /**
   * Tokens of question and answer, as the engine counted them.
   * @example 118
   */
  @ApiProperty({ type: 'integer' })
  total_tokens!: number;

  /**
   * When the answer was whole: ISO 8601, UTC, with microseconds and offset.
   * @example '2024-11-25T12:00:07.120000+00:00'
   */
  timestamp!: string;
}

/** The answer to a prompt. */
export class PromptReplyDto {
  /** @example 'It watches how good the answers of language models are.' */
  response!: string;

  /**
   * The model that answered, by the engine's own word.
   * @example 'gpt-5-mini'
   */
  model_version!: string;

  /**
   * Milliseconds that the call took in all, as in the log, with two decimals.
   * @example 4735.19
   */
  latency_ms!: number;
}
