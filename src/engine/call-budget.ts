import type { Dialect } from './dialects/dialect.js';
import type { TryReport } from './try-report.js';

/** What one call may still use, over all that is asked for it, and who hears of its tries. */
export interface CallBudget {
  /** `performance.now()` at which the call's time is up. */
  readonly deadlineAt: number;
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
  /** Address of the engine that failed this call last: another one is asked first from then on. */
  failedAt?: string;
  /** Called before an engine is asked, once per try. */
  onTry(provider: Dialect['provider']): void;
  /** Called once per try when it is over, however it ended. */
  onTried(report: TryReport): void;
}

/** Follows a reply while it is made. */
export interface ReplyListener {
  /**
   * Takes each piece of a streamed reply's answer as it comes.
   * @returns false where the reply is of no use any more: it is broken off, and ends as `refused`
   */
  onText(piece: string): boolean;
  /**
   * Takes back what was said so far, because a try is repeated or because it was no part of the answer.
   * @param isSameTry whether the reply that is being read goes on; a new one follows unless it does
   * @returns false where that is no longer possible
   */
  takeBack(reason: string, isSameTry?: boolean): boolean;
}
