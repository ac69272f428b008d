import { graphemesOf } from './graphemes.js';

/** What no message holds: control characters, other than the line's end and the tab. */
const CONTROLS = /[^\P{Cc}\n\t]/gu;

const WORD = /[\p{L}\p{M}\p{N}_]/u;

/** A text that is being written, and the place in it where the next character goes. */
export class EditBuffer {
  #before: string[] = [];
  #after: string[] = [];

  get text(): string {
    return this.#before.join('') + this.#after.join('');
  }

  /** As people count characters. */
  get graphemes(): readonly string[] {
    return [...this.#before, ...this.#after];
  }

  /** How many of them are in front of the cursor. */
  get cursor(): number {
    return this.#before.length;
  }

  /** Replaces all; the cursor goes to the end. */
  set(text: string): void {
    this.#before = [];
    this.#after = [];
    this.insert(text);
  }

  /** Jamo, as macOS hands over what is dropped or pasted, become syllables: that is what models have read. */
  insert(text: string): void {
    const clean = text.replaceAll(/\r\n?/g, '\n').replaceAll(CONTROLS, '');
    // A mark belongs to the character that stands in front of it already.
    const last = this.#before.pop() ?? '';
    this.#before.push(...graphemesOf((last + clean).normalize('NFC')));
  }

  moveTo(cursor: number): void {
    const all = this.graphemes;
    this.#before = all.slice(0, cursor);
    this.#after = all.slice(cursor);
  }

  moveBy(steps: number): void {
    this.moveTo(Math.min(Math.max(this.cursor + steps, 0), this.graphemes.length));
  }

  /** Where the word in front of the cursor begins. */
  get wordStart(): number {
    let at = this.cursor;
    while (at > 0 && !WORD.test(this.#before[at - 1] ?? '')) at--;
    while (at > 0 && WORD.test(this.#before[at - 1] ?? '')) at--;
    return at;
  }

  /** Where the word behind the cursor ends. */
  get wordEnd(): number {
    const all = this.graphemes;
    let at = this.cursor;
    while (at < all.length && !WORD.test(all[at] ?? '')) at++;
    while (at < all.length && WORD.test(all[at] ?? '')) at++;
    return at;
  }

  get lineStart(): number {
    return this.#before.lastIndexOf('\n') + 1;
  }

  get lineEnd(): number {
    const end = this.#after.indexOf('\n');
    return end < 0 ? this.graphemes.length : this.cursor + end;
  }

  /** Takes out what stands between the cursor and this place. */
  deleteTo(place: number): string {
    const all = this.graphemes;
    const from = Math.max(Math.min(place, this.cursor), 0);
    const to = Math.min(Math.max(place, this.cursor), all.length);
    this.#before = all.slice(0, from);
    this.#after = all.slice(to);
    return all.slice(from, to).join('');
  }
}
