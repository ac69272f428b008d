// The load of streams: asks the same over and over for some seconds, reads every stream to its end, prints what it saw.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';

/** What the reader saw, as it prints it. */
export interface Reading {
  readonly streams: number;
  /** Pieces in which the streams' bytes came. */
  readonly pieces: number;
  /** Milliseconds from each request to its first text. */
  readonly firstMs: readonly number[];
  /** Streams that came to no good end. */
  readonly errors: number;
}

/** Milliseconds between the first requests of two connections, so that their tokens do not come at the same moments. */
const SPREAD_MS = 17;

/** What is kept of a stream to look for a text in: an event may be cut in two, and `result` holds a whole report. */
const KEPT = 16_384;

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    body: { type: 'string', default: '' },
    connections: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '1' },
    // Texts by which the first text and a good end are known.
    first: { type: 'string', default: '' },
    last: { type: 'string', default: '' },
  },
});
const { origin, pathname } = new URL(values.url);
const connections = Number(values.connections);
const pool = new Pool(origin, { connections });
const until = performance.now() + Number(values.seconds) * 1000;
const firstMs: number[] = [];
let [streams, pieces, errors] = [0, 0, 0];

async function readOne(): Promise<void> {
  const askedAt = performance.now();
  const { body } = await pool.request({
    path: pathname,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: values.body,
  });
  let text = '';
  let isFirst = true;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces++;
    text = (text + piece.toString('latin1')).slice(-KEPT);
    if (isFirst && text.includes(values.first)) {
      isFirst = false;
      firstMs.push(performance.now() - askedAt);
    }
  }
  if (isFirst || !text.includes(values.last))
    throw new Error(`This stream is not whole: ${text.slice(-500)}`);
}

async function readOn(connection: number): Promise<void> {
  await delay(connection * SPREAD_MS);
  while (performance.now() < until) {
    streams++;
    await readOne().catch((error: unknown) => {
      // One says what is wrong; a thousand would say no more.
      if (errors++ === 0) console.error(error);
    });
  }
}

await Promise.all(Array.from({ length: connections }, (_, connection) => readOn(connection)));
await pool.close();
console.log(JSON.stringify({ streams, pieces, firstMs, errors } satisfies Reading));
