import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Reply } from './service.js';

/** Sends bytes as they are, half-closes, and reads what comes back until the service closes. */
export async function sendRaw<T>(url: string, bytes: string): Promise<Reply<T>> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(bytes);
  const reply = await text(socket);
  const [head = '', body = ''] = reply.split('\r\n\r\n', 2);
  const [statusLine = '', ...lines] = head.split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.replace(/^[^:]*: */, '')]),
    ),
    body: JSON.parse(body) as T,
  };
}
