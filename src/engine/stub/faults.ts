import type { ScriptedReply } from './generation.js';

/**
 * How far a reply gets before it breaks off:
 * - `request`: the request was read, nothing was sent;
 * - `headers`: status and headers;
 * - `role`: also a stream's first event, which has no token;
 * - `half`: half of the tokens (of a whole reply: half of its text);
 * - `tokens`: every token, but not the finish (of a whole reply: as `half`). With the reply's `content` scripted,
 *   this breaks off after exactly that text.
 */
export type Progress = 'request' | 'headers' | 'role' | 'half' | 'tokens';

/** The model says what the test wants; all else is in order. */
interface ReplyFault extends ScriptedReply {
  kind: 'reply';
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

/** The connection ends by a TCP reset (`reset`), or closes as if the engine died (`hang-up`). */
export interface BreakOffFault extends ScriptedReply {
  kind: 'reset' | 'hang-up';
  after: Progress;
}

/** Silence until the client leaves or the server closes: an abort does not wake a frozen engine. */
export interface StallFault extends ScriptedReply {
  kind: 'stall';
  after: Progress;
}

/** An ordinary reply, later. */
interface DelayFault extends ScriptedReply {
  kind: 'delay';
  ms: number;
}

/** An ordinary reply, one byte at a time. */
interface DripFault extends ScriptedReply {
  kind: 'drip';
  everyMs: number;
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

/** These bytes and no others as the body, each piece written on its own. */
export interface RawFault {
  kind: 'raw';
  body: (string | { base64: string })[];
  /** @default 200 */
  status?: number;
  /** @default the content type that the client expects */
  headers?: Record<string, string>;
}

/** What the stub does with one chat request instead of answering it in the ordinary way. */
export type Fault =
  | ReplyFault
  | StatusFault
  | EngineErrorFault
  | BreakOffFault
  | StallFault
  | DelayFault
  | DripFault
  | HtmlFault
  | RedirectFault
  | HugeFault
  | CutFault
  | RawFault;

const KINDS: Record<Fault['kind'], true> = {
  reply: true,
  status: true,
  'engine-error': true,
  reset: true,
  'hang-up': true,
  stall: true,
  delay: true,
  drip: true,
  html: true,
  redirect: true,
  huge: true,
  cut: true,
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
