import { type AttemptReport, ServiceError } from '../../common/errors.js';
import type { Flaw, Judgement } from '../../calls/call-record.js';
import type { ReplyListener } from '../../engine/call-budget.js';
import { EngineFault } from '../../engine/engine-fault.js';
import type { EngineReply } from '../../engine/engine-request.js';
import type { Call } from '../../calls/call.js';
import type { FieldStream } from '../out/field-stream.js';
import {
  type Filtering,
  flawed,
  judge,
  judgeStanding,
  mismatch,
  type Refusal,
  type Verdict,
} from './ladder.js';
import { type Asked, askForRest, reAsk } from './re-ask.js';
import { refusedBy } from './refused-by.js';

/** How far a reply that must be valid may grow over its usual tokens where the caller names no ceiling. */
export const MAX_GROWTH = 4;

/** Bounds of the ladder. */
export interface LadderBounds {
  readonly maxAttempts: number;
  /** Tokens that no attempt exceeds. */
  readonly ceiling: number;
}

/** Who asks the engine. */
interface Asker<R extends Asked> {
  readonly record: Call['record'];
  ask(request: R, listener?: ReplyListener): Promise<EngineReply>;
}

/**
 * Asks for an object until it is valid. A reply that a guardrail stops is asked for once more, with the reason.
 * @param fields follows the object while it is made, where the engine streams it
 * @throws ServiceError STRUCTURED_OUTPUT_INVALID, ENGINE_REPLY_EMPTY, GUARD_BLOCKED, MODEL_REFUSED and every error of
 * the engine
 */
export async function askUntilValid<T, I, R extends Asked>(
  call: Asker<R>,
  task: Filtering<T, I>,
  first: R,
  input: I,
  { maxAttempts, ceiling }: LadderBounds,
  fields: FieldStream | undefined,
): Promise<T> {
  const reports: AttemptReport[] = [];
  const note = (what: Judgement): unknown => call.record.judgements.push(what);
  /** What every further request is made from: the first one, with the warning of a guardrail once there was one. */
  let base = first;
  let request = first;
  let isWarned = false;
  for (let attempt = 1; ; attempt++) {
    const { verdict, reply, failure } = await askOnce(call, task, request, input, fields);
    if (verdict.valid && (fields?.finish(task.toReply?.(verdict.value) ?? verdict.value) ?? true)) {
      note(verdict.rung);
      return verdict.value;
    }
    const flaw = verdict.valid ? contradiction() : stoppedBy(fields, verdict);
    note(flaw.flaw);
    if (reply) call.record.wastedTokens += reply.usage.total_tokens;
    reports.push({
      attempt,
      reason: flaw.reason,
      ...(flaw.errors.length > 0 && { errors: flaw.errors }),
    });
    // Where the spoken field itself was stopped, it ends there, and only the rest is asked for.
    const isCut = flaw.flaw === 'blocked' && fields?.isSpoken === true && fields.isCut;
    if (flaw.flaw === 'blocked' && !isCut) {
      if (isWarned || attempt >= maxAttempts) throw blocked(flaw.reason, reports);
      isWarned = true;
    }
    if (reply && !fields?.isSpoken) {
      if (attempt >= maxAttempts) throw invalid(flaw.flaw, reports);
      fields?.takeBack(flaw.reason);
      request = reAsk(request, base, reply, flaw, ceiling);
      if (flaw.flaw === 'blocked') base = { ...base, messages: request.messages };
      continue;
    }
    const standing = verdict.valid ? undefined : fields?.keep(flaw.errors);
    if (!standing) throw invalid(flaw.flaw, reports);
    const rest = askForRest(task, base, standing, isCut ? undefined : flaw);
    if (!rest) {
      const whole = judgeStanding(task, standing.kept, input);
      if (!whole.valid) throw invalid(whole.flaw, reports);
      fields?.finish(whole.value);
      note('strict');
      return whole.value;
    }
    if (attempt >= maxAttempts) {
      throw failure ?? (isCut ? blocked(flaw.reason, reports) : invalid(flaw.flaw, reports));
    }
    request = rest;
  }
}

/** One attempt. What was spoken outlives an engine that breaks off; otherwise its error is the call's. */
async function askOnce<T, I, R extends Asked>(
  call: Asker<R>,
  task: Filtering<T, I>,
  request: R,
  input: I,
  fields: FieldStream | undefined,
): Promise<{ verdict: Verdict<T>; reply?: EngineReply; failure?: ServiceError }> {
  try {
    const reply = await call.ask(
      request,
      fields && {
        onText: (piece) => fields.write(piece),
        takeBack: (reason, isSameTry) => fields.takeBack(reason, isSameTry),
      },
    );
    const refused = refusedBy(reply);
    if (refused) throw refused;
    return { reply, verdict: judge(task, reply, input, fields) };
  } catch (error) {
    if (!fields?.isSpoken || !mayPass(error)) throw error;
    return { verdict: flawed('unfinished', error.message), failure: error };
  }
}

/** Whether asking again may help: not where there is nobody left, no time, or a refusal that stays one. */
function mayPass(error: unknown): error is ServiceError {
  return error instanceof ServiceError && error.cause instanceof EngineFault && error.cause.retryable;
}

/** A stream knows better than its end why it was stopped. */
function stoppedBy(fields: FieldStream | undefined, verdict: Refusal): Refusal {
  if (fields?.block) return flawed('blocked', fields.block.reason);
  return fields && fields.refused.length > 0 ? mismatch(fields.refused) : verdict;
}

function contradiction(): Refusal {
  return flawed('not-json', 'The reply reads otherwise as a whole than it did in parts.');
}

function blocked(reason: string, attempts: readonly AttemptReport[]): ServiceError {
  return new ServiceError('GUARD_BLOCKED', reason, { attempts });
}

function invalid(flaw: Flaw, attempts: readonly AttemptReport[]): ServiceError {
  const last = attempts.at(-1)?.reason ?? '';
  const asked = `The model was asked ${attempts.length === 1 ? 'once' : `${attempts.length} times`}.`;
  return flaw === 'empty'
    ? new ServiceError('ENGINE_REPLY_EMPTY', `${asked} ${last}`, { attempts })
    : new ServiceError('STRUCTURED_OUTPUT_INVALID', `${asked} The last time: ${last}`, { attempts });
}
