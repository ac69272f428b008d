import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { type PromptsDto, toStructuredOptions } from '../pipeline/prompts.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { type InterviewStep, interviewStepTask } from './interview-step.task.js';

@Injectable()
export class InterviewService {
  constructor(private readonly runner: Pipeline) {}

  step(request: PromptsDto, context: RequestContext): Promise<InterviewStep | undefined> {
    const input = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts: undefined };
    return this.runner.runStructured(
      interviewStepTask,
      input,
      toStructuredOptions(request, context),
      context,
    );
  }
}
