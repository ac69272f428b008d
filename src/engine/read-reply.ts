import type { ReplyListener } from './call-budget.js';
import type { Dialect } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineReply, RelayPath } from './engine-request.js';
import type { EngineStream } from './engine-stream.js';
import type { ReplyGuard } from './reply-guard.js';
import type { Tally } from './tally.js';
import { faultOfWire, readBytes, type WireReply } from './wire.js';
import { choiceOf, engineError, parseBody, textOf, usageOf } from './wire-body.js';

/** What is read of a reply, before the request's own facts are added. */
export type ReadReply = Omit<EngineReply, 'maxTokens'>;

/** @throws EngineFault for every status but 2xx */
export async function refuseErrors(reply: WireReply, dialect: Dialect): Promise<void> {
  const { status, headers } = reply;
  if (status >= 200 && status < 300) return;
  const text = (await readBytes(reply)).toString('utf8');
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy's page; its status says enough.
  }
  throw dialect.faultOf(engineError(body, status, headers));
}

/**
 * Reads a reply that came as a whole, and what it cost.
 * @throws EngineFault where it is not what the path gives
 */
export function readWhole(bytes: Buffer, path: RelayPath, dialect: Dialect, tally: Tally): ReadReply {
  const json = bytes.toString('utf8');
  tally.said = json;
  const body = parseBody(json);
  // Vectors have no choices; everything else that has none is an error.
  const isVectors = path === '/v1/embeddings' && Array.isArray(body.data);
  const choice = isVectors ? undefined : choiceOf(body, dialect);
  if (!isVectors && !choice) throw new EngineFault('bad-response', { seen: 'no choices' });
  tally.whole = bytes;
  const usage = usageOf(body.usage);
  tally.count(usage);
  const finish = choice ? dialect.finishOf(choice) : 'stop';
  if (finish === 'abort') throw new EngineFault('cut', { seen: 'finish_reason abort' });
  return {
    ...textOf(choice?.message),
    finish,
    usage,
    model: typeof body.model === 'string' ? body.model : '',
    json,
  };
}

/**
 * Reads a streamed reply to its end.
 * @param listener hears of the reply while it is made
 * @throws EngineFault, and whatever the connection throws
 */
export async function readStream(
  stream: EngineStream,
  dialect: Dialect,
  tally: Tally,
  listener: Pick<ReplyListener, 'onText'> | undefined,
): Promise<ReadReply> {
  const heard = (piece: string): boolean => {
    try {
      return listener?.onText(piece) ?? true;
    } catch (error) {
      stream.stop();
      throw error;
    }
  };
  let content = '';
  let reasoning = '';
  let isRefused = false;
  for (let events = await stream.next(); events; events = await stream.next()) {
    isRefused = !events.every((event) => {
      reasoning += event.reasoning;
      content += event.content;
      return event.content === '' || heard(event.content);
    });
    if (!isRefused) continue;
    stream.stop();
    break;
  }
  const { runaway, firstTokenMs, model, ended } = stream;
  return {
    content,
    reasoning,
    usage: tally.usage,
    model,
    finish: isRefused ? 'refused' : runaway ? 'runaway' : ended ? dialect.finishOf(ended) : 'other',
    json: '',
    ...(runaway && { runaway }),
    ...(firstTokenMs !== undefined && { firstTokenMs }),
  };
}

/** Turns whatever asking or reading threw into a fault. */
export function faultOf(thrown: unknown, guard: ReplyGuard): EngineFault {
  try {
    guard.check();
  } catch (fault) {
    return fault as EngineFault;
  }
  if (thrown instanceof EngineFault) return thrown;
  return faultOfWire(thrown);
}
