import { breakOff } from './break-off.js';
import type { Exchange } from './exchange.js';
import type { RawFault, RawPiece } from './faults.js';
import type { Turn } from './turn.js';

/** Sends the pieces of a raw fault, each on its own. */
export async function playRaw(fault: RawFault, turn: Turn): Promise<void> {
  const { body, bare = false, status = 200, headers, ending } = fault;
  const { exchange } = turn;
  if (bare) exchange.goBare();
  else exchange.begin(status, { 'content-type': turn.contentType, ...headers });
  for (const piece of body) {
    await sendPiece(exchange, piece);
    await exchange.flush();
    // In the same turn of the event loop, Node would send the pieces as one.
    await exchange.pause(0);
  }
  if (ending !== undefined) await breakOff(exchange, ending);
  else if (bare) await exchange.hangUp();
  else exchange.end();
}

async function sendPiece(exchange: Exchange, piece: RawPiece): Promise<void> {
  if (typeof piece === 'string') return exchange.write(piece);
  if ('base64' in piece) return exchange.write(Buffer.from(piece.base64, 'base64'));
  if ('pauseMs' in piece) return exchange.pause(piece.pauseMs);
  const bytes = Buffer.from(piece.repeat);
  for (let times = 0; times < piece.times && !exchange.gone; times++) await exchange.write(bytes);
}
