import { setTimeout as delay } from 'node:timers/promises';
import type { Call } from '../../calls/call.js';
import { ServiceError } from '../../common/errors.js';
import type { OpenReply } from '../../engine/open-reply.js';
import type { Block } from '../../text/text-filter.js';
import { usageEvent } from './openai-events.js';
import type { StreamedTexts } from './relay-texts.js';

/** How the events of a reply are handed on. */
export interface Relaying {
  /** What the texts of the events pass; undefined where events go out as they came. */
  readonly texts: StreamedTexts | undefined;
  /** A last change of each event. */
  readonly rewrite: ((data: string) => string) | undefined;
  /** Whether the caller gets the event with the tokens. */
  readonly wantsUsage: boolean;
}

/**
 * Hands a stream's events on as they come. A caller who does not read makes the engine wait, and is cut after a time.
 * @returns why the reply was stopped, where no word of it had gone out; undefined also where it was ended part-way
 * @throws ServiceError CANCELLED where the caller was cut, and whatever the stream itself throws
 */
export async function relayStream(
  call: Call,
  reply: OpenReply,
  relaying: Relaying,
): Promise<Block | undefined> {
  const startedAt = performance.now();
  try {
    return await handOn(call, reply, relaying);
  } catch (error) {
    reply.abandon();
    throw error;
  } finally {
    call.record.facts.timing.engine += performance.now() - startedAt;
  }
}

async function handOn(
  call: Call,
  reply: OpenReply,
  { texts, rewrite, wantsUsage }: Relaying,
): Promise<Block | undefined> {
  const { record, settings } = call;
  let held = '';
  for (let events = await reply.next(); events; events = await reply.next()) {
    let text = held;
    for (const { data, isUsage } of events) {
      if (isUsage && !wantsUsage) continue;
      const filtered = texts && !isUsage ? texts.event(data) : data;
      text += `data: ${rewrite ? rewrite(filtered) : filtered}\n\n`;
      if (!texts?.block) continue;
      reply.stop();
      record.judgements.push('blocked');
      if (texts.said === '') return texts.block;
      if (wantsUsage && reply.usage) text += `data: ${usageEvent(data, reply.usage)}\n\n`;
      break;
    }
    if (texts && !texts.mayBegin) {
      held = text;
      continue;
    }
    held = '';
    if (text === '') continue;
    record.firstFieldMs ??= record.elapsedMs();
    const out = call.openSink;
    out.write(text);
    if (texts?.block) break;
    if (out.isBehind) await reply.pausedFor(caughtUp(call, settings.slowReaderTimeout * 1000));
  }
  // The cut may have come after the engine's last word.
  if (record.context.leftBecause === 'too slow')
    throw new ServiceError('CANCELLED', 'The caller did not read the stream.');
  return undefined;
}

/** Waits until the caller has caught up; one who does not is cut, which ends the engine's stream too. */
async function caughtUp({ openSink, context }: Call, slowReaderMs: number): Promise<void> {
  const timer = new AbortController();
  const late = delay(slowReaderMs, 'late', { signal: timer.signal, ref: false }).catch(() => 'in time');
  const outcome = await Promise.race([openSink.caughtUp(), late]);
  timer.abort();
  if (outcome !== 'late') return;
  openSink.cut();
  context.leave('too slow');
}
