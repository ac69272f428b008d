import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { PromptsDto } from '../pipeline/http/prompts.dto.js';

/** An answer to judge. */
export class FeedbackRequestDto extends PromptsDto {
  /**
   * Score from which an answer passes. Named: is_passed always agrees with it. Left out: the model decides by your
   * system_prompt.
   * @example 6
   */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(10)
  pass_mark?: number | null;
}
