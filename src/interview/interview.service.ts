import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { structured } from '../pipeline/ask/structured.js';
import { askedOf, type PromptsDto } from '../pipeline/http/prompts.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { type InterviewStep, interviewStepTask } from './interview-step.task.js';

@Injectable()
export class InterviewService {
  constructor(private readonly pipeline: Pipeline) {}

  async step(request: PromptsDto, context: RequestContext): Promise<InterviewStep> {
    const { options, call, sink } = askedOf(request, context);
    const prompts = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts: {} };
    const { reply } = await this.pipeline.run(structured(interviewStepTask, prompts, options), call, sink);
    return reply;
  }
}
