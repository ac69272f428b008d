import { expect } from '@jest/globals';
import type { FieldSink } from '../../src/pipeline/out/field-stream.js';

/** The leaves of a value by their JSON pointers. */
function leavesOf(value: unknown, path = ''): [string, unknown][] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) return [[path, value]];
  return entries.flatMap(([key, own]) =>
    leavesOf(own, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}

/** What a caller knows of a structured stream. Throws where an event breaks what the stream promises. */
export class Hearing implements FieldSink {
  /** How often what had been sent became void. */
  resets = 0;
  readonly #texts = new Map<string, string>();
  readonly #values = new Map<string, unknown>();

  /** @param spoken field that is never taken back once it has begun */
  constructor(private readonly spoken: string | undefined) {}

  /** The text of a field so far. */
  text(field: string): string {
    return this.#texts.get(`/${field}`) ?? '';
  }

  delta(path: string, text: string): void {
    if (text === '' || !text.isWellFormed()) throw new Error(`${path} goes on with ${JSON.stringify(text)}`);
    if (this.#values.has(path)) throw new Error(`${path} goes on behind its end`);
    this.#texts.set(path, (this.#texts.get(path) ?? '') + text);
  }

  done(path: string, value: unknown): void {
    const text = this.#texts.get(path);
    if (this.#values.has(path)) throw new Error(`${path} ends twice`);
    if ((text ?? '') !== (typeof value === 'string' ? value : '')) {
      throw new Error(`${path} is ${JSON.stringify(value)} and was ${JSON.stringify(text)} in parts`);
    }
    this.#values.set(path, value);
  }

  reset(reason: string): void {
    if (this.spoken !== undefined && this.text(this.spoken) !== '')
      throw new Error('What was spoken is void');
    if (this.#texts.size + this.#values.size === 0) throw new Error('Nothing is void');
    expect(reason).toMatch(/^[A-Z].*\.$/s);
    this.resets++;
    this.#texts.clear();
    this.#values.clear();
  }

  /** Expects that exactly the leaves of this reply were sent, each to its end. */
  expectAll(reply: unknown): void {
    expect(this.#values).toEqual(new Map(leavesOf(reply)));
    for (const path of this.#texts.keys()) expect(this.#values.has(path)).toBe(true);
  }
}
