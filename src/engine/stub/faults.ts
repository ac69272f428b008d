import type { ScriptedReply } from './scripted-reply.js';

/**
 * How far a reply gets before it breaks off:
 * - `request`: the request was read, nothing was sent;
 * - `headers`: status and headers;
 * - `role`: also a stream's first event, which has no token (a text completion has no such event);
 * - `half`: half of the tokens (of a whole reply: half of its text);
 * - `tokens`: every token, but not the finish (of a whole reply: as `half`). With the reply's `content` scripted,
 *   this breaks off after exactly that text, unless `max_tokens` cuts a text completion, whose last token is in the
 *   same event as the finish.
 */
export type Progress = 'request' | 'headers' | 'role' | 'half' | 'tokens';

/** The model says what the test wants; all else is in order. */
interface ReplyFault extends ScriptedReply {
  kind: 'reply';
}

/** A model that runs away: the text over and over, until the client leaves, an abort, `max_tokens` or the context. */
interface EndlessFault extends ScriptedReply {
  kind: 'endless';
  /** Not empty. */
  text: string;
}

/** An HTTP error, or any other complete response. */
export interface StatusFault {
  kind: 'status';
  status: number;
  headers?: Record<string, string>;
  /**
   * An object is sent as JSON, a text as it is.
   *
   * @default the dialect's error body
   */
  body?: string | object;
}

/** HTTP 200 with an error inside: the body of a whole reply, an event in a stream. */
export interface EngineErrorFault extends ScriptedReply {
  kind: 'engine-error';
  /** @default 500 */
  code?: number;
  /** @default the code's usual sentence */
  message?: string;
  /**
   * How many tokens of a stream come first.
   *
   * @default 0 (not even the role event comes)
   */
  afterTokens?: number;
}

/** How a connection ends when it does not end in order. */
type BreakOff =
  /** A TCP reset. */
  | 'reset'
  /** It closes as if the engine died. */
  | 'hang-up'
  /** The engine closes its sending half alone, and waits for the client to close the other. */
  | 'half-close'
  /** Silence until the client leaves or the server closes: an abort does not wake a frozen engine. */
  | 'stall';

/** A reply that breaks off on its way. */
export interface BreakOffFault extends ScriptedReply {
  kind: BreakOff;
  after: Progress;
}

/** An ordinary reply, later; with its headers, as in an engine with a long queue. */
interface DelayFault extends ScriptedReply {
  kind: 'delay';
  ms: number;
}

/** An ordinary reply, its body a few bytes at a time: characters and events are torn apart. */
interface DripFault extends ScriptedReply {
  kind: 'drip';
  everyMs: number;
  /** @default 1 */
  bytes?: number;
}

/** A 200 with a proxy's web page. */
interface HtmlFault {
  kind: 'html';
}

/** A 307 to another address. */
interface RedirectFault {
  kind: 'redirect';
  location: string;
}

/** A valid reply that goes on for this many bytes. The stub itself never holds more than a piece of it. */
export interface HugeFault {
  kind: 'huge';
  bytes: number;
}

/** A body that ends cleanly, but too early: a stream without these events, a whole reply with half of its JSON. */
export interface CutFault extends ScriptedReply {
  kind: 'cut';
  missing: 'done' | 'finish' | 'both';
}

/**
 * An ordinary reply whose text is rewritten on its way out: other line ends, comments, garbage, other values.
 *
 * @example
 * // Every event after a comment, in lines that end as Windows ends them.
 * { kind: 'rewrite', replace: [['data: ', ': ping\ndata: '], ['\n', '\r\n']] }
 */
export interface RewriteFault extends ScriptedReply {
  kind: 'rewrite';
  /** In every event, or in a whole body, each text on the left becomes the one on its right, one pair after the other. */
  replace: [from: string, to: string][];
  /** Added to the reply's headers, or in their place. */
  headers?: Record<string, string>;
  /** How the body is compressed on its way, whatever the client accepts: each event of a stream can be read at once. */
  coding?: 'gzip' | 'deflate' | 'br';
}

/** A piece of a raw body: a text, any bytes, a text many times over, or a silence. */
export type RawPiece = string | { base64: string } | { repeat: string; times: number } | { pauseMs: number };

/** These bytes and no others as the body, each piece handed to the network before the next one. */
export interface RawFault {
  kind: 'raw';
  body: RawPiece[];
  /**
   * Whether the pieces are all that is sent, status line, headers and chunk lengths included.
   *
   * @default false
   */
  bare?: boolean;
  /** @default 200 */
  status?: number;
  /** @default the content type that the client expects */
  headers?: Record<string, string>;
  /** @default in order; after `bare` pieces the connection closes */
  ending?: BreakOff;
}

/** What the stub does with one request instead of answering it in the ordinary way. */
export type Fault =
  | ReplyFault
  | EndlessFault
  | StatusFault
  | EngineErrorFault
  | BreakOffFault
  | DelayFault
  | DripFault
  | HtmlFault
  | RedirectFault
  | HugeFault
  | CutFault
  | RewriteFault
  | RawFault;

const KINDS: Record<Fault['kind'], true> = {
  reply: true,
  endless: true,
  status: true,
  'engine-error': true,
  reset: true,
  'hang-up': true,
  'half-close': true,
  stall: true,
  delay: true,
  drip: true,
  html: true,
  redirect: true,
  huge: true,
  cut: true,
  rewrite: true,
  raw: true,
};

/** Whether a script from outside names only known faults. Their fields are taken on trust. */
export function isScript(value: unknown): value is Fault[] {
  return Array.isArray(value) && value.every(isFault);
}

function isFault(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    typeof value.kind === 'string' &&
    Object.hasOwn(KINDS, value.kind)
  );
}
