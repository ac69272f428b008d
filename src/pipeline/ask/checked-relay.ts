import type { Call, Question } from '../../calls/call.js';
import { type FieldError, ServiceError } from '../../common/errors.js';
import type { ChatMessage, EngineReply, RelayRequest } from '../../engine/engine-request.js';
import { TextFilters } from '../../text/text-filters.js';
import type { Task } from '../define-task.js';
import { filterReply } from '../out/relay-texts.js';
import { askUntilValid, MAX_GROWTH } from './ask-until-valid.js';
import {
  MARKS_ONLY,
  type Neutralised,
  neutralised,
  relayed,
  type RelayDetails,
  type RelayedReply,
  withModelOf,
} from './relay.js';

/** The caller's own schema, which the reply must fit. */
export interface CallersSchema {
  readonly name: string;
  check(value: unknown): readonly FieldError[];
}

type CheckedBody = RelayRequest['body'] & {
  readonly messages: readonly ChatMessage[];
  readonly max_tokens?: number;
};

/**
 * A chat request of OpenAI's API that is passed on until its reply fits the caller's own schema, by the same ladder as
 * the service's own questions. A stream begins once the reply has been checked.
 *
 * Errors besides the engine's: STRUCTURED_OUTPUT_INVALID, ENGINE_REPLY_EMPTY, GUARD_BLOCKED, MODEL_REFUSED.
 */
export function checkedRelay(
  task: Task,
  schema: CallersSchema,
  request: RelayRequest,
  details: RelayDetails,
): Question<RelayedReply> {
  const passed = neutralised(request);
  const common = relayed(task, request, passed, details, (changed, sent) =>
    checkedRelay(task, schema, changed, { ...details, sent }),
  );
  return {
    ...common,
    streamsWhole: true,
    ask: (call) => ask(call, task, schema, passed),
  };
}

async function ask(
  call: Call,
  task: Task,
  schema: CallersSchema,
  { request: passed, hadMarks }: Neutralised,
): Promise<RelayedReply> {
  const request = withModelOf(call, passed);
  const { defaultMaxTokens, structuredMaxAttempts: maxAttempts } = call.settings;
  // Of the two names for it OpenAI's newer models take this one alone, and engines take both.
  const { messages, max_tokens: _, ...rest } = request.body as CheckedBody;
  const maxTokens = request.maxTokens ?? defaultMaxTokens;
  const first = { messages, maxTokens, thinking: task.thinking };
  let json = '';
  const asker = {
    record: call.record,
    ask: async (next: typeof first): Promise<EngineReply> => {
      const body = { ...rest, messages: next.messages, max_completion_tokens: next.maxTokens, stream: false };
      const reply = await call.ask({ ...request, body, maxTokens: next.maxTokens, delivery: 'whole' });
      ({ json } = reply);
      return reply;
    },
  };
  const filters = new TextFilters(hadMarks ? MARKS_ONLY : undefined, call.openFilters);
  const bounds = { maxAttempts, ceiling: request.maxTokens ?? defaultMaxTokens * MAX_GROWTH };
  const judged = { ...MARKS_ONLY, schema, rules: [], filters };
  const value = await askUntilValid(asker, judged, first, undefined, bounds, undefined);
  // The content has passed the filters as an object; its JSON must not pass them again.
  const { value: others, block } = filters.isIdle
    ? { value: json }
    : filterReply(withContent(json, null), filters);
  if (block) throw new ServiceError('GUARD_BLOCKED', block.reason);
  return { json: withContent(others, JSON.stringify(value)) };
}

function withContent(json: string, content: string | null): string {
  const body = JSON.parse(json) as { choices: { message: object }[] };
  const choices = body.choices.map((choice) => ({ ...choice, message: { ...choice.message, content } }));
  return JSON.stringify({ ...body, choices });
}
