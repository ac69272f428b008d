import type { Dialect } from './dialect.js';
import type { Exchange } from './exchange.js';
import type { Refusal } from './refusal.js';
import type { ScriptedReply } from './scripted-reply.js';
import { DONE, type Reply, type Speaker } from './speaker.js';

/** One request and the way its reply goes out. */
export class Turn {
  /** Added to an ordinary reply's headers, or in their place. */
  extraHeaders: Record<string, string> = {};

  constructor(
    readonly exchange: Exchange,
    readonly speaker: Speaker,
    readonly dialect: Dialect,
    private readonly path: string,
  ) {}

  get stream(): boolean {
    return this.speaker.stream;
  }

  get contentType(): string {
    return this.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
  }

  /** Answers in the ordinary way. */
  sendReply(script: ScriptedReply): Promise<void> {
    return this.send(this.speaker.reply(script).parts);
  }

  /** Sends a reply as it is generated. The headers come with the first token, not before, as in SGLang. */
  async send(parts: Reply['parts']): Promise<void> {
    let begun = false;
    for await (const { text } of parts) {
      if (!begun) this.begin(text);
      begun = true;
      await this.exchange.write(text);
    }
    this.exchange.end();
  }

  /** From now on sends bodies compressed. */
  compress(coding: 'gzip' | 'deflate' | 'br'): void {
    this.extraHeaders = { ...this.extraHeaders, 'content-encoding': coding };
    this.exchange.compress(coding);
  }

  /** Sends a reply's headers; a whole reply's tell its length, where that is known. */
  begin(wholeBody: string): void {
    const isLengthKnown = !this.stream && !('content-encoding' in this.extraHeaders);
    const length = isLengthKnown ? { 'content-length': Buffer.byteLength(wholeBody) } : {};
    this.exchange.begin(200, { ...length, 'content-type': this.contentType, ...this.extraHeaders });
  }

  /** Refuses the request; what the scheduler refuses, a stream's client learns inside a 200. */
  async refuse(refusal: Refusal): Promise<void> {
    if (refusal.late && this.stream) return this.sendErrorEvent(refusal);
    this.respondError(refusal.status, refusal);
  }

  /** Ends a stream, begun or not, with an error event. */
  async sendErrorEvent(refusal: Refusal, begun = false): Promise<void> {
    if (!begun) this.begin('');
    await this.exchange.write(`data: ${this.dialect.errorEvent(refusal)}\n\n${DONE}`);
    this.exchange.end();
  }

  respondError(status: number, refusal: Refusal, headers: Record<string, string> = {}): void {
    this.respondJson(status, this.dialect.errorBody(refusal, this.path), headers);
  }

  respondJson(status: number, body: object, headers: Record<string, string> = {}): void {
    this.exchange.respond(status, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
  }
}
