import type { IncomingHttpHeaders } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import { constants, createBrotliDecompress, createUnzip } from 'node:zlib';
import { EngineFault } from './engine-fault.js';
import type { ReplyGuard } from './reply-guard.js';
import type { WireReply } from './wire.js';

/** A body that ends too early gives what came of it: like any other, it is judged by what it holds. */
const unzip = (): Transform => createUnzip({ finishFlush: constants.Z_SYNC_FLUSH });
const unbrotli = (): Transform => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });

/** What is undone, by the names of Content-Encoding. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: unzip,
  'x-gzip': unzip,
  deflate: unzip,
  br: unbrotli,
};

/**
 * A reply as it was before a proxy on its way compressed it, though nobody had asked for that. Its size is counted as
 * it grows.
 * @throws EngineFault bad-response where it is compressed in a way that is not undone
 */
export function unpacked(reply: WireReply, guard: ReplyGuard): WireReply {
  const { 'content-encoding': named = '' } = reply.headers;
  const coding = named.trim().toLowerCase();
  if (coding === '' || coding === 'identity') return reply;
  const decoder = DECODERS[coding];
  if (decoder) return new UnpackedReply(reply, decoder(), coding, guard);
  guard.end();
  const name = /^[\w, -]{1,40}$/.exec(coding)?.[0] ?? 'something unknown';
  throw new EngineFault('bad-response', {
    seen: `content-encoding ${name}`,
    named: `The engine’s reply is compressed with ${name}, which is not undone here.`,
  });
}

class UnpackedReply implements WireReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly #pieces: AsyncIterator<Buffer, undefined>;

  constructor(
    reply: WireReply,
    private readonly decoder: Transform,
    private readonly coding: string,
    private readonly guard: ReplyGuard,
  ) {
    this.status = reply.status;
    this.headers = reply.headers;
    // What goes wrong is thrown to the reader.
    pipeline(reply, decoder, () => undefined);
    this.#pieces = decoder[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      const next = await this.#pieces.next();
      if (!next.done) this.guard.unpacked(next.value);
      return next;
    } catch (thrown) {
      this.decoder.destroy();
      throw this.#named(thrown);
    }
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.guard.end();
    this.decoder.destroy();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** A fault of zlib's, named; any other as it is. */
  #named(thrown: unknown): unknown {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (!/^(?:Z_|ERR__)/.test(code)) return thrown;
    return new EngineFault('bad-response', {
      seen: code,
      named: `The engine’s reply is not what its Content-Encoding says (${this.coding}).`,
      cause: thrown,
    });
  }
}
