import type { ScriptedReply } from './scripted-reply.js';

/** One piece of a reply's body: the whole JSON text or one event of a stream. */
export interface Part {
  name: 'whole' | 'role' | 'delta' | 'finish' | 'usage' | 'done';
  text: string;
}

/** An ordinary reply to one request. */
export interface Reply {
  /** Its body, generated as it is read. */
  parts: Iterable<Part> | AsyncIterable<Part>;
  /** How many of the parts of a stream are tokens. */
  tokenCount: number;
}

/** A valid reply that can be made as long as one likes by repeating its middle. */
export interface HugeReply {
  head: string;
  piece: string;
  tail: string;
}

/** What answers a checked request, whichever route it came by. */
export interface Speaker {
  readonly stream: boolean;
  /** The ids by which the reply, or a choice of it, can be aborted: one for each sequence that the engine runs. */
  readonly ids: readonly string[];
  /** Throws the refusals that only this engine makes, for a request whose values are right. */
  check(): void;
  /** Ends the choice with this id early. */
  abort(id: string): void;
  reply(script: ScriptedReply): Reply;
  hugeReply(): Promise<HugeReply>;
}

export const DONE = 'data: [DONE]\n\n';

/** An event of a stream. */
export function event(name: Part['name'], chunk: object): Part {
  return { name, text: `data: ${JSON.stringify(chunk)}\n\n` };
}
