import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../../common/errors.js';
import type { RelayedStream } from '../../engine/relayed-reply.js';
import type { Call } from '../../calls/call.js';

/** What is changed about each event on its way. */
export type Rewrite = (data: string) => string;

/**
 * Hands a stream's events on as they come. A caller who does not read makes the engine wait, and is cut after a time.
 * @throws ServiceError CANCELLED where he was cut, and what the stream itself throws
 */
export async function relayStream(
  call: Call,
  stream: RelayedStream,
  slowReaderMs: number,
  rewrite: Rewrite | undefined,
): Promise<void> {
  const startedAt = performance.now();
  try {
    await handOn(call, stream, slowReaderMs, rewrite);
  } finally {
    call.record.facts.timing.engine += performance.now() - startedAt;
  }
}

async function handOn(
  call: Call,
  stream: RelayedStream,
  slowReaderMs: number,
  rewrite: Rewrite | undefined,
): Promise<void> {
  const { record } = call;
  const out = call.openStream();
  for (let events = await stream.next(); events; events = await stream.next()) {
    record.firstFieldMs ??= record.elapsedMs();
    let text = '';
    for (const data of events) text += `data: ${rewrite ? rewrite(data) : data}\n\n`;
    out.write(text);
    if (out.isBehind) await stream.pausedFor(caughtUp(call, slowReaderMs));
  }
  // He may have been cut behind the engine's last word.
  if (record.context.leftBecause === 'too slow')
    throw new ServiceError('CANCELLED', 'The caller did not read the stream.');
}

/** Waits until the caller has caught up; one who does not is cut, which ends the engine's stream too. */
async function caughtUp(call: Call, slowReaderMs: number): Promise<void> {
  const out = call.openStream();
  const timer = new AbortController();
  const late = delay(slowReaderMs, 'late', { signal: timer.signal, ref: false }).catch(() => 'in time');
  const outcome = await Promise.race([out.caughtUp(), late]);
  timer.abort();
  if (outcome !== 'late') return;
  out.cut();
  call.record.context.leave('too slow');
}
