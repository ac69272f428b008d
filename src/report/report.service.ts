import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { type PromptsDto, toStructuredOptions } from '../pipeline/prompts.dto.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { type Report, reportTask } from './report.task.js';

@Injectable()
export class ReportService {
  constructor(private readonly runner: Pipeline) {}

  write(request: PromptsDto, context: RequestContext): Promise<Report | undefined> {
    const input = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts: undefined };
    return this.runner.runStructured(reportTask, input, toStructuredOptions(request, context), context);
  }
}
