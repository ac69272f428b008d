import type { FieldError } from '../../common/errors.js';
import { type JsonLeaf, JsonReader } from '../../schema/json-reader.js';
import type { Block, TextFilter, TextPlace } from '../../text/text-filter.js';
import type { TextFilters } from '../../text/text-filters.js';
import type { StructuredShape } from '../define-task.js';

/** Where the events of a stream go. */
export interface FieldSink {
  /** The next characters of a text. */
  delta(path: string, text: string): void;
  /** A leaf with its whole value. */
  done(path: string, value: unknown): void;
  /**
   * All that was sent is void.
   * @param isSameTry whether the engine's reply that is being read goes on
   */
  reset(reason: string, isSameTry: boolean): void;
}

/** What a reply that broke off leaves behind and what can no longer change. */
export interface Standing {
  /** Fields with their final values. */
  readonly kept: Readonly<Record<string, unknown>>;
  /** Text fields of which a part was sent, and that part: one, where the engine keeps to the order of the fields. */
  readonly begun: Readonly<Record<string, string>>;
}

const NOTHING: Standing = { kept: {}, begun: {} };

/**
 * Sends a structured reply field by field while the engine writes it, and knows what was sent: that may be taken back
 * until the first word of the task's spoken field, and never after it.
 */
export class FieldStream {
  readonly #fields: ReadonlySet<string>;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #spokenPath: string | undefined;
  /** Leaves that the engine has completed, sent or not. */
  readonly #leaves = new Map<string, unknown>();
  /** Of each text that is not complete, what was sent. */
  readonly #sent = new Map<string, string>();
  #standing = NOTHING;
  /** What the text that the engine writes now passes. */
  #filter: TextFilter | undefined;
  /** That text so far, filtered. */
  #own = '';
  #block: Block | undefined;
  #refused: readonly FieldError[] = [];
  #isCut = false;
  #hasSent = false;
  #isSpoken = false;
  /** Whether the engine has said nothing yet in the try that runs. */
  #isFresh = true;
  #reader = this.#newReader();

  /**
   * @param filters what every text passes before it is sent
   * @param only top-level fields that are sent; undefined: all
   */
  constructor(
    private readonly task: StructuredShape,
    private readonly sink: FieldSink,
    private readonly filters: TextFilters,
    only: readonly string[] | undefined,
  ) {
    this.#fields = new Set(Object.keys(task.schema.grammar.properties ?? {}));
    this.#wanted = only && new Set(only);
    this.#spokenPath = task.spoken && `/${task.spoken}`;
  }

  /** Whether a word of the spoken field was sent: from then on nothing sent may change. */
  get isSpoken(): boolean {
    return this.#isSpoken;
  }

  /** Why a text of the reply must not go out; nothing of the reply is sent after it. */
  get block(): Block | undefined {
    return this.#block;
  }

  /** What the schema refuses in a value that is complete; nothing of the reply is sent after it. */
  get refused(): readonly FieldError[] {
    return this.#refused;
  }

  /** Whether it is the spoken field that was stopped, after a part of it had gone out: it ends there. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /**
   * Takes the next piece of the engine's text.
   * @returns whether the rest of the reply is of any use
   */
  write(piece: string): boolean {
    this.#isFresh = false;
    this.#reader.write(piece);
    return !this.#isOver;
  }

  /** Which text it is, by its JSON pointer. */
  placeOf(path: string): TextPlace {
    return { path, kind: 'answer', isSpoken: path === this.#spokenPath };
  }

  /**
   * Takes back what was sent, where that is still possible, so that the same can be asked once more.
   * @param isSameTry whether the reply that is being read goes on
   * @returns whether it can; also where something is spoken, as long as the engine has added nothing to it
   */
  takeBack(reason: string, isSameTry = false): boolean {
    if (this.#isSpoken) return this.#isFresh;
    if (this.#hasSent) this.sink.reset(reason, isSameTry);
    this.#hasSent = false;
    this.#leaves.clear();
    this.#sent.clear();
    this.#reader = this.#newReader();
    return true;
  }

  /**
   * What stands of a reply that cannot be used as it is, for a next one that brings the rest.
   * @param errors what is wrong with fields of it
   * @returns nothing where something wrong was sent already
   */
  keep(errors: readonly FieldError[]): Standing | undefined {
    if (this.#isCut && this.#spokenPath !== undefined) {
      this.#leaf(this.#spokenPath, this.#sent.get(this.#spokenPath) ?? '');
    }
    const kept: Record<string, unknown> = {};
    const wrong = new Set(errors.map(({ path }) => path.split('/')[1] ?? ''));
    for (const field of this.#fields) {
      const path = `/${field}`;
      if (!this.#leaves.has(path)) continue;
      if (!wrong.has(field)) kept[field] = this.#leaves.get(path);
      else if (this.#isWanted(path)) return undefined;
      else this.#leaves.delete(path);
    }
    const begun = [...this.#sent].map(([path, text]) => [path.slice(1), text]);
    this.#standing = { kept, begun: Object.fromEntries(begun) as Standing['begun'] };
    this.#reader = this.#newReader();
    return this.#standing;
  }

  /** Merges the fields that stand with a reply that contains the rest. */
  merge(value: unknown): unknown {
    const { kept, begun } = this.#standing;
    if (this.#standing === NOTHING || typeof value !== 'object' || value === null) return value;
    const merged: Record<string, unknown> = { ...value, ...kept };
    for (const [field, text] of Object.entries(begun)) {
      const rest = merged[field];
      if (typeof rest === 'string') merged[field] = joined(text, rest);
    }
    return merged;
  }

  /**
   * Sends what of the final value was not sent yet.
   * @returns false where something else was sent and spoken
   */
  finish(value: unknown): boolean {
    if (this.#agrees('', value)) return true;
    if (!this.takeBack('The reply had to be read again as a whole.', true)) return false;
    return this.#agrees('', value);
  }

  /** Walks the value and completes what was sent; stops at the first contradiction. */
  #agrees(path: string, value: unknown): boolean {
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      if (entries.length > 0) {
        return entries.every(([key, own]) => this.#agrees(`${path}/${escapePointer(key)}`, own));
      }
    } else if (this.#leaves.has(path)) {
      return Object.is(this.#leaves.get(path), value);
    }
    if (this.#leaves.has(path)) return true;
    const sent = this.#sent.get(path) ?? '';
    if (sent !== '' && !(typeof value === 'string' && value.startsWith(sent))) return false;
    if (typeof value === 'string') this.#textUpTo(path, value);
    this.#leaf(path, value);
    return true;
  }

  #newReader(): JsonReader {
    this.#isFresh = true;
    this.#block = undefined;
    this.#refused = [];
    this.#isCut = false;
    this.#newText();
    return new JsonReader({
      text: (path, text) => {
        if (!this.#isOpen(path)) return;
        this.#filter ??= this.filters.open(this.placeOf(path));
        this.#textFromEngine(path, this.#filter.write(text));
        this.#stopAt(path, this.#filter.block);
      },
      leaf: (path, value) => {
        if (!this.#isOver) this.#check(path, value);
        if (this.#isOpen(path)) this.#leafFromEngine(path, value);
        this.#newText();
      },
    });
  }

  /** Refuses a leaf that no valid reply can have. One that stands already is not taken from this reply. */
  #check(path: string, value: JsonLeaf): void {
    const { kept, begun } = this.#standing;
    // An empty object adds nothing to what stands, which only the check of the whole sees together.
    if (path === '' && this.#standing !== NOTHING) return;
    const field = fieldOf(path);
    if (field in kept) return;
    const text = begun[field];
    const said = this.filters.restored(value);
    const isRest = text !== undefined && typeof said === 'string';
    this.#refused = this.task.schema.checkLeaf(path, isRest ? joined(text, said) : said);
    // A text whose pieces were sent is as good as sent whole.
    if (this.#refused.length > 0 && this.#sent.has(path)) this.#leaves.set(path, value);
  }

  #newText(): void {
    this.#filter = undefined;
    this.#own = '';
  }

  #stopAt(path: string, block: Block | undefined): void {
    if (!block) return;
    this.#block = block;
    this.#isCut = path === this.#spokenPath && (this.#sent.get(path) ?? '') !== '';
  }

  #textFromEngine(path: string, text: string): void {
    const begun = this.#standing.begun[path.slice(1)];
    this.#own += text;
    if (begun === undefined) this.#text(path, text);
    // As long as it repeats what was begun, it may be that anew.
    else if (!begun.startsWith(this.#own)) this.#textUpTo(path, joined(begun, this.#own));
  }

  #leafFromEngine(path: string, value: JsonLeaf): void {
    const begun = this.#standing.begun[path.slice(1)];
    if (typeof value !== 'string') {
      if (begun === undefined) this.#leaf(path, value);
      return;
    }
    const own = this.#own + (this.#filter?.end() ?? '');
    const whole = begun === undefined ? own : joined(begun, own);
    this.#textUpTo(path, whole);
    this.#stopAt(path, this.#filter?.block);
    if (!this.#block) this.#leaf(path, whole);
  }

  /** Sends what of a text was not sent yet. */
  #textUpTo(path: string, whole: string): void {
    this.#text(path, whole.slice(this.#sent.get(path)?.length ?? 0));
  }

  #text(path: string, text: string): void {
    if (text === '' || !this.#isWanted(path)) return;
    if (path === this.#spokenPath) this.#isSpoken = true;
    this.#hasSent = true;
    this.#sent.set(path, (this.#sent.get(path) ?? '') + text);
    this.sink.delta(path, text);
  }

  #leaf(path: string, value: unknown): void {
    this.#leaves.set(path, value);
    this.#sent.delete(path);
    if (!this.#isWanted(path)) return;
    this.#hasSent = true;
    this.sink.done(path, value);
  }

  /** Whether the engine may say something there: a field of the reply that does not stand already. */
  #isOpen(path: string): boolean {
    if (this.#isOver) return false;
    const field = fieldOf(path);
    // The fields of a reply that is spoken hold no others (defineTask).
    const isPlace = this.#spokenPath === undefined || path.length === field.length + 1;
    return isPlace && this.#fields.has(field) && !(field in this.#standing.kept);
  }

  /** Whether the rest of the reply is of no use. */
  get #isOver(): boolean {
    return this.#block !== undefined || this.#refused.length > 0;
  }

  #isWanted(path: string): boolean {
    return this.#wanted?.has(fieldOf(path)) ?? true;
  }
}

/** The top-level field that a path leads into. */
function fieldOf(path: string): string {
  const end = path.indexOf('/', 1);
  return path.slice(1, end === -1 ? undefined : end);
}

/** A model that was asked for the rest of a text sometimes begins it anew. */
function joined(begun: string, rest: string): string {
  return rest.startsWith(begun) ? rest : begun + rest;
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
