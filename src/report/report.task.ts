import Type from 'typebox';
import { readPrompt } from '../prompts/prompt-file.js';
import { defineSchema, type ReplyOf } from '../schema/define-schema.js';
import { defineTask } from '../pipeline/define-task.js';
import { notBlank } from '../pipeline/rules.js';

const sentences = (description: string) => Type.Array(Type.String(), { maxItems: 10, description });

/** The parts are judged before the whole, so that the whole follows from them (docs/adr/0002-field-order.md). */
export const reportSchema = defineSchema(
  'report',
  Type.Object({
    question_feedbacks: Type.Array(
      Type.Object({
        question: Type.String({ description: 'The question as asked.' }),
        answer_summary: Type.String({ description: 'What the candidate answered.' }),
        feedback: Type.String({ description: 'What is good and what is missing.' }),
        score: Type.Integer({ minimum: 0, maximum: 10, description: '0 to 10.' }),
      }),
      { maxItems: 40, description: 'One entry for each question that was asked.' },
    ),
    strengths: sentences('What the candidate does well.'),
    improvements: sentences('What the candidate lacks.'),
    recommendations: sentences('What to learn or practise next.'),
    summary: Type.String({ description: 'The interview as a whole.' }),
    overall_score: Type.Integer({ minimum: 0, maximum: 100, description: '0 to 100.' }),
  }),
);

/** The sum of an interview. */
export type Report = ReplyOf<typeof reportSchema>;

export const reportTask = defineTask<Report, unknown>({
  name: 'report',
  lane: 'background',
  delivery: 'stream',
  thinking: false,
  temperature: 0.3,
  maxTokens: 6000,
  schema: reportSchema,
  contract: readPrompt('report.prompt.md', import.meta.url),
  rules: [notBlank('summary')],
  verdict: ({ overall_score: score }) => ({ score }),
  examples: {
    '/api/report': {
      system_prompt: 'You sum up interviews for a backend position. Answer in Korean.',
      user_prompt:
        '면접관: 트랜잭션 격리 수준을 설명해 주세요.\n지원자: 네 가지가 있고, 저희는 READ COMMITTED를 썼습니다.',
      interview_id: 'iv-2026-0042',
    },
  },
  toReply: ({ summary, strengths, improvements, recommendations, overall_score, question_feedbacks }) => ({
    summary,
    strengths,
    improvements,
    recommendations,
    overall_score,
    question_feedbacks: question_feedbacks.map(({ question, answer_summary, score, feedback }) => ({
      question,
      answer_summary,
      score,
      feedback,
    })),
  }),
});
