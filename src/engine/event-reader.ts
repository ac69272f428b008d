import { StringDecoder } from 'node:string_decoder';
import { EngineFault } from './engine-fault.js';

/** Characters of one line at the most; an event of an engine has a few hundred. */
const MAX_LINE = 2_097_152;

/** What ends every stream of OpenAI's protocol. */
export const DONE = '[DONE]';

/**
 * Reads server-sent events out of bytes that are cut anywhere, characters included. Only `data` counts: comments and
 * other fields are skipped, and an event is one only once the blank line behind it is there
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
 */
export class EventReader {
  readonly #decoder = new StringDecoder('utf8');
  /** The line that is not ended yet. */
  #rest = '';
  /** The data of the event that is not ended yet. */
  #data: string | undefined;

  /**
   * @returns the data of the events that these bytes complete
   * @throws EngineFault bad-response for a line without end
   */
  read(bytes: Buffer): string[] {
    const text = this.#rest + this.#decoder.write(bytes);
    const events: string[] = [];
    let from = 0;
    let end = text.indexOf('\n', this.#rest.length);
    while (end !== -1) {
      this.#line(text.slice(from, text[end - 1] === '\r' ? end - 1 : end), events);
      from = end + 1;
      end = text.indexOf('\n', from);
    }
    this.#rest = text.slice(from);
    if (this.#rest.length > MAX_LINE) throw new EngineFault('bad-response', { seen: 'a line without end' });
    return events;
  }

  #line(line: string, events: string[]): void {
    if (line === '') {
      if (this.#data !== undefined) events.push(this.#data);
      this.#data = undefined;
    } else if (line.startsWith('data:')) {
      const data = line.slice(line[5] === ' ' ? 6 : 5);
      this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`;
    }
  }
}
