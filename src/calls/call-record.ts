import type { CallContext, CallFacts, CallLabels } from '../common/call-context.js';
import type { Usage } from '../engine/engine-request.js';
import type { TryReport } from '../engine/try-report.js';
import type { RunawayReason } from '../engine/watchdog.js';
import type { TaskEntry } from './task-registry.js';

/** Where a valid reply was found: as it came, after stripping what was around it, or in the reasoning field. */
export type Rung = 'strict' | 'tolerant' | 'reasoning';

/** Why a reply is not accepted. */
export type Flaw =
  | 'length'
  | 'stop-string'
  | 'unfinished'
  | 'runaway'
  | 'empty'
  | 'not-json'
  | 'schema'
  | 'meaning'
  | 'blocked';

/** What happened to single replies of the engine, in order. */
export type Judgement = Rung | Flaw;

/** How a call ended. */
export type Outcome = 'ok' | 'failed' | 'cancelled';

/** What was said in a call. The call log keeps it and nothing else does: it is a candidate's words. */
export interface CallContent {
  /** What the caller sent, as it was sent, as a JSON text; see docs/logs.md. */
  input?: string | undefined;
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
  /** The prompt that the caller chose by its name and version. */
  readonly promptName?: string | undefined;
  readonly promptVersion?: string | undefined;
  /** Hash of the fixed part of the prompt, where there is one. */
  readonly promptHash?: string | undefined;
  /** Hash of the caller's own system prompt, where there is one. */
  readonly systemPromptHash?: string | undefined;
  /** Hash of the schema that the reply must follow. */
  readonly schemaHash?: string | undefined;
}

/** What an answer decides. The log keeps it as columns, without the texts that it stands in. */
export interface Verdict {
  /** On the task's own scale. */
  readonly score?: number;
  readonly isPassed?: boolean;
  /** What the interview does next. */
  readonly action?: string;
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
  /** What the answer decides; set where the call has its answer. */
  verdict: Verdict = {};
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
    readonly task: TaskEntry,
    /** Whether the caller gets a stream. */
    readonly streams: boolean,
    readonly context: CallContext,
    /** The facts that go into the reply's headers. */
    readonly facts: CallFacts,
    public plan: CallPlan,
  ) {}

  /** What the caller said about the call. */
  get labels(): CallLabels {
    return this.context.labels;
  }

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
