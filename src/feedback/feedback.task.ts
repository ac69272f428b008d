import Type from 'typebox';
import type { FieldError } from '../common/errors.js';
import { readPrompt } from '../prompts/prompt-file.js';
import { defineSchema, type ReplyOf } from '../schema/define-schema.js';
import { defineTask } from '../pipeline/define-task.js';
import { notBlank } from '../pipeline/rules.js';

/** Reasons stand before the score, so that the score follows from them. */
export const feedbackSchema = defineSchema(
  'feedback',
  Type.Object({
    feedback: Type.String({ description: 'What is good and what is missing in the answer.' }),
    score: Type.Integer({ minimum: 0, maximum: 10, description: '0 to 10.' }),
    is_passed: Type.Boolean({ description: 'Whether the answer meets the bar.' }),
    improvement_suggestion: Type.String({ description: 'What would improve the answer most.' }),
  }),
);

/** The service's judgement of one answer. */
export type Feedback = ReplyOf<typeof feedbackSchema>;

/** What a caller may fix about the judgement. */
export interface FeedbackFacts {
  /** Score from which an answer passes; not set: the model decides by the caller's prompt. */
  readonly passMark?: number;
}

export const feedbackTask = defineTask<Feedback, FeedbackFacts>({
  name: 'feedback',
  lane: 'interactive',
  delivery: 'whole',
  thinking: false,
  temperature: 0.3,
  maxTokens: 1000,
  schema: feedbackSchema,
  contract: readPrompt('feedback.prompt.md', import.meta.url),
  terms: ({ passMark }) =>
    passMark === undefined
      ? []
      : [`Pass mark: ${passMark}. "is_passed" is true exactly when "score" is at least ${passMark}.`],
  rules: [notBlank('feedback'), agreesWithPassMark],
});

function agreesWithPassMark(
  { score, is_passed }: Feedback,
  { passMark }: FeedbackFacts,
): FieldError | undefined {
  if (passMark === undefined || is_passed === score >= passMark) return undefined;
  return {
    path: '/is_passed',
    message: `must be ${score >= passMark}: the score is ${score} and the pass mark ${passMark}`,
  };
}
