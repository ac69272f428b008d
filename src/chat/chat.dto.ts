import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsObject, ValidateNested } from 'class-validator';
import { IsProse } from '../common/validators.js';
import { CallOptionsDto } from '../pipeline/http/call-options.dto.js';

/** One message of a conversation. */
export class MessageDto {
  /**
   * Who speaks.
   * @example 'user'
   */
  @IsIn(['system', 'user', 'assistant'])
  role!: 'system' | 'user' | 'assistant';

  /**
   * What is said.
   * @example 'Hello!'
   */
  @IsProse()
  content!: string;
}

/** A conversation to go on with. */
export class ChatRequestDto extends CallOptionsDto {
  /** The conversation so far, 1 to 256 messages, oldest first. */
  @IsArray()
  @ArrayMinSize(1, { message: 'messages must not be empty' })
  @ArrayMaxSize(256)
  @IsObject({ each: true, message: 'each of messages must be an object' })
  @ValidateNested({ each: true })
  @Type(() => MessageDto)
  messages!: MessageDto[];
}

/** Tokens as the engine counted them. */
export class UsageDto {
  /** @example 15 */
  @ApiProperty({ type: 'integer' })
  prompt_tokens!: number;

  /** @example 10 */
  @ApiProperty({ type: 'integer' })
  completion_tokens!: number;

  /** @example 25 */
  @ApiProperty({ type: 'integer' })
  total_tokens!: number;
}

/** The next message of the conversation. */
export class ChatReplyDto {
  /** @example 'Hello! How can I help you today?' */
  content!: string;

  usage!: UsageDto;
}
