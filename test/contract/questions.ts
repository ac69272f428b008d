import { it } from '@jest/globals';
import type { EngineSlot } from './engine-slot.js';
import type { Route } from './shapes.js';

/** The path of OpenAI's chat. */
export const CHAT = '/v1/chat/completions';
/** The path of OpenAI's text completions. */
export const COMPLETIONS = '/v1/completions';

const PROMPTS = {
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
};

/** A conversation that chats go on with. */
export const CONVERSATION = { messages: [{ role: 'user', content: 'Tell me about that project.' }] };

/** An ordinary question to each of the service's own routes. */
export const QUESTIONS: Readonly<Record<Route, object>> = {
  '/api/chat/completions': CONVERSATION,
  '/api/feedback': PROMPTS,
  '/api/interview/step': PROMPTS,
  '/api/report': PROMPTS,
};

/** A schema of a caller's own. The engines obey all of it but the length, which breaks their JSON where it is sent. */
const PROFILE = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 400 },
    years: { type: 'integer', minimum: 0, maximum: 60 },
    skills: { type: 'array', items: { type: 'string', enum: ['sql', 'http', 'queues'] }, maxItems: 3 },
  },
  required: ['name', 'years', 'skills'],
  additionalProperties: false,
};

/** Asks for an object of the caller's own schema, which `isProfile` checks. */
export const PROFILE_FORMAT = {
  response_format: { type: 'json_schema', json_schema: { name: 'profile', schema: PROFILE } },
} as const;

/** Has replies under a schema checked and asked for again. */
export const VALIDATED = { 'x-validate': 'true' };

/** Fields of a call that an endless model works on for as long as any test looks. */
const LONG_CALL = { max_tokens: 30_000 };

/** A call that an endless model works on for as long as any test looks. */
export interface LongQuestion {
  readonly name: string;
  readonly path: string;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the caller hears what is said while it is said. */
  readonly streams: boolean;
}

const STREAM = { stream: true };
const TWO_PROMPTS = { prompt: ['The plan of the query', 'The index of the table'] };

function long(
  path: string,
  how: string,
  body: object,
  more: Pick<LongQuestion, 'headers'> = {},
): LongQuestion {
  const streams = 'stream' in body && !more.headers;
  return { name: `${path} ${how}`, path, body: { ...body, ...LONG_CALL }, streams, ...more };
}

/** The service's own routes as streams. */
const LONG_STREAMS: readonly LongQuestion[] = Object.entries(QUESTIONS).map(([route, question]) =>
  long(route, 'as a stream', { ...question, ...STREAM }),
);

/** All the ways to an engine: our routes, asked of it as a whole and as a stream, and OpenAI's. */
export const LONG_QUESTIONS: readonly LongQuestion[] = [
  long('/api/feedback', 'as a whole', PROMPTS),
  long('/api/report', 'as a whole', PROMPTS),
  ...LONG_STREAMS,
  long(CHAT, 'as a whole', CONVERSATION),
  long(CHAT, 'as two choices', { ...CONVERSATION, n: 2 }),
  long(CHAT, 'with a checked schema', { ...CONVERSATION, ...PROFILE_FORMAT }, { headers: VALIDATED }),
  long(CHAT, 'as a stream', { ...CONVERSATION, ...STREAM }),
  long(COMPLETIONS, 'as a whole', { prompt: 'The plan of the query' }),
  long(COMPLETIONS, 'of two prompts', TWO_PROMPTS),
  long(COMPLETIONS, 'of two prompts as a stream', { ...TWO_PROMPTS, ...STREAM }),
];

/** One of each kind: whole, streamed and several at once, ours and OpenAI’s. */
const TYPICAL: readonly string[] = [
  '/api/feedback as a whole',
  '/api/interview/step as a stream',
  `${CHAT} as two choices`,
  `${CHAT} as a stream`,
];

/** Declares a test of each question; a real engine takes the typical ones, and the others with `--all`. */
export function itForEach(
  questions: readonly LongQuestion[],
  { itWithAll }: EngineSlot,
  title: string,
  test: (question: LongQuestion) => Promise<void>,
): void {
  it.each(questions.filter(isTypical))(title, test);
  itWithAll.each(questions.filter((question) => !isTypical(question)))(title, test);
}

function isTypical({ name }: LongQuestion): boolean {
  return TYPICAL.includes(name);
}
