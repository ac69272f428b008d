import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Headers that a proxy adds; with one of them the caller is somebody else than the socket says. */
const FORWARDING: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'cdn-loop',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fly-client-ip',
  'x-amzn-trace-id',
]);

/** Families of such headers: `X-Forwarded-For`, `X-Envoy-External-Address`, `X-Original-Host` and their kin. */
const FORWARDING_FAMILY = /^x-(forwarded|envoy|original)-/;

/** What a browser says of a request that no page of another origin has caused. */
const OWN_SITE: ReadonlySet<string> = new Set(['same-origin', 'none']);

/**
 * Says why a request is not taken for one that was typed on this machine; nothing when it is.
 * A loopback socket alone proves little: a reverse proxy has one too, and so has any web page in a browser on this
 * machine. Most of them give themselves away; a proxy that speaks HTTP/1.1 and adds no header does not, as nginx by
 * default since 1.29.7. So whoever passes here may ask and nothing else.
 */
export function notDirectBecause({ headers, httpVersion, socket }: IncomingMessage): string | undefined {
  if (!isLoopbackAddress(socket.remoteAddress ?? '')) return 'it does not come from this machine';
  const forwarding = forwardingHeader(headers);
  if (forwarding !== undefined) return `it came through a proxy (${forwarding})`;
  if (httpVersion === '1.0') return 'it came through a proxy (HTTP/1.0)';
  const { host, origin } = headers;
  if (!isLoopbackHost(host)) return 'its Host is not localhost';
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return 'a web page of another site sent it (Origin)';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && !OWN_SITE.has(site)) return 'a web page of another site sent it (Sec-Fetch-Site)';
  return undefined;
}

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}

function isLoopbackHost(host: string | undefined): host is string {
  return host !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host);
}

function forwardingHeader(headers: IncomingHttpHeaders): string | undefined {
  for (const name in headers) {
    if (FORWARDING.has(name) || FORWARDING_FAMILY.test(name)) return name;
  }
  return undefined;
}
