import { Injectable } from '@nestjs/common';
import type { RequestContext } from '../common/request-context.js';
import { toCallOptions } from '../tasks/call-options.dto.js';
import type { PromptsDto } from '../tasks/prompts.dto.js';
import { TaskRunner } from '../tasks/task-runner.js';
import { type Report, reportTask } from './report.task.js';

@Injectable()
export class ReportService {
  constructor(private readonly runner: TaskRunner) {}

  async write(request: PromptsDto, context: RequestContext): Promise<Report> {
    const input = { systemPrompt: request.system_prompt, userPrompt: request.user_prompt, facts: undefined };
    const report = await this.runner.runStructured(reportTask, input, toCallOptions(request), context);
    const { summary, strengths, improvements, recommendations, overall_score } = report;
    const question_feedbacks = report.question_feedbacks.map(
      ({ question, answer_summary, score, feedback }) => ({
        question,
        answer_summary,
        score,
        feedback,
      }),
    );
    return { summary, strengths, improvements, recommendations, overall_score, question_feedbacks };
  }
}
