import type { Socket } from 'node:net';

/**
 * Bytes that are read and thrown away after the last reply on a connection. More than the sockets on the way hold by
 * themselves, so that whoever writes a body of common size comes to its end, and reads.
 */
const MAX_DISCARDED_BYTES = 262_144;

/** Milliseconds that the other side gets to read that reply and to close. */
const LINGER_MS = 1000;

/** Connections that end in this way already. */
const closing = new WeakSet<Socket>();

/**
 * Ends a connection of the HTTP server on which more may still arrive. Closing it at once would be a reset, which
 * destroys the reply on its way: the other side would see a broken connection instead of a status. So the service
 * ends its own direction, throws away a bounded amount of what arrives without parsing it, and closes for good when
 * the other side does or its time is over.
 * @param lastWords written before the end
 */
export function closeGently(socket: Socket, lastWords = ''): void {
  if (closing.has(socket)) return;
  closing.add(socket);
  let left = MAX_DISCARDED_BYTES;
  // The parser's listener; the new one also takes the bytes that it gets past it.
  socket.removeAllListeners('data').on('data', (piece: Buffer) => {
    left -= piece.length;
    if (left <= 0) socket.pause();
  });
  socket.resume();
  socket.end(lastWords);
  const timer = setTimeout(() => {
    socket.destroy();
  }, LINGER_MS);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}
