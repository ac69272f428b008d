import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { toStructuredOptions } from '../pipeline/prompts.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { FeedbackRequestDto } from './feedback.dto.js';
import { type Feedback, feedbackTask } from './feedback.task.js';

@Injectable()
export class FeedbackService {
  constructor(private readonly runner: Pipeline) {}

  judge(request: FeedbackRequestDto, context: RequestContext): Promise<Feedback | undefined> {
    const facts = typeof request.pass_mark === 'number' ? { passMark: request.pass_mark } : {};
    const input = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts };
    return this.runner.runStructured(feedbackTask, input, toStructuredOptions(request, context), context);
  }
}
