/** What the service says; it has checked its replies, so what is missing is only made harmless. */
type Fields = Readonly<Record<string, unknown>>;

/** What comes behind an answer. */
export interface Decision {
  readonly action: string;
  readonly message: string;
}

/** The judgement of one answer. */
export interface Feedback {
  readonly feedback: string;
  readonly score: number;
  readonly isPassed: boolean;
  readonly suggestion: string;
}

/** The judgement of one answer within a report. */
export interface QuestionFeedback {
  readonly question: string;
  readonly answerSummary: string;
  readonly feedback: string;
  readonly score: number;
}

/** The sum of an interview. */
export interface Report {
  readonly questions: readonly QuestionFeedback[];
  readonly strengths: readonly string[];
  readonly improvements: readonly string[];
  readonly recommendations: readonly string[];
  readonly summary: string;
  readonly overallScore: number;
}

export function toDecision(reply: unknown): Decision {
  const { action, message } = fieldsOf(reply);
  return { action: textOf(action), message: textOf(message) };
}

export function toFeedback(reply: unknown): Feedback {
  const { feedback, score, is_passed: isPassed, improvement_suggestion: suggestion } = fieldsOf(reply);
  return {
    feedback: textOf(feedback),
    score: numberOf(score),
    isPassed: isPassed === true,
    suggestion: textOf(suggestion),
  };
}

export function toReport(reply: unknown): Report {
  const fields = fieldsOf(reply);
  return {
    questions: listOf(fields.question_feedbacks).map(toQuestionFeedback),
    strengths: listOf(fields.strengths).map(textOf),
    improvements: listOf(fields.improvements).map(textOf),
    recommendations: listOf(fields.recommendations).map(textOf),
    summary: textOf(fields.summary),
    overallScore: numberOf(fields.overall_score),
  };
}

function toQuestionFeedback(value: unknown): QuestionFeedback {
  const { question, answer_summary: answerSummary, feedback, score } = fieldsOf(value);
  return {
    question: textOf(question),
    answerSummary: textOf(answerSummary),
    feedback: textOf(feedback),
    score: numberOf(score),
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
