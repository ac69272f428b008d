import type { ReplyListener } from './call-budget.js';
import type { Dialect } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineRequest } from './engine-request.js';
import { type ReadReply, readStream, readWhole, refuseErrors } from './read-reply.js';
import type { Try } from './try.js';
import { Watchdog } from './watchdog.js';
import { readBytes } from './wire.js';

/**
 * Asks one engine once and reads its reply to the end.
 * @param listener hears of a streamed reply while it is made
 * @throws whatever went wrong, for {@link faultOf}
 */
export async function askOnce(
  one: Try,
  request: EngineRequest,
  dialect: Dialect,
  listener: ReplyListener | undefined,
): Promise<ReadReply> {
  const { address, guard, tally, askedAt, id } = one;
  one.request = Buffer.from(JSON.stringify(dialect.body(request, id)));
  const answer = await address.post('/v1/chat/completions', one.request, guard);
  await refuseErrors(answer, dialect);
  const { delivery, maxTokens, reasoningTokens = maxTokens } = request;
  const watchdog = new Watchdog({ maxTokens, reasoningTokens });
  const reply =
    delivery === 'stream'
      ? await readStream(answer, { dialect, guard, tally, watchdog, askedAt, listener })
      : readWhole(await readBytes(answer), dialect, tally);
  if (reply.finish === 'abort') throw new EngineFault('cut', { seen: 'finish_reason abort' });
  return reply;
}
