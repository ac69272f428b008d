import { StringDecoder } from 'node:string_decoder';
import { eventsOf } from './completion-shapes.js';
import { EngineFault } from './engine-fault.js';
import { DONE, readBody } from './wire-body.js';

/** Characters of one line at the most; an event of an engine has a few hundred. */
const MAX_LINE = 2_097_152;

/** Characters of a body's beginning that tell what it is. */
const BEGINNING = 100;

/**
 * Reads server-sent events out of bytes that are cut anywhere, characters included. Only `data` counts, and the name
 * `error`; comments and other fields are skipped
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
 *
 * A body that is a whole reply in JSON reads like the stream that it should have been.
 */
export class EventReader {
  /** What the body began with. */
  beginning = '';
  readonly #decoder = new StringDecoder('utf8');
  /** The line that is not ended yet; of a body in JSON, all of it. */
  #rest = '';
  /** The data of the event that is not ended yet. */
  #data: string | undefined;
  #isError = false;
  #form: 'unknown' | 'events' | 'json' = 'unknown';
  #endedByReturn = false;

  /**
   * @returns the data of the events that these bytes complete
   * @throws EngineFault bad-response for a line without end
   */
  read(bytes: Buffer): string[] {
    const written = this.#decoder.write(bytes);
    const text = this.#form === 'events' ? written : this.#begin(written);
    if (this.#form === 'json') this.#rest += text;
    return this.#form === 'events' ? this.#lines(this.#withLineFeeds(text)) : [];
  }

  /**
   * Says that nothing more comes.
   * @returns the data of the last event, which no blank line has ended, or of all events of a reply in JSON
   */
  end(): string[] {
    if (this.#form === 'json') return this.#eventsOfJson();
    const events: string[] = [];
    this.#line(this.#rest + this.#decoder.end(), events);
    this.#rest = '';
    if (this.#data !== undefined) this.#line('', events);
    return events;
  }

  /** Leaves out what may come before the first line or bracket. */
  #begin(text: string): string {
    if (this.#form === 'json') return text;
    const bare = text.replace(/^[\s\uFEFF]+/, '');
    if (bare === '') return bare;
    this.#form = bare.startsWith('{') ? 'json' : 'events';
    this.beginning = bare.slice(0, BEGINNING);
    return bare;
  }

  /** A line may end with CR LF, LF or CR; the two of the first may come apart. */
  #withLineFeeds(text: string): string {
    if (!this.#endedByReturn && !text.includes('\r')) return text;
    const own = this.#endedByReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') this.#endedByReturn = text.endsWith('\r');
    return own.replaceAll(/\r\n?/g, '\n');
  }

  #lines(written: string): string[] {
    if (!written.includes('\n')) {
      // Nothing is searched twice, however small the pieces of a line are.
      this.#keep(this.#rest + written);
      return [];
    }
    const text = this.#rest + written;
    const events: string[] = [];
    let from = 0;
    let end = text.indexOf('\n', this.#rest.length);
    while (end !== -1) {
      this.#line(text.slice(from, end), events);
      from = end + 1;
      end = text.indexOf('\n', from);
    }
    this.#keep(text.slice(from));
    return events;
  }

  #keep(line: string): void {
    this.#rest = line;
    if (line.length > MAX_LINE) throw new EngineFault('bad-response', { seen: 'a line without end' });
  }

  #line(line: string, events: string[]): void {
    if (line === '') {
      if (this.#data !== undefined) events.push(this.#isError ? asError(this.#data) : this.#data);
      this.#data = undefined;
      this.#isError = false;
    } else if (line.startsWith('data:')) {
      const data = line.slice(line[5] === ' ' ? 6 : 5);
      this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`;
    } else if (line.startsWith('event:')) {
      this.#isError = line.slice('event:'.length).trim() === 'error';
    }
  }

  #eventsOfJson(): string[] {
    const read = readBody(this.#rest);
    if (!read) return [];
    return read.body.choices?.length ? [...eventsOf(read.json, true), DONE] : [read.json];
  }
}

/** An event that is named an error is one, whatever its data says. */
function asError(data: string): string {
  return `{"error":${data.startsWith('{') ? data : JSON.stringify(data)}}`;
}
