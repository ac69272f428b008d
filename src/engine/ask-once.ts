import type { ReplyListener } from './call-budget.js';
import type { Dialect } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineRequest } from './engine-request.js';
import type { LeanResponse } from './pool-fetch.js';
import { type ReadReply, readStream, readWhole } from './read-reply.js';
import type { Try } from './try.js';
import { Watchdog } from './watchdog.js';

/**
 * Asks one engine once and reads its reply to the end.
 * @param listener hears of a streamed reply while it is made
 * @throws whatever went wrong, for {@link faultOf}
 */
export async function askOnce(
  { address, guard, tally, askedAt, id }: Try,
  request: EngineRequest,
  dialect: Dialect,
  listener: ReplyListener | undefined,
): Promise<ReadReply> {
  const { completions } = address.client.chat;
  const body = dialect.body(request, id) as Parameters<typeof completions.create>[0];
  // The reply is read here and not by the package, which ends a cut stream like a whole one.
  const response: unknown = await completions
    .create(body, { signal: guard.signal, fetchOptions: { guard } as object })
    .asResponse();
  const lean = response as LeanResponse;
  const { delivery, maxTokens, reasoningTokens = maxTokens } = request;
  const watchdog = new Watchdog({ maxTokens, reasoningTokens });
  const reply =
    delivery === 'stream'
      ? await readStream(lean.body, { dialect, guard, tally, watchdog, askedAt, listener })
      : readWhole(await lean.text(), dialect, tally);
  if (reply.finish === 'abort') throw new EngineFault('cut', { seen: 'finish_reason abort' });
  return reply;
}
