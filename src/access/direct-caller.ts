import type { IncomingMessage } from 'node:http';

/** Headers that a proxy adds; with one of them the caller is somebody else than the socket says. */
const FORWARDING = ['forwarded', 'x-real-ip', 'via'];

/**
 * Says why a request is not taken for one that was typed on this machine; nothing when it is.
 * A loopback socket alone proves little: a reverse proxy has one too (a bare nginx `proxy_pass` names nobody and
 * speaks HTTP/1.0), and so has any web page in a browser on this machine.
 */
export function notDirectBecause(request: IncomingMessage): string | undefined {
  const { headers, httpVersion, socket } = request;
  if (!isLoopbackAddress(socket.remoteAddress ?? '')) return 'it does not come from this machine';
  const forwarding = Object.keys(headers).find(
    (name) => FORWARDING.includes(name) || name.startsWith('x-forwarded-'),
  );
  if (forwarding) return `it came through a proxy (${forwarding})`;
  if (httpVersion === '1.0') return 'it came through a proxy (HTTP/1.0)';
  if (!isLoopbackHost(headers.host)) return 'its Host is not localhost';
  if (headers.origin !== undefined && !isLoopbackHost(URL.parse(headers.origin)?.host)) {
    return 'a web page of another site sent it (Origin)';
  }
  if (headers['sec-fetch-site'] === 'cross-site')
    return 'a web page of another site sent it (Sec-Fetch-Site)';
  return undefined;
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host);
}
