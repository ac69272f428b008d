import type { Flaw, Rung } from '../../calls/call-record.js';
import type { FieldError } from '../../common/errors.js';
import type { EngineReply } from '../../engine/engine-request.js';
import { NotStrictJson, parseStrictJson } from '../../schema/strict-json.js';
import { stripWrapping } from '../../schema/tolerant-json.js';
import type { TextPlace } from '../../text/text-filter.js';
import type { TextFilters } from '../../text/text-filters.js';
import type { Judged } from '../define-task.js';

/** What the ladder judges a reply by: its task, and what its texts pass on their way out. */
export type Filtering<T, I> = Judged<T, I> & { readonly filters: TextFilters };

/** What the ladder says of a reply. */
export type Verdict<T> = { readonly valid: true; readonly value: T; readonly rung: Rung } | Refusal;

/** Why a reply is not valid. */
export interface Refusal {
  readonly valid: false;
  readonly flaw: Flaw;
  /** A sentence without anything that the model said. */
  readonly reason: string;
  readonly errors: readonly FieldError[];
}

/** How a reply that is streamed field by field differs from one that is judged as a whole. */
export interface Streamed {
  /** Adds what stands already, where the engine was asked only for the rest. */
  merge(value: unknown): unknown;
  /** Which text it is, by its JSON pointer. */
  placeOf(path: string): TextPlace;
}

/** For a reply that is judged before any of it was sent. */
const WHOLE: Streamed = {
  merge: (value) => value,
  placeOf: (path) => ({ path, kind: 'answer', isSpoken: false }),
};

/** Judges one reply of the engine against its task. Accepts nothing that had to be completed or guessed. */
export function judge<T, I>(
  task: Filtering<T, I>,
  reply: EngineReply,
  input: I,
  streamed: Streamed = WHOLE,
): Verdict<T> {
  const unfinished = notWhole(reply);
  if (unfinished) return unfinished;

  const parsed = parse(reply);
  if ('valid' in parsed) return parsed;

  const said = task.filters.restored(parsed.value);
  const schemaErrors = task.schema.check(streamed.merge(said));
  if (schemaErrors.length > 0) return mismatch(schemaErrors);
  const { value, block } = task.filters.guarded(said, (path) => streamed.placeOf(path));
  if (block) return flawed('blocked', block.reason);
  const merged = streamed.merge(value);
  const maskedErrors = task.filters.isGuarded ? task.schema.check(merged) : [];
  if (maskedErrors.length > 0)
    return flawed('schema', 'The reply does not match its schema once it is masked.', maskedErrors);
  return judgeMeaning(task, merged as T, input, parsed.rung);
}

/** Judges what stands of replies that broke off, where nothing is missing in it. */
export function judgeStanding<T, I>(task: Judged<T, I>, value: unknown, input: I): Verdict<T> {
  const errors = task.schema.check(value);
  if (errors.length > 0) return flawed('schema', 'What was spoken does not match its schema.', errors);
  return judgeMeaning(task, value as T, input, 'strict');
}

function judgeMeaning<T, I>(task: Judged<T, I>, value: T, input: I, rung: Rung): Verdict<T> {
  const broken = task.rules.map((rule) => rule(value, input)).filter((error) => error !== undefined);
  if (broken.length > 0) return flawed('meaning', 'The reply breaks a rule of its task.', broken);
  return { valid: true, value, rung };
}

/** A verdict that is not in the reply's favour. */
export function flawed(flaw: Flaw, reason: string, errors: readonly FieldError[] = []): Refusal {
  return { valid: false, flaw, reason, errors };
}

/** The verdict on a reply, whole or not, in which the schema refuses something. */
export function mismatch(errors: readonly FieldError[]): Refusal {
  return flawed('schema', 'The reply does not match its schema.', errors);
}

/** Whole means: ended by itself. A stop string cuts wherever it occurs, and `length` is half an object. */
function notWhole({ finish, maxTokens, runaway }: EngineReply): Refusal | undefined {
  switch (finish) {
    case 'stop':
      return undefined;
    case 'length':
      return flawed('length', `The reply did not fit into ${maxTokens ?? 'its'} tokens.`);
    case 'stop-string':
      return flawed(
        'stop-string',
        'A stop string of the request cut the reply; leave stop out on this route.',
      );
    case 'refused':
      return flawed('blocked', 'A guardrail stopped the reply.');
    case 'runaway':
      return flawed('runaway', `The model repeated itself without end (${runaway ?? 'loop'}).`);
    default:
      return flawed('unfinished', 'The engine ended the reply before it was whole.');
  }
}

/** Tries the rungs in order; each takes the text only where it is one whole JSON value. */
function parse({ content, isMisplaced }: EngineReply): { value: unknown; rung: Rung } | Refusal {
  if (content.trim() === '') return flawed('empty', 'The reply has no content.');
  const strict = attempt(content);
  if ('value' in strict) return { value: strict.value, rung: isMisplaced ? 'reasoning' : 'strict' };
  // A model that was told not to think, and did so where it may, has given no content.
  if (isMisplaced) return flawed('empty', 'The reply has no content.');
  const tolerant = attempt(stripWrapping(content));
  if ('value' in tolerant) return { value: tolerant.value, rung: 'tolerant' };
  return flawed('not-json', `The reply ${tolerant.problem}.`);
}

function attempt(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: parseStrictJson(text) };
  } catch (error) {
    if (error instanceof NotStrictJson) return { problem: error.message };
    throw error;
  }
}
