import type { CallRecord } from '../../calls/call-record.js';
import type { Sink } from '../../calls/sink.js';
import type { CallContext } from '../../common/call-context.js';
import { type ServiceError, toProblem } from '../../common/errors.js';
import type { EventStream } from '../../common/event-stream.js';
import type { RequestContext } from '../../common/request-context.js';

/** A stream of events in the reply to a request. It ends with exactly one `result` or `error`. */
export class EventSink implements Sink {
  #stream: EventStream | undefined;

  constructor(
    private readonly context: RequestContext,
    private readonly call: CallContext,
  ) {}

  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  get isBehind(): boolean {
    return this.open().isBehind;
  }

  open(): EventStream {
    return (this.#stream ??= this.context.openStream(this.call));
  }

  send(event: string, data: unknown): void {
    this.open().send(event, data);
  }

  write(text: string): void {
    this.open().write(text);
  }

  caughtUp(): Promise<void> {
    return this.open().caughtUp();
  }

  cut(): void {
    this.open().cut();
  }

  result(reply: object, record: CallRecord): void {
    this.open().send('result', { reply, usage: record.usage, call: factsOf(record) });
    this.open().end();
  }

  error(error: ServiceError): void {
    this.open().send('error', toProblem(error, this.context.requestId));
    this.open().end();
  }
}

/** The facts that are headers of a whole reply, for the end of a stream. */
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
