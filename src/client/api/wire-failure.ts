import { CallFailed } from './call-failed.js';
import { quoted } from './server-words.js';

const LOST = 'Ask again; if it persists, read the server’s log.';
const OTHER_ADDRESS = 'Start the server, or name another one with --url or LLM_SERVICE_URL.';

const NO_FILES =
  'cannot be connected to: this process may open no more files. Ask fewer at once with --concurrent, or allow more with `ulimit -n`.';

/** What is said of a failure on the wire, after the server's address; and whether it may pass by itself. */
interface Saying {
  readonly says: string;
  readonly passing: boolean;
}

const passing = (says: string): Saying => ({ says, passing: true });
const lasting = (says: string): Saying => ({ says, passing: false });

const UNTRUSTED = lasting(
  'has a certificate of no authority that this machine trusts. Give Node.js that authority with NODE_EXTRA_CA_CERTS=/path/to/ca.pem.',
);
const PLAIN = lasting('speaks plain HTTP, not HTTPS: write http:// instead of https://.');

/** By the codes of Node.js, OpenSSL and undici. */
const SAYINGS: Readonly<Record<string, Saying>> = {
  ECONNREFUSED: passing(`does not answer (connection refused). ${OTHER_ADDRESS}`),
  ENOTFOUND: lasting('names a host that does not exist: check its spelling in --url or LLM_SERVICE_URL.'),
  EAI_AGAIN: passing('could not be looked up by name: check the network of this machine.'),
  EHOSTUNREACH: passing(`cannot be reached (no route to the host). ${OTHER_ADDRESS}`),
  ENETUNREACH: passing(`cannot be reached (no route to the network). ${OTHER_ADDRESS}`),
  ETIMEDOUT: passing(`does not answer (the connection timed out). ${OTHER_ADDRESS}`),
  UND_ERR_CONNECT_TIMEOUT: passing(`does not answer (the connection timed out). ${OTHER_ADDRESS}`),
  ECONNRESET: passing(`broke the connection before its answer was whole. ${LOST}`),
  EPIPE: passing(`broke the connection before its answer was whole. ${LOST}`),
  UND_ERR_SOCKET: passing(`closed the connection before its answer was whole. ${LOST}`),
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: passing(`closed the connection before its answer was whole. ${LOST}`),
  HPE_INVALID_EOF_STATE: passing(`closed the connection before its answer was whole. ${LOST}`),
  EMFILE: passing(NO_FILES),
  ENFILE: passing(NO_FILES),
  EADDRNOTAVAIL: passing(
    'cannot be connected to: this machine has no port left. Ask fewer at once with --concurrent.',
  ),
  CERT_HAS_EXPIRED: lasting(
    'has a certificate that has expired: renew it there, or set the clock of this machine.',
  ),
  CERT_NOT_YET_VALID: lasting('has a certificate that is not valid yet: set the clock of this machine.'),
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  ERR_SSL_WRONG_VERSION_NUMBER: PLAIN,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: PLAIN,
};

/** First bytes of a record of TLS that is an alert. */
const TLS_ALERT = '\x15\x03';

/** Codes of a connection that closes without a word, as one does that expected TLS. */
const SILENT: readonly string[] = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/**
 * Makes a failed call of what the wire threw.
 * @param isKnown whether this address has ever answered
 */
export function failureOfWire(error: Error, root: string, isKnown: boolean): CallFailed {
  if (error instanceof CallFailed) return error;
  const code = codeOf(error);
  const options = { cause: error };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new CallFailed(
      'unreachable',
      `${root} has a certificate for ${namesOf(error)}: use that name in --url.`,
      {},
      options,
    );
  if (code.startsWith('HPE_') && speaksTls(error))
    return new CallFailed(
      'unreachable',
      `${root} speaks HTTPS, not plain HTTP: write https:// instead of http://.`,
      {},
      options,
    );
  const saying = SAYINGS[code];
  const hint =
    !isKnown && root.startsWith('http:') && SILENT.includes(code)
      ? ' If it speaks HTTPS, write https:// instead of http://.'
      : '';
  if (saying)
    return new CallFailed(
      'unreachable',
      `${root} ${saying.says}${hint}`,
      { passing: saying.passing },
      options,
    );
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW')
    return new CallFailed(
      'not_understood',
      `${root} answered with something that is not HTTP: is this the address of LLM Service or of a server with OpenAI’s API?`,
      {},
      options,
    );
  return new CallFailed(
    'unreachable',
    `${root} could not be asked: ${quoted(error.message)}${code && ` (${code})`}. ${whereToLook(code)}`,
    {},
    options,
  );
}

/** Codes of Node.js and undici mean a fault on this side of the wire, those of OpenSSL one in between. */
function whereToLook(code: string): string {
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_'))
    return 'Check https:// in --url, and which versions and certificates of TLS the server takes.';
  if (code.startsWith('ERR_') || code.startsWith('UND_ERR_'))
    return 'The fault is in this client, not in the server: report it with what --verbose says.';
  return LOST;
}

/** The code of the error or of the nearest cause that has one. */
function codeOf(error: Error): string {
  let cause: unknown = error;
  while (typeof cause === 'object' && cause !== null) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
    cause = 'cause' in cause ? cause.cause : undefined;
  }
  return '';
}

function namesOf(error: Error): string {
  const { subjectaltname } = (error as { cert?: { subjectaltname?: string } }).cert ?? {};
  const names = subjectaltname?.replace(/\b(DNS|IP Address):/g, '').trim();
  return names ?? 'another name';
}

function speaksTls(error: Error): boolean {
  return 'data' in error && typeof error.data === 'string' && error.data.startsWith(TLS_ALERT);
}
