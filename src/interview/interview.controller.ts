import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { apiSchema } from '../schema/api-schema.js';
import { PromptsDto } from '../pipeline/http/prompts.dto.js';
import { InterviewService } from './interview.service.js';
import { type InterviewStep, interviewStepSchema } from './interview-step.task.js';

@ApiTags('Ask')
@Controller('api/interview')
export class InterviewController {
  constructor(private readonly service: InterviewService) {}

  /** Decides the next move of a live interview and what the interviewer says. */
  @Post('step')
  @HttpCode(200)
  @Requires('inference')
  @ApiOkResponse({ schema: apiSchema(interviewStepSchema) })
  step(@Body() request: PromptsDto, @Context() context: RequestContext): Promise<InterviewStep> {
    return this.service.step(request, context);
  }
}
