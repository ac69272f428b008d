import type { IncomingHttpHeaders } from 'node:http';

/** What is asked of a server. */
export interface WireRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string | undefined;
  /** How often it went out. */
  sent: number;
}

/** What a server sent back. */
export interface WireHead {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

export interface WholeAnswer extends WireHead {
  readonly body: Buffer;
}

/** An answer that comes in pieces. A reader who stops before its end ends the request. */
export interface StreamedAnswer extends WireHead, AsyncIterable<Buffer> {
  /**
   * Reads it to its end, in what is left of the time for one answer.
   * @throws CallFailed where it is no whole answer or too large a one
   */
  whole(): Promise<Buffer>;
  /** Whoever stops reading from now on leaves an end that means nothing: the connection is kept where it comes. */
  leaveEnd(): void;
}
