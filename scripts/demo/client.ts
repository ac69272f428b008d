import type { Decision, Prompts } from '../../examples/interview.ts';

export interface Step extends Decision {
  thought: string;
  evaluation: string;
}

export interface Feedback {
  feedback: string;
  score: number;
  is_passed: boolean;
  improvement_suggestion: string;
}

export interface Report {
  summary: string;
  strengths: string[];
  improvements: string[];
  recommendations: string[];
  overall_score: number;
  question_feedbacks: { question: string; answer_summary: string; score: number; feedback: string }[];
}

/** An answer of the service, with what its headers say about it. */
export interface Reply<Body> {
  body: Body;
  provider: string;
  model: string;
  attempts: number;
  milliseconds: number;
}

/** The service's account of why a call failed, as problem details (RFC 9457). */
export interface Problem {
  title: string;
  detail?: string;
  code?: string;
  request_id?: string;
  errors?: unknown[];
}

export class CallFailed extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

interface Ids {
  interview_id: string;
  turn?: number;
}

/** A model may take minutes over a report when the engine is busy. */
const TIMEOUT_MS = 300_000;

/** Calls the service's three tasks. */
export class Client {
  readonly #url: string;
  readonly #apiKey: string | undefined;

  constructor(url: string, apiKey: string | undefined) {
    this.#url = url;
    this.#apiKey = apiKey;
  }

  step(request: Prompts & Ids): Promise<Reply<Step>> {
    return this.#post('/api/interview/step', request);
  }

  feedback(request: Prompts & Ids & { pass_mark: number }): Promise<Reply<Feedback>> {
    return this.#post('/api/feedback', request);
  }

  report(request: Prompts & Ids): Promise<Reply<Report>> {
    return this.#post('/api/report', request);
  }

  async #post<Body>(path: string, request: object): Promise<Reply<Body>> {
    const startedAt = performance.now();
    const response = await fetch(new URL(path, this.#url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.#apiKey === undefined ? {} : { authorization: `Bearer ${this.#apiKey}` }),
      },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new CallFailed({ title: `${this.#url} did not answer`, detail: reasonOf(error) });
    });
    if (!response.ok) throw new CallFailed(await problemOf(response));
    return {
      body: (await response.json()) as Body,
      provider: response.headers.get('x-provider') ?? '?',
      model: response.headers.get('x-model') ?? '?',
      attempts: Number(response.headers.get('x-attempts') ?? 1),
      milliseconds: performance.now() - startedAt,
    };
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  const requestId = response.headers.get('x-request-id');
  try {
    return JSON.parse(text) as Problem;
  } catch {
    const title = `${response.status} ${response.statusText}`;
    return { title, detail: text.slice(0, 500), ...(requestId === null ? {} : { request_id: requestId }) };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
