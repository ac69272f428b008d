import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { CallFailed } from './call-failed.js';

/** Characters of one event at the most; a result of the service has some thousand. */
const MAX_EVENT = 16_777_216;

/**
 * Reads server-sent events out of bytes that are cut anywhere. The last one may lack its blank line; where the bytes end
 * in the middle of it, it is none.
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
  parser.feed(`${decoder.decode()}\n\n`);
  yield* arrived.filter(({ data }) => !isObject(data) || parse(data) !== undefined);
}

function endless(root: string): CallFailed {
  return new CallFailed('not_understood', `${root} sent an event without end, and was not read further.`);
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * @param data one event's
 * @returns undefined where it cannot say anything: null, a word or nothing at all, which keep a stream alive
 * @throws CallFailed where it is an object, and no JSON
 */
export function parseData(data: string, root: string): Fields | undefined {
  if (!isObject(data)) return undefined;
  const fields = parse(data);
  if (fields) return fields;
  throw new CallFailed(
    'not_understood',
    `${root} sent an event that is no JSON object: ask again; if it persists, read the server’s log.`,
  );
}

function isObject(data: string): boolean {
  return data.trimStart().startsWith('{');
}

function parse(data: string): Fields | undefined {
  try {
    return JSON.parse(data) as Fields;
  } catch {
    return undefined;
  }
}

/** A stream that ended before it said that it does. */
export function cut(root: string): CallFailed {
  return new CallFailed(
    'unreachable',
    `${root} ended its stream before the answer was whole. Ask again; if it persists, read the server’s log.`,
    { passing: true },
  );
}
