import type { RequestContext } from '../common/request-context.js';
import type { Usage } from '../engine/engine-request.js';
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

/** What a caller said about the call besides its question. */
export interface CallLabels {
  readonly interviewId?: string;
  readonly turn?: number;
  readonly userId?: string;
  readonly tags?: readonly string[];
}

/** Everything that is known of one call, while it runs and when it is over. Its question and answer are not in here. */
export class CallRecord {
  /** `performance.now()` at the start. */
  readonly startedAt = performance.now();
  /** What the model's replies were judged as, structured calls only. */
  readonly judgements: Judgement[] = [];
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
    /** The task's name; the routes of OpenAI's API have names of their own. */
    readonly task: string,
    readonly lane: string,
    /** Whether the caller gets a stream. */
    readonly streams: boolean,
    readonly labels: CallLabels,
    readonly context: RequestContext,
    /** Those facts that go into the reply's headers. */
    readonly facts: NonNullable<RequestContext['call']>,
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

  /** Milliseconds since the start. */
  elapsedMs(): number {
    return performance.now() - this.startedAt;
  }
}
