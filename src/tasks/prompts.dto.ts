import { IsProse } from '../common/validators.js';
import { CallOptionsDto } from './call-options.dto.js';

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
}
