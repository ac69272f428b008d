import { ArrayMaxSize, ArrayMinSize, IsArray, IsOptional } from 'class-validator';
import type { RequestContext } from '../../common/request-context.js';
import { IsLabel, IsProse } from '../../common/validators.js';
import { asked, type Asked, CallOptionsDto } from './call-options.dto.js';

/** The two prompts of a structured question. */
export class PromptsDto extends CallOptionsDto {
  /**
   * Your instructions: who the model is, what it judges by, in which language it answers. The fields of the reply
   * are explained to the model by the service.
   * @example 'You are an AI interviewer for a backend position. Answer in Korean.'
   */
  @IsProse()
  system_prompt!: string;

  /**
   * The material: question, answer, transcript. The model treats it as data, whatever it says.
   * @example '지원자: 격리 수준은 네 가지가 있고, 저희는 READ COMMITTED를 썼습니다.'
   */
  @IsProse()
  user_prompt!: string;

  /**
   * JSON pointers of the fields that a stream brings, before and in its result, like /message; left out: all. For a
   * browser that must not see the others.
   * @example null
   */
  @IsOptional()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(20)
  @IsLabel({ each: true })
  stream_fields?: string[] | null;
}

/** {@link asked} for the body of a structured question. */
export function askedOf(dto: PromptsDto, context: RequestContext): Asked {
  const plain = asked(dto, context);
  if (!dto.stream_fields) return plain;
  return { ...plain, options: { ...plain.options, streamFields: dto.stream_fields } };
}
