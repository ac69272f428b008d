import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { apiSchema } from '../schema/api-schema.js';
import { FeedbackRequestDto } from './feedback.dto.js';
import { FeedbackService } from './feedback.service.js';
import { type Feedback, feedbackSchema } from './feedback.task.js';

@ApiTags('Ask')
@Controller('api/feedback')
export class FeedbackController {
  constructor(private readonly service: FeedbackService) {}

  /** Judges one answer of a candidate. */
  @Post()
  @HttpCode(200)
  @Requires('inference')
  @ApiOkResponse({ schema: apiSchema(feedbackSchema) })
  judge(@Body() request: FeedbackRequestDto, @Context() context: RequestContext): Promise<Feedback> {
    return this.service.judge(request, context);
  }
}
