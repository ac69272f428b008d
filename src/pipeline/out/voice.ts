import type { CallRecord } from '../../calls/call-record.js';
import { type ServiceError, toProblem } from '../../common/errors.js';
import type { EventStream } from '../../common/event-stream.js';
import { toOpenAiError } from '../../common/openai-error.js';

/** How a stream ends: every one with exactly one of these. */
export interface Voice {
  result(stream: EventStream, reply: object, record: CallRecord): void;
  error(stream: EventStream, error: ServiceError, record: CallRecord): void;
}

/** The service's own streams. */
export const ownVoice: Voice = {
  result: (stream, reply, record) => {
    stream.send('result', { reply, usage: record.usage, call: factsOf(record) });
  },
  error: (stream, error, { context }) => {
    stream.send('error', toProblem(error, context.requestId));
  },
};

/** Streams of OpenAI's API: an error takes the place of `[DONE]`. */
export const openAiVoice: Voice = {
  result: (stream) => {
    stream.write('data: [DONE]\n\n');
  },
  error: (stream, error) => {
    stream.write(`data: ${JSON.stringify(toOpenAiError(error).body)}\n\n`);
  },
};

/** What the headers of a whole reply tell, for the end of a stream. */
function factsOf({ facts, context, firstFieldMs }: CallRecord): object {
  const { callId, model, provider, attempts, finishReason, timing } = facts;
  return {
    id: callId,
    request_id: context.requestId,
    model,
    provider,
    attempts,
    ...(finishReason && { finish_reason: finishReason }),
    first_field_ms: rounded(firstFieldMs),
    queue_ms: rounded(timing.queue),
    engine_ms: rounded(timing.engine),
    total_ms: rounded(timing.total),
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
