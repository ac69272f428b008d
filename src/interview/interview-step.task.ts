import Type from 'typebox';
import { readPrompt } from '../prompts/prompt-file.js';
import { defineSchema, type ReplyOf } from '../schema/define-schema.js';
import { defineTask } from '../pipeline/define-task.js';
import { notBlank } from '../pipeline/rules.js';

/**
 * The order is the order of speaking: `message` stands as early as its decision allows, so that it can be spoken
 * while the rest is still being written (docs/adr/0002-field-order.md).
 */
export const interviewStepSchema = defineSchema(
  'interview_step',
  Type.Object({
    action: Type.Enum(['FOLLOW_UP', 'NEW_TOPIC', 'NEXT_PHASE'], {
      type: 'string',
      description: 'The next move.',
    }),
    message: Type.String({ description: 'What the interviewer says to the candidate now.' }),
    thought: Type.String({ description: 'Why this is the right move; not for the candidate.' }),
    evaluation: Type.String({ description: 'What the last answer shows; not for the candidate.' }),
  }),
);

/** The next move of a live interview. */
export type InterviewStep = ReplyOf<typeof interviewStepSchema>;

export const interviewStepTask = defineTask<InterviewStep, unknown>({
  name: 'interview_step',
  lane: 'live',
  delivery: 'whole',
  thinking: false,
  maxTokens: 512,
  schema: interviewStepSchema,
  contract: readPrompt('interview-step.prompt.md', import.meta.url),
  rules: [notBlank('message')],
  toReply: ({ thought, action, message, evaluation }) => ({ thought, action, message, evaluation }),
  spoken: 'message',
  verdict: ({ action }) => ({ action }),
  examples: {
    '/api/interview/step': {
      system_prompt: 'You are an AI interviewer for a backend position. Answer in Korean.',
      user_prompt:
        '면접관: 트랜잭션 격리 수준을 설명해 주세요.\n지원자: 네 가지가 있고, 저희는 READ COMMITTED를 썼습니다.',
      interview_id: 'iv-2026-0042',
      turn: 1,
    },
  },
});
