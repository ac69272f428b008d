import { isIPv6 } from 'node:net';
import { namesVersion } from '../common/api-path.js';
import type { Scope } from '../common/call-context.js';
import { NotAllowed, type Reader } from './variable.js';

/** Any text. */
export const text: Reader<string> = (value) => value;

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): Reader<number> {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < min || number > max) {
      throw new NotAllowed(`a whole number from ${min} to ${max}`);
    }
    return number;
  };
}

/** A number within bounds, both included. */
export function decimal(min: number, max: number): Reader<number> {
  return (value) => {
    const number = Number(value);
    if (!/^\d+(\.\d+)?$/.test(value) || number < min || number > max) {
      throw new NotAllowed(`a number from ${min} to ${max}`);
    }
    return number;
  };
}

/** Seconds, more than none and at most a day; decimals are allowed. */
export const seconds: Reader<number> = (value) => {
  const number = Number(value);
  if (!/^\d+(\.\d+)?$/.test(value) || number <= 0 || number > 86_400) {
    throw new NotAllowed('seconds, more than 0 and at most 86400');
  }
  return number;
};

/** One of a few words; upper and lower case are the same. */
export function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  return (value) => {
    const found = words.find((word) => word.toLowerCase() === value.toLowerCase());
    if (found === undefined) throw new NotAllowed(`one of ${words.join(', ')}`);
    return found;
  };
}

/** What the service runs for. */
export type NodeEnv = 'development' | 'production' | 'test';

/** What the service runs for, in the words that other services have for it too. */
export const environment: Reader<NodeEnv> = (value) => {
  const word = oneOf('local', 'dev', 'development', 'test', 'prod', 'production')(value);
  if (word === 'prod') return 'production';
  return word === 'local' || word === 'dev' ? 'development' : word;
};

/** true or false. */
export const flag: Reader<boolean> = (value) => oneOf('true', 'false')(value) === 'true';

/** A secret that goes out in a header. */
export const token: Reader<string> = (value) => {
  if (!/^[\x21-\x7e]+$/.test(value)) throw new NotAllowed('printable ASCII characters without spaces');
  return value;
};

/** A host name or address without scheme, port or path; the brackets of an IPv6 address are taken off. */
export const host: Reader<string> = (value) => {
  const address = value.replace(/^\[(.*)\]$/, '$1');
  if (isIPv6(address)) return address;
  if (!/^[\w.-]+$/.test(value)) {
    throw new NotAllowed('a host name or an IP address, without http:// and without a port');
  }
  return value;
};

/** Base addresses of engines, separated by commas; a trailing `/v1` is taken off where it is the only version in them. */
export const urls: Reader<readonly string[]> = (value) =>
  value.split(',').map((part) => baseUrl(part.trim()));

/** One base address, as {@link urls} reads it. */
export const url: Reader<string> = (value) => baseUrl(value.trim());

function baseUrl(value: string): string {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(value)) {
    throw new NotAllowed('one or more addresses like http://gpu-1:30000, separated by commas');
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new NotAllowed(
      'addresses without user, password, query or fragment (the key belongs into ENGINE_API_KEY)',
    );
  }
  const path = url.pathname.replace(/\/+$/, '');
  const root = path.replace(/\/v1$/, '');
  return url.origin + (namesVersion(root) ? path : root);
}

/** What the driver reads of an address behind its question mark; anything else it would pass over in silence. */
const DATABASE_PARAMETERS = [
  ...['host', 'port', 'user', 'password', 'application_name', 'client_encoding', 'options'],
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'uselibpqcompat'],
];

const SSL_MODES = ['disable', 'no-verify', 'prefer', 'require', 'verify-ca', 'verify-full'];

const DATABASE_ADDRESS =
  'an address like postgresql://user:password@host:5432/database, with the signs @ : / # ? % of a user or password written %40 %3A %2F %23 %3F %25';

/** Address of a PostgreSQL database, as psql takes it. */
export const databaseUrl: Reader<string> = (value) => {
  // The host may be missing, as in postgresql:///database?host=/run/postgresql: that is no URL for URL.parse.
  const withHost = value.replace(/^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?=\/)/, '$1localhost');
  const url = URL.parse(withHost);
  if (!url || !/^postgres(ql)?:\/\/[^/?#]*\/[^/?#]+/.test(value) || hasRawSigns(value))
    throw new NotAllowed(DATABASE_ADDRESS);
  const { searchParams } = url;
  const unknown = [...searchParams.keys()].find((name) => !DATABASE_PARAMETERS.includes(name));
  if (unknown !== undefined) {
    // Behind a question mark of a password stands the rest of it.
    if (/\W/.test(unknown)) throw new NotAllowed(DATABASE_ADDRESS);
    throw new NotAllowed(
      `an address without the parameter ${unknown}; there are ${DATABASE_PARAMETERS.join(', ')}`,
    );
  }
  // A typing error in sslmode would be a connection without TLS.
  const sslMode = searchParams.get('sslmode');
  if (sslMode !== null && !SSL_MODES.includes(sslMode)) {
    throw new NotAllowed(`an address whose sslmode is one of ${SSL_MODES.join(', ')}`);
  }
  return value;
};

/** Whether signs of a password end a part of the address, so that the rest of it would be taken for a host or a database. */
function hasRawSigns(value: string): boolean {
  const [, authority = '', path = '', query = ''] = /^\w+:\/\/([^/?#]*)([^?#]*)([^#]*)/.exec(value) ?? [];
  if (value.includes('#') || path.includes('@')) return true;
  return (authority.includes('@') && query.includes('@')) || !isDecodable(value);
}

/** The driver takes a lone % for itself, but not what is encoded and no UTF-8. */
function isDecodable(value: string): boolean {
  try {
    decodeURIComponent(value.replaceAll(/%(?![\da-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}

/** A key that may use the API. */
export interface ApiKey {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly secret: string;
}

/** The shortest secret that is accepted, in characters. */
const MIN_SECRET = 8;

/** `name:scope+scope:secret`, separated by commas; a bare secret is a key for inference. */
export const apiKeys: Reader<readonly ApiKey[]> = (value) => {
  const keys = value.split(',').map((entry, index) => apiKey(entry.trim(), index + 1));
  const names = new Set(keys.map((key) => key.name));
  if (names.size < keys.length) throw new NotAllowed('a list in which every name stands once');
  return keys;
};

function apiKey(entry: string, position: number): ApiKey {
  const parts = entry.split(':');
  const [name, scopes, secret] =
    parts.length === 1
      ? [`key-${position}`, 'inference', entry]
      : [parts[0], parts[1], parts.slice(2).join(':')];
  if (!name || !/^[\w.-]+$/.test(name) || !scopes || !secret) {
    throw new NotAllowed('entries like backend:inference:SECRET, separated by commas (or bare secrets)');
  }
  if (secret.length < MIN_SECRET || !/^[\x21-\x7e]+$/.test(secret)) {
    throw new NotAllowed(
      `a list whose secrets have at least ${MIN_SECRET} printable ASCII characters (entry ${position} has not)`,
    );
  }
  return { name, scopes: scopes.split('+').map(scope), secret };
}

function scope(value: string): Scope {
  if (value === 'inference' || value === 'read' || value === 'admin') return value;
  throw new NotAllowed(
    'a list whose scopes are inference, read or admin, joined by + where a key has several',
  );
}
