/** How the service tells of a call in a list; docs/logs.md explains each field, and there are more of them. */
export interface ListedCall {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly outcome: string;
  readonly task: string;
  readonly model_asked: string;
  readonly model_served: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_ms: number | null;
  readonly question: string | null;
}

/** Everything that the service has of a call. */
export interface WholeCall extends ListedCall, Readonly<Record<string, unknown>> {
  readonly answer: string | null;
  readonly request: unknown;
  readonly reply: unknown;
  readonly tries: readonly CallTry[] | null;
}

/** A try at an engine. */
export interface CallTry {
  readonly engine: string;
  readonly ms: number;
  /** Why it failed, where it did. */
  readonly fault?: string;
  /** How its reply was found, where the call wanted an object. */
  readonly judgement?: string;
  readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number };
}

/** A page of calls, newest first. */
export interface CallPage {
  readonly calls: readonly ListedCall[];
  readonly next_cursor: string | null;
}

/** What the service says at /api/stats. */
export interface CallGroups {
  readonly from: string;
  readonly to: string;
  readonly groups: readonly {
    readonly name: string | null;
    readonly calls: number;
    readonly avg_latency_ms: number | null;
    readonly avg_tokens: number | null;
  }[];
}
