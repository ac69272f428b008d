import type { Call, Question } from '../../calls/call.js';
import { ServiceError } from '../../common/errors.js';
import { textHash } from '../../common/text-hash.js';
import type { OwnRequest } from '../../engine/engine-request.js';
import { buildMessages } from '../../prompts/build-messages.js';
import { TextFilters } from '../../text/text-filters.js';
import { type CallOptions, optionsAsSent } from '../call-options.js';
import type { StructuredShape, StructuredTask } from '../define-task.js';
import { fieldEvents } from '../out/events.js';
import { FieldStream } from '../out/field-stream.js';
import { askUntilValid, MAX_GROWTH } from './ask-until-valid.js';
import { ownRequest } from './own-request.js';

/** A structured question as its caller asks it. */
export interface Prompts<I> {
  readonly systemPrompt: string;
  readonly userPrompt: string;
  /** What the task's rules and terms look at, under the names in which callers send it. */
  readonly facts: I;
}

/**
 * A question whose answer is an object: it is asked until that is valid, within the call's attempts and time.
 *
 * Errors besides the engine's: STRUCTURED_OUTPUT_INVALID, GUARD_BLOCKED, MODEL_REFUSED, and VALIDATION_FAILED for fields
 * of a stream that the reply does not have.
 */
export function structured<T extends object, I>(
  task: StructuredTask<T, I>,
  prompts: Prompts<I>,
  options: CallOptions = {},
): Question<T> {
  const { systemPrompt, userPrompt, facts } = prompts;
  return {
    task,
    model: options.model,
    plan: {
      promptHash: task.contractHash,
      schemaHash: task.schema.hash,
      systemPromptHash: textHash(systemPrompt),
    },
    asked: userPrompt,
    input: () => ({
      system_prompt: systemPrompt,
      user_prompt: userPrompt,
      facts,
      options: optionsAsSent(options),
    }),
    rewrite: (change) => {
      const changed = {
        systemPrompt: change(systemPrompt, 'system'),
        userPrompt: change(userPrompt, 'user'),
        facts,
      };
      return structured(task, changed, options);
    },
    ask: (call) => ask(call, task, prompts, options),
    deliver: (call, reply) => {
      new FieldStream(task, fieldEvents(call), NO_FILTERS, fieldsIn(task, options, call)).finish(reply);
    },
    keep: (content, reply) => {
      content.reply = JSON.stringify(reply);
    },
    verdictOf: (reply) => task.verdict?.(reply),
    toCaller: (reply, call) => {
      const only = fieldsIn(task, options, call);
      return only ? (pick(reply, only) as T) : reply;
    },
  };
}

/** What was answered without an engine has passed its filters already. */
const NO_FILTERS = new TextFilters(undefined, []);

async function ask<T extends object, I>(
  call: Call,
  task: StructuredTask<T, I>,
  prompts: Prompts<I>,
  options: CallOptions,
): Promise<T> {
  const { settings } = call;
  const only = fieldsIn(task, options, call);
  const terms = task.terms?.(prompts.facts);
  const messages = buildMessages({ ...prompts, contract: task.contract, ...(terms && { terms }) }, task);
  const ownTokens = task.maxTokens ?? settings.defaultMaxTokens;
  const ceiling = options.maxTokens ?? ownTokens * MAX_GROWTH;
  const request = {
    ...ownRequest(call, task, options, messages, Math.min(ownTokens, ceiling)),
    format: { name: task.schema.name, grammar: task.schema.grammar },
  };
  const filters = new TextFilters(task, call.openFilters);
  // A caller who waits for the whole wants none of the fields, but a value that is wrong ends the engine's work too.
  const fields =
    request.delivery === 'stream'
      ? new FieldStream(task, fieldEvents(call), filters, call.sink ? only : [])
      : undefined;
  const bounds = { maxAttempts: settings.structuredMaxAttempts, ceiling };
  const judged = { ...task, filters };
  const value = await askUntilValid<T, I, OwnRequest>(call, judged, request, prompts.facts, bounds, fields);
  return task.toReply?.(value) ?? value;
}

/**
 * The fields that a streaming caller wants; undefined: all.
 * @throws ServiceError VALIDATION_FAILED where they are no fields of the reply, or nothing is streamed
 */
function fieldsIn(
  { schema }: StructuredShape,
  { streamFields }: CallOptions,
  { sink }: Call,
): readonly string[] | undefined {
  if (!streamFields) return undefined;
  const known = Object.keys(schema.grammar.properties ?? {}).map((field) => `/${field}`);
  const errors = streamFields.flatMap((path, index) =>
    known.includes(path)
      ? []
      : [{ path: `/stream_fields/${index}`, message: `must be one of ${known.join(', ')}` }],
  );
  if (!sink) errors.push({ path: '/stream_fields', message: 'needs stream: true' });
  if (errors.length === 0) return streamFields.map((path) => path.slice(1));
  throw new ServiceError('VALIDATION_FAILED', 'stream_fields does not fit this route.', { errors });
}

function pick(reply: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(reply).filter(([field]) => fields.includes(field)));
}
