import { RE2JS } from 're2js';
import type { LinearPattern } from './caller-node.js';

/** Characters that a pattern may have; those that people write for names, codes and numbers have some fifty. */
const MAX_LENGTH = 256;

/** Times that a part may be repeated by count; engines and RE2 write every repetition out. */
const MAX_REPETITION = 100;

/** Instructions of all patterns of one schema; a thousand take some milliseconds to compile. */
const MAX_STATES = 1000;

/**
 * Instructions of those patterns of one schema that are sent. With a vocabulary of 150,000 tokens xgrammar compiles plain
 * ones in 0.01 s (`^[A-Z]{3}-\d{4}$`) to 0.2 s (`^[a-z0-9]{1,24}$`), and the worst of so many instructions in some 4 s.
 */
const MAX_SENT_STATES = 64;

/** Constructs that a pattern may be made of and mean the same to JavaScript and RE2; counts are looked at besides. */
const PARTS =
  /\\(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[dDsSwWbBfnrtvpP0-9]|[^A-Za-z0-9])|\{(\d+)(?:,(\d*))?\}|[^\\]/gsu;

/** Reads a pattern to run on RE2, whose time is linear in the text: no pattern can hold us up. */
function readPattern(pattern: string): LinearPattern | string {
  if (pattern.length > MAX_LENGTH)
    return `must have at most ${MAX_LENGTH} characters: longer ones hold up the engine`;
  if (!isJavaScript(pattern)) return 'must be a regular expression as JavaScript and JSON Schema write it';
  const counts = [...pattern.matchAll(PARTS)].flatMap(([, from, to]) => [Number(from ?? 0), Number(to ?? 0)]);
  if (Math.max(0, ...counts) > MAX_REPETITION) {
    return `must not repeat a part more than ${MAX_REPETITION} times: engines write every repetition out`;
  }
  try {
    const source = RE2JS.translateRegExp(pattern);
    return { source, states: RE2JS.compile(source).programSize() };
  } catch {
    return 'must do without lookaround, back references and the like: they take exponential time, and engines ignore them';
  }
}

function isJavaScript(pattern: string): boolean {
  // RE2 reads [[:alpha:]] as a class of letters, JavaScript as something else.
  if (pattern.includes('[[:') || pattern.replaceAll(PARTS, '') !== '') return false;
  return compiles(pattern, 'u') || compiles(pattern, '');
}

function compiles(pattern: string, flags: string): boolean {
  try {
    new RegExp(pattern, flags);
    return true;
  } catch {
    return false;
  }
}

/** What may stand between `^` and `$` in a pattern that goes to an engine. */
const PLAIN =
  /^\^(?:\\(?:[dDsSwW]|u(?!00[0-7])[0-9a-fA-F]{4}|[^A-Za-z0-9"\\])|\[\^?|\(\?:|\((?!\?)|\{\d+(?:,\d*)?\}|[^\\[({"^$\p{Cc}])*\$$/u;

/** A group that is repeated: `^(?:.?){1,45}$`, 137 instructions, takes xgrammar more than 25 s. */
const REPEATED_GROUP = /\)[*+{]/;

/**
 * Whether the grammars of the engines do what a pattern says, in bearable time. They match it against the whole text, so
 * it must be anchored at both ends; they know neither `\b` nor `\p{…}`; and a quote, a backslash or a control character
 * named in it would stand in the reply without an escape, which is no JSON (xgrammar 0.2.7 and 0.2.8).
 */
function isPlain(pattern: string): boolean {
  return PLAIN.test(pattern) && !REPEATED_GROUP.test(pattern);
}

/** The patterns of one schema: what all of them may cost together. */
export class PatternBudget {
  #states = 0;
  #sentStates = 0;

  /** @returns the pattern, or what is wrong with it; the words go on from its name */
  take(pattern: string): LinearPattern | string {
    const read = readPattern(pattern);
    if (typeof read === 'string') return read;
    if (this.#states + read.states > MAX_STATES)
      return 'must be simpler: all patterns together are too costly';
    this.#states += read.states;
    return read;
  }

  /** Whether a pattern that was taken may go to an engine, too. */
  send(pattern: string, { states }: LinearPattern): boolean {
    if (!isPlain(pattern) || this.#sentStates + states > MAX_SENT_STATES) return false;
    this.#sentStates += states;
    return true;
  }
}

/** Runs the patterns of one check. They are compiled for it and forgotten: one can hold 8 MB of what it has seen. */
export class PatternRunner {
  readonly #compiled = new Map<string, RE2JS>();

  /** Whether the pattern occurs in a text. */
  occurs({ source }: LinearPattern, text: string): boolean {
    let compiled = this.#compiled.get(source);
    if (!compiled) this.#compiled.set(source, (compiled = RE2JS.compile(source)));
    return compiled.test(text);
  }
}
