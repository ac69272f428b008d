import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { CallFailed } from './call-failed.js';

/** Characters of one event at the most; a result of the service has some thousand. */
const MAX_EVENT = 16_777_216;

/**
 * Reads server-sent events out of bytes that are cut anywhere.
 * @throws CallFailed for an event without end
 */
export async function* readEvents(
  pieces: AsyncIterable<Uint8Array>,
  root: string,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const decoder = new TextDecoder();
  let arrived: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT,
    onEvent: (event) => arrived.push(event),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw endless(root);
    },
  });
  for await (const piece of pieces) {
    parser.feed(decoder.decode(piece, { stream: true }));
    const events = arrived;
    arrived = [];
    yield* events;
  }
}

function endless(root: string): CallFailed {
  return new CallFailed('not_understood', `${root} sent an event without end, and was not read further.`);
}

/**
 * @param data one event's
 * @throws CallFailed where it is no object in JSON
 */
export function parseData(data: string, root: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(data);
    if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new CallFailed(
    'not_understood',
    `${root} sent an event that is no JSON object: ask again; if it persists, read the server’s log.`,
  );
}

/** A stream that ended before it said that it does. */
export function cut(root: string): CallFailed {
  return new CallFailed(
    'unreachable',
    `${root} ended its stream before the answer was whole. Ask again; if it persists, read the server’s log.`,
    { passing: true },
  );
}
