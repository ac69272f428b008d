import { wrongUse } from '../faults/fault.js';

/** Routes that people copy along with an address; what is before them is the root. */
const KNOWN_ROUTES = /\/(v1(\/(chat\/completions|completions|models))?|api\/chat|chat|health)$/;

/**
 * Brings an address as people type it to the root of a server: with http://, without /v1, a route or a slash at its end.
 * @throws ClientFault what is no address, or none of HTTP
 */
export function rootOf(address: string): string {
  const typed = address.trim();
  if (typed === '') throw wrongUse('The address of the server is empty: give --url http://host:port.');
  const url = parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : `http://${typed}`, typed);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw wrongUse(`“${typed}” is no address of HTTP: it must begin with http:// or https://.`);
  if (url.username || url.password)
    throw wrongUse(
      `The address of the server must hold no user and password: give the key with --api-key or LLM_SERVICE_API_KEY.`,
    );
  if (url.search || url.hash)
    throw wrongUse(
      `“${typed}” has something behind its path: leave out all from “${(url.search || url.hash).charAt(0)}” on.`,
    );
  const path = url.pathname.replace(/\/+$/, '').replace(KNOWN_ROUTES, '');
  return url.origin + path.replace(/\/+$/, '');
}

function parse(text: string, typed: string): URL {
  const url = URL.parse(text);
  if (!url) throw wrongUse(`“${typed}” is no address of a server: write it like http://localhost:8000.`);
  return url;
}
