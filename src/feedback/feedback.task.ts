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
  /** Score from which an answer passes; undefined: the model decides by the caller's prompt. */
  readonly pass_mark?: number;
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
  terms: ({ pass_mark: mark }) =>
    mark === undefined
      ? []
      : [`Pass mark: ${mark}. "is_passed" is true exactly when "score" is at least ${mark}.`],
  rules: [notBlank('feedback'), agreesWithPassMark],
  verdict: ({ score, is_passed: isPassed }) => ({ score, isPassed }),
  examples: {
    '/api/feedback': {
      system_prompt: 'You judge answers of candidates for a backend position. Answer in Korean.',
      user_prompt:
        '면접관: 트랜잭션 격리 수준을 설명해 주세요.\n지원자: 네 가지가 있고, 저희는 READ COMMITTED를 썼습니다.',
      interview_id: 'iv-2026-0042',
      turn: 1,
      pass_mark: 6,
    },
  },
});

function agreesWithPassMark(
  { score, is_passed }: Feedback,
  { pass_mark: mark }: FeedbackFacts,
): FieldError | undefined {
  if (mark === undefined || is_passed === score >= mark) return undefined;
  return {
    path: '/is_passed',
    message: `must be ${score >= mark}: the score is ${score} and the pass mark ${mark}`,
  };
}
