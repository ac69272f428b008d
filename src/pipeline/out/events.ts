import type { Call } from '../../calls/call.js';
import type { Sink } from '../../calls/sink.js';
import type { FieldSink } from './field-stream.js';
import type { TextSink } from './text-stream.js';

/** The events of a structured answer, field by field. */
export function fieldEvents(call: Call): FieldSink {
  return {
    delta: (path, text) => {
      begun(call).send('field.delta', { path, text });
    },
    done: (path, value) => {
      begun(call).send('field.done', { path, value });
    },
    reset: (reason, isSameTry) => {
      reset(call, reason, isSameTry);
    },
  };
}

/** The events of free text. */
export function textEvents(call: Call): TextSink {
  return {
    delta: (text) => {
      begun(call).send('delta', { text });
    },
    reset: (reason, isSameTry) => {
      reset(call, reason, isSameTry);
    },
  };
}

/** The caller's stream, on which something of the answer goes out now. */
export function begun({ record, openSink }: Call): Sink {
  record.firstFieldMs ??= record.elapsedMs();
  return openSink;
}

function reset({ record, openSink }: Call, reason: string, isSameTry: boolean): void {
  const { attempts } = record.facts;
  record.resets++;
  openSink.send('reset', { reason, attempt: isSameTry ? attempts : attempts + 1 });
}
