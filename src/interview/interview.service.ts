import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { toCallOptions } from '../tasks/call-options.dto.js';
import type { PromptsDto } from '../tasks/prompts.dto.js';
import { TaskRunner } from '../tasks/task-runner.js';
import { type InterviewStep, interviewStepTask } from './interview-step.task.js';

@Injectable()
export class InterviewService {
  constructor(private readonly runner: TaskRunner) {}

  async step(request: PromptsDto, context: RequestContext): Promise<InterviewStep> {
    const input = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts: undefined };
    const step = await this.runner.runStructured(interviewStepTask, input, toCallOptions(request), context);
    const { thought, action, message, evaluation } = step;
    return { thought, action, message, evaluation };
  }
}
