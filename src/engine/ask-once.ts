import type { ReplyListener } from './call-budget.js';
import type { EngineRequest, RelayPath } from './engine-request.js';
import { EngineStream } from './engine-stream.js';
import { type ReadReply, readStream, readWhole, refuseErrors } from './read-reply.js';
import type { Try } from './try.js';
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
  const { dialect } = one.address;
  const answer = await post(one, request);
  return request.delivery === 'stream'
    ? await readStream(streamOf(one, request, answer), dialect, one.tally, listener)
    : readWhole(await readBytes(answer), pathOf(request), dialect, one.tally);
}

/**
 * Asks one engine once for a stream.
 * @throws whatever went wrong before its reply began, for `faultOf`
 */
export async function openOnce(one: Try, request: EngineRequest): Promise<EngineStream> {
  return streamOf(one, request, await post(one, request));
}

async function post(one: Try, request: EngineRequest): Promise<WireReply> {
  const { address, guard, id } = one;
  one.request = Buffer.from(JSON.stringify(bodyOf(one, request, id)));
  const answer = await address.post(pathOf(request), one.request, guard);
  await refuseErrors(answer, address.dialect);
  return answer;
}

function pathOf(request: EngineRequest): RelayPath {
  return 'body' in request ? request.path : CHAT;
}

function bodyOf({ address: { dialect } }: Try, request: EngineRequest, id: string): object {
  if (!('body' in request)) return dialect.body(request, id);
  return request.path === '/v1/embeddings' ? request.body : dialect.relayed(request.body, id);
}

function streamOf(one: Try, request: EngineRequest, answer: WireReply): EngineStream {
  const { address, guard, tally, askedAt } = one;
  // Without a number of the caller's the context bounds the reply.
  const maxTokens = request.maxTokens ?? address.contextTokens ?? Infinity;
  return new EngineStream(answer, {
    dialect: address.dialect,
    guard,
    tally,
    askedAt,
    bounds: { maxTokens, reasoningTokens: request.reasoningTokens ?? maxTokens },
    choices: ('body' in request ? request.choices : undefined) ?? 1,
  });
}
