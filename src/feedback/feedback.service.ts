import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { structured } from '../pipeline/ask/structured.js';
import { askedOf } from '../pipeline/http/prompts.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { FeedbackRequestDto } from './feedback.dto.js';
import { type Feedback, feedbackTask } from './feedback.task.js';

@Injectable()
export class FeedbackService {
  constructor(private readonly pipeline: Pipeline) {}

  async judge(request: FeedbackRequestDto, context: RequestContext): Promise<Feedback> {
    const { options, call, sink } = askedOf(request, context);
    const facts = typeof request.pass_mark === 'number' ? { pass_mark: request.pass_mark } : {};
    const prompts = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts };
    const { reply } = await this.pipeline.run(structured(feedbackTask, prompts, options), call, sink);
    return reply;
  }
}
