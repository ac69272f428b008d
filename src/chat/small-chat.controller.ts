import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { MessageReplyDto, PromptReplyDto, SmallChatRequestDto } from './small-chat.dto.js';
import { SmallChatService } from './small-chat.service.js';

@ApiTags('Ask')
@ApiExtraModels(MessageReplyDto, PromptReplyDto)
@Controller(['chat', 'api/chat'])
export class SmallChatController {
  constructor(private readonly service: SmallChatService) {}

  /**
   * Answers one message or one prompt.
   * @remarks With message (and prompt_version) the service's own prompt stands before it, and the reply names model, version, time and
   * tokens; with prompt (and model_version) the model is asked as it is. Both or neither is an error. The answer is never streamed.
   */
  @Post()
  @HttpCode(200)
  @Requires('inference')
  @ApiOkResponse({
    schema: { oneOf: [MessageReplyDto, PromptReplyDto].map((reply) => ({ $ref: getSchemaPath(reply) })) },
  })
  answer(
    @Body() request: SmallChatRequestDto,
    @Context() context: RequestContext,
  ): Promise<MessageReplyDto | PromptReplyDto> {
    return this.service.answer(request, context);
  }
}
