import type { RequestContext } from '../common/request-context.js';
import type { Usage } from '../engine/engine-request.js';
import type { TryReport } from '../engine/try-report.js';
import type { RunawayReason } from '../engine/watchdog.js';

/** Where a valid reply was found: as it came, after stripping what was around it, or in the reasoning field. */
export type Rung = 'strict' | 'tolerant' | 'reasoning';

/** Why a reply is not accepted. */
export type Flaw =
  'length' | 'stop-string' | 'unfinished' | 'runaway' | 'empty' | 'not-json' | 'schema' | 'meaning';

/** What happened to single replies of the engine, in order. */
export type Judgement = Rung | Flaw;

/** How a call ended. */
export type Outcome = 'ok' | 'failed' | 'cancelled';

/** What may be asked for: metrics and the call log name calls by it. Names with `v1_` are of the routes of OpenAI's API. */
export const TASK_NAMES = [
  'chat',
  'chat_message',
  'chat_prompt',
  'feedback',
  'interview_step',
  'report',
  'v1_chat',
  'v1_completions',
  'v1_embeddings',
] as const;

export type TaskName = (typeof TASK_NAMES)[number];

/** What a call is known by besides its question: what its caller said of it, and the prompt that he chose. */
export interface CallLabels {
  readonly interviewId?: string;
  readonly turn?: number;
  readonly userId?: string;
  readonly tags?: readonly string[];
  /** Version of the service's own prompt, where the question had one. */
  readonly promptVersion?: string;
  /** Hash of that version's text. */
  readonly promptHash?: string;
}

/** What was said in a call. The call log keeps it and nothing else does: it is a candidate's words. */
export interface CallContent {
  /** What the caller wanted to know, as text. */
  question?: string | undefined;
  /** The answer where it is text; an object is in `reply` alone. */
  answer?: string | undefined;
  /** The reply as JSON, as the caller got it. */
  reply?: string;
}

/** What a call asks by; fixed before an engine is asked. */
export interface CallPlan {
  /** The model that the caller or the service named; engines may answer under another name. */
  readonly modelAsked: string;
  /** Hash of the fixed part of the prompt, where there is one. */
  readonly promptHash?: string | undefined;
  /** Hash of the schema that the reply must follow. */
  readonly schemaHash?: string | undefined;
}

/** Everything that is known of one call, while it runs and when it is over. */
export class CallRecord {
  /** `performance.now()` at the start. */
  readonly startedAt = performance.now();
  /** What the model's replies were judged as, structured calls only. */
  readonly judgements: Judgement[] = [];
  /** Every try at an engine, in order. */
  readonly tries: TryReport[] = [];
  readonly content: CallContent = {};
  /** Why the watchdog broke replies off. */
  readonly runaways: RunawayReason[] = [];
  /** Tokens of all replies, discarded ones included. */
  usage: Usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  /** Of these, tokens of replies that nobody got. */
  wastedTokens = 0;
  /** Milliseconds until the engine's first token; streams only. */
  firstTokenMs: number | undefined;
  /** Milliseconds from the start until the caller was sent the first piece of the answer; streams only. */
  firstFieldMs: number | undefined;
  /** How often what the caller had been sent became void. */
  resets = 0;
  outcome: Outcome | undefined;
  /** Code of the catalogue, where the call failed. */
  code: string | undefined;

  constructor(
    readonly task: TaskName,
    readonly lane: string,
    /** Whether the caller gets a stream. */
    readonly streams: boolean,
    readonly labels: CallLabels,
    readonly context: RequestContext,
    /** Those facts that go into the reply's headers. */
    readonly facts: NonNullable<RequestContext['call']>,
    readonly plan: CallPlan,
  ) {}

  /** Takes the tokens of one reply. */
  addTokens(usage: Usage): void {
    this.usage = {
      prompt_tokens: this.usage.prompt_tokens + usage.prompt_tokens,
      completion_tokens: this.usage.completion_tokens + usage.completion_tokens,
      total_tokens: this.usage.total_tokens + usage.total_tokens,
    };
  }

  /** How often a structured call asked again after a flaw: what stands of a reply can be judged without a further ask. */
  get reAsks(): number {
    return Math.max(0, Math.min(this.judgements.length, this.facts.attempts) - 1);
  }

  /** Where the valid reply was found, or what was wrong with the only one. */
  get rung(): Judgement | 're-asked' | undefined {
    return this.reAsks > 0 && this.outcome === 'ok' ? 're-asked' : this.judgements[0];
  }

  /** Milliseconds since the start. */
  elapsedMs(): number {
    return performance.now() - this.startedAt;
  }
}
