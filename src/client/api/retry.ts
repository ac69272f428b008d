import { setTimeout as sleep } from 'node:timers/promises';
import { CallFailed, interrupted } from './call-failed.js';

/** Milliseconds before a call is sent a second time, where the server names none; doubled each time. */
const FIRST_WAIT_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** Part of a wait by which it is longer or shorter, so that many callers do not come back at once. */
const JITTER = 0.25;

/** A call that is about to be sent again. */
export interface Retry {
  readonly reason: string;
  /** How often it was sent so far. */
  readonly attempt: number;
  readonly waitMs: number;
}

/** Tells of the retry and waits for its moment. */
export async function waitAfter(
  { message, facts }: CallFailed,
  sent: number,
  onRetry: (retry: Retry) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const waitMs = facts.retryAfterMs ?? backoff(sent);
  onRetry({ reason: message, attempt: sent, waitMs });
  try {
    await sleep(waitMs, undefined, signal && { signal });
  } catch (cause) {
    throw interrupted({ cause });
  }
}

/** The same failure, with how often the call was sent; that is said where sending it again was of no use. */
export function after(error: CallFailed, sent: number): CallFailed {
  const { kind, message, facts } = error;
  const often = facts.passing && sent > 1 ? ` (asked ${sent} times)` : '';
  return new CallFailed(kind, message + often, { ...facts, attempts: sent }, { cause: error });
}

function backoff(sent: number): number {
  const jitter = 1 - JITTER + 2 * JITTER * Math.random();
  return Math.min(MAX_BACKOFF_MS, FIRST_WAIT_MS * 2 ** (sent - 1) * jitter);
}
