import type { IncomingHttpHeaders } from 'node:http';
import { expectedOf } from './answer-reader.js';
import type { ReplyListener } from './call-budget.js';
import { completionOf } from './completion-shapes.js';
import { EngineFault } from './engine-fault.js';
import type { EngineRequest, RelayPath } from './engine-request.js';
import { EngineStream } from './engine-stream.js';
import { type ReadReply, readStream, readWhole, refuseErrors } from './read-reply.js';
import type { Try } from './try.js';
import { unpacked } from './unpacked.js';
import { readBytes, type WireReply } from './wire.js';

/** Where the service's own questions go. */
const CHAT: RelayPath = '/v1/chat/completions';

/**
 * Asks one engine once and reads its reply to the end.
 * @param listener hears of a streamed reply while it is made
 * @throws whatever went wrong, for `faultOf`
 */
export async function askOnce(
  one: Try,
  request: EngineRequest,
  listener: ReplyListener | undefined,
): Promise<ReadReply> {
  const { tally, address } = one;
  const { dialect } = address;
  const expected = expectedOf(request);
  const answer = await post(one, request);
  const { headers } = answer;
  if (request.delivery === 'stream')
    return readStream(streamOf(one, request, headers, answer), dialect, tally, expected, listener);
  const bytes = await readBytes(answer);
  const whole = holdsEvents(bytes)
    ? await joinedEvents(streamOf(one, request, headers, onlyPiece(bytes)))
    : bytes;
  const path = pathOf(request);
  return readWhole(whole, { path, dialect, tally, expected, contentType: headers['content-type'] });
}

/**
 * Asks one engine once for a stream.
 * @throws whatever went wrong before its reply began, for `faultOf`
 */
export async function openOnce(one: Try, request: EngineRequest): Promise<EngineStream> {
  const answer = await post(one, request);
  return streamOf(one, request, answer.headers, answer);
}

async function post(one: Try, request: EngineRequest): Promise<WireReply> {
  const { address, guard, id } = one;
  one.request = Buffer.from(JSON.stringify(bodyOf(one, request, id)));
  const answer = await address.post(pathOf(request), one.request, guard);
  await refuseErrors(answer, guard, address.dialect);
  return unpacked(answer, guard);
}

function pathOf(request: EngineRequest): RelayPath {
  return 'body' in request ? request.path : CHAT;
}

function bodyOf({ address: { dialect } }: Try, request: EngineRequest, id: string): object {
  if (!('body' in request)) return dialect.body(request, id);
  return request.path === '/v1/embeddings' ? request.body : dialect.relayed(request.body, id);
}

function streamOf(
  one: Try,
  request: EngineRequest,
  headers: IncomingHttpHeaders,
  bytes: AsyncIterable<Buffer>,
): EngineStream {
  const { address, guard, tally, askedAt } = one;
  // Without a number of the caller's the context bounds the reply.
  const maxTokens = request.maxTokens ?? address.contextTokens ?? Infinity;
  return new EngineStream(bytes, {
    dialect: address.dialect,
    guard,
    tally,
    askedAt,
    bounds: { maxTokens, reasoningTokens: request.reasoningTokens ?? maxTokens },
    choices: ('body' in request ? request.choices : undefined) ?? 1,
    contentType: headers['content-type'],
  });
}

/** Code of the bracket that nearly every whole reply begins with. */
const BRACE = 0x7b;

/** What a stream of events begins with. */
const FIRST_FIELD = /^[\s\uFEFF]*(?:data|event|id|retry)?:/;

/** Bytes in which the first field of a stream must begin. */
const MOST_BEFORE_FIELD = 256;

/** Whether a reply that was to come as a whole came as a stream. */
function holdsEvents(bytes: Buffer): boolean {
  return bytes[0] !== BRACE && FIRST_FIELD.test(bytes.toString('utf8', 0, MOST_BEFORE_FIELD));
}

async function* onlyPiece(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield await Promise.resolve(bytes);
}

/** The whole reply that came as a stream. */
async function joinedEvents(stream: EngineStream): Promise<Buffer> {
  const events: string[] = [];
  for (let next = await stream.next(); next; next = await stream.next()) {
    for (const { data } of next) events.push(data);
  }
  const { runaway } = stream;
  if (runaway) throw new EngineFault('runaway', { seen: runaway, runaway });
  return Buffer.from(completionOf(events));
}
