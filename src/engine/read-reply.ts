import type { ReplyListener } from './call-budget.js';
import type { Dialect, EndedChoice } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineReply } from './engine-request.js';
import { DONE, EventReader } from './event-reader.js';
import type { ReplyGuard } from './reply-guard.js';
import type { Tally } from './tally.js';
import type { RunawayReason, Watchdog } from './watchdog.js';
import { faultOfWire, readBytes, type WireReply } from './wire.js';
import { choiceOf, engineError, parseBody, reasoningTokensOf, textOf, usageOf } from './wire-body.js';

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

/** Reads a reply that came as a whole, and what it cost. */
export function readWhole(bytes: Buffer, dialect: Dialect, tally: Tally): ReadReply {
  tally.said = bytes.toString('utf8');
  const reply = replyOf(tally.said, dialect);
  tally.whole = bytes;
  tally.count(reply.usage);
  return reply;
}

/** What a whole reply says. */
export function replyOf(text: string, dialect: Dialect): ReadReply {
  const completion = parseBody(text);
  const choice = choiceOf(completion, dialect);
  if (!choice) throw new EngineFault('bad-response', { seen: 'no choices' });
  const { content, reasoning } = textOf(choice.message);
  return {
    content,
    reasoning,
    finish: dialect.finishOf(choice),
    usage: usageOf(completion.usage),
    model: typeof completion.model === 'string' ? completion.model : '',
  };
}

/** What reading a stream needs besides its bytes. */
export interface StreamReading {
  readonly dialect: Dialect;
  readonly guard: ReplyGuard;
  readonly watchdog: Watchdog;
  readonly tally: Tally;
  /** `performance.now()` of the request; the headers may come as late as the first token. */
  readonly askedAt: number;
  /** Hears of the reply while it is made. */
  readonly listener?: Pick<ReplyListener, 'onText'> | undefined;
}

/**
 * Reads a streamed reply to its end. A stream that is cut can look like one that is whole, so both a finish reason and
 * the closing `[DONE]` are asked for.
 */
export async function readStream(bytes: AsyncIterable<Buffer>, reading: StreamReading): Promise<ReadReply> {
  const stream = new StreamedReply(reading);
  const events = new EventReader();
  try {
    for await (const chunk of bytes) {
      for (const data of events.read(chunk)) {
        reading.guard.check();
        stream.take(data);
        if (stream.isRunaway) {
          reading.guard.end();
          return stream.reply();
        }
      }
    }
  } catch (error) {
    // What happens to the connection behind the last word does not matter.
    if (!stream.isWhole) throw error;
  }
  if (!stream.isWhole) reading.guard.check();
  return stream.reply();
}

/** A reply while it arrives. */
class StreamedReply {
  #reasoning = '';
  #model = '';
  #firstTokenMs: number | undefined;
  #ended: EndedChoice | undefined;
  #runaway: RunawayReason | undefined;
  #hasEvents = false;
  #done = false;

  constructor(private readonly reading: StreamReading) {}

  get isWhole(): boolean {
    return this.#done && this.#ended !== undefined;
  }

  get isRunaway(): boolean {
    return this.#runaway !== undefined;
  }

  take(data: string): void {
    if (this.#done) return;
    this.#hasEvents = true;
    if (data === DONE) {
      this.#done = true;
      return;
    }
    const { dialect, tally } = this.reading;
    const event = parseBody(data);
    const choice = choiceOf(event, dialect);
    if (typeof event.model === 'string') this.#model = event.model;
    if (event.usage) tally.count(usageOf(event.usage));
    if (!choice) return;
    this.#text(textOf(choice.delta), reasoningTokensOf(event.usage));
    if (choice.finish_reason) this.#ended = choice;
  }

  /** @throws EngineFault where the stream ended too early */
  reply(): ReadReply {
    const common = {
      content: this.reading.tally.said,
      reasoning: this.#reasoning,
      usage: this.reading.tally.usage,
      model: this.#model,
      ...(this.#firstTokenMs !== undefined && { firstTokenMs: this.#firstTokenMs }),
    };
    if (this.#runaway) return { ...common, finish: 'runaway', runaway: this.#runaway };
    if (!this.#hasEvents) throw new EngineFault('bad-response', { seen: 'no events' });
    if (!this.#ended) throw new EngineFault('cut', { seen: 'no finish_reason' });
    if (!this.#done) throw new EngineFault('cut', { seen: 'no [DONE]' });
    return { ...common, finish: this.reading.dialect.finishOf(this.#ended) };
  }

  #text({ content, reasoning }: { content: string; reasoning: string }, reasoningTokens?: number): void {
    const { guard, watchdog, tally, askedAt, listener } = this.reading;
    if (!content && !reasoning) return;
    this.#firstTokenMs ??= performance.now() - askedAt;
    guard.started();
    tally.piece();
    if (reasoning) {
      this.#reasoning += reasoning;
      this.#runaway ??= watchdog.reasoning(reasoning, reasoningTokens);
    }
    if (content) {
      tally.said += content;
      this.#runaway ??= watchdog.content(content);
      if (!this.#runaway) listener?.onText(content);
    }
  }
}

/** Makes a fault of whatever asking or reading threw. */
export function faultOf(thrown: unknown, dialect: Dialect, guard: ReplyGuard): EngineFault {
  try {
    guard.check();
  } catch (fault) {
    return fault as EngineFault;
  }
  if (thrown instanceof EngineFault) return thrown;
  return faultOfWire(thrown);
}
