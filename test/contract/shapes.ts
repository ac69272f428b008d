type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const flag: Check = (value) => typeof value === 'boolean';
const integer =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** Exactly these fields, in this order. */
const object =
  (fields: Record<string, Check>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).join() === Object.keys(fields).join() &&
    Object.entries(value).every(([name, own]) => fields[name]?.(own));

const count = integer(0, Number.MAX_SAFE_INTEGER);

/** The replies of the routes as the contract has them, said once more and apart from the schemas in src/. */
const SHAPES = {
  '/api/chat/completions': object({
    content: text,
    usage: object({ prompt_tokens: count, completion_tokens: count, total_tokens: count }),
  }),
  '/api/feedback': object({
    feedback: text,
    score: integer(0, 10),
    is_passed: flag,
    improvement_suggestion: text,
  }),
  '/api/interview/step': object({
    thought: text,
    action: (value) => ['FOLLOW_UP', 'NEW_TOPIC', 'NEXT_PHASE'].includes(String(value)),
    message: text,
    evaluation: text,
  }),
  '/api/report': object({
    summary: text,
    strengths: listOf(text),
    improvements: listOf(text),
    recommendations: listOf(text),
    overall_score: integer(0, 100),
    question_feedbacks: listOf(
      object({ question: text, answer_summary: text, score: integer(0, 10), feedback: text }),
    ),
  }),
};

/** Whether a value fits the schema of `PROFILE_FORMAT`, said once more in the same way. */
export const isProfile = object({
  name: (value) => text(value) && Array.from(String(value)).length <= 400,
  years: integer(0, 60),
  skills: (value) =>
    listOf((skill) => ['sql', 'http', 'queues'].includes(String(skill)))(value) &&
    (value as unknown[]).length <= 3,
});

export type Route = keyof typeof SHAPES;

/** Whether a route's reply is what the contract promises. */
export function hasShape(route: Route, body: unknown): boolean {
  return SHAPES[route](body);
}

export const STRUCTURED_ROUTES = ['/api/feedback', '/api/interview/step', '/api/report'] as const;
export const ROUTES = ['/api/chat/completions', ...STRUCTURED_ROUTES] as const;
