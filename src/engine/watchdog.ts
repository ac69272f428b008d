/** Why a reply can only come from a model that runs away. */
export type RunawayReason = 'blanks' | 'digits' | 'loop' | 'oversize' | 'reasoning';

/** What a reply may cost at the most. */
export interface WatchBounds {
  /** Tokens that the reply may have. */
  readonly maxTokens: number;
  /** Tokens that its reasoning may have. */
  readonly reasoningTokens: number;
}

/**
 * White space in a row. JSON that is indented 12 levels deep has 24 blanks, a wide table some dozens; a model that a
 * grammar lets write blanks for ever has no end.
 */
const MOST_BLANKS = 200;

/** Digits in a row, a point ends the row. A number of 64 bits has 20, one of 256 bits 78. */
const MOST_DIGITS = 100;

/**
 * UTF-8 bytes of a token, on the average of a text. Prose has about 4; lines that are little but indentation come near
 * 14, because a run of blanks is one token.
 */
const BYTES_A_TOKEN = 16;

/** Bytes that any text may have: the average of a few tokens says nothing, one may be a long word or a ruled line. */
const BYTES_OF_ANY = 4096;

/** UTF-16 units of what is repeated: a paragraph. Engines' known loops repeat a character, a phrase or a sentence. */
const LONGEST_PERIOD = 400;

/** Times in a row that the same must have been said. A refrain comes 5 times, and not in a row. */
const FEWEST_REPEATS = 10;

/** UTF-16 units of a loop at the least, so that ruled lines, laughter and a list of equal short items are none. */
const SHORTEST_LOOP = 1000;

/** UTF-16 units that a look for loops needs to see. */
const WINDOW = LONGEST_PERIOD * FEWEST_REPEATS;

/** UTF-16 units between two looks for loops: one or two hundred tokens, the price of a loop beyond its bound. */
const LOOK_EVERY = 256;

/**
 * Watches the text that an engine streams and says when it can only be a model that runs away: engines were seen to
 * stream blanks, digits or one sentence without end, at the full price of their tokens and of the caller's time.
 *
 * What it says of a text does not depend on the pieces in which the text comes. Once it has given a reason, the reply
 * is over, and it is asked no more. A caller who asks for a thousand equal letters is broken off too.
 */
export class Watchdog {
  readonly #content: TextWatch;
  readonly #reasoning: TextWatch;
  readonly #reasoningTokens: number;
  #reasoned = 0;

  constructor({ maxTokens, reasoningTokens }: WatchBounds) {
    this.#content = new TextWatch(maxTokens, 'oversize');
    this.#reasoning = new TextWatch(reasoningTokens, 'reasoning');
    this.#reasoningTokens = reasoningTokens;
  }

  /**
   * Takes the next piece of the reply.
   *
   * @returns why the reply must be broken off, if it must
   */
  content(piece: string): RunawayReason | undefined {
    return this.#content.take(piece);
  }

  /**
   * Takes the next piece of the reasoning.
   *
   * @param tokensSoFar the engine's own count, where it tells one; a piece is one token at the least
   * @returns why the reply must be broken off, if it must
   */
  reasoning(piece: string, tokensSoFar = 0): RunawayReason | undefined {
    this.#reasoned = Math.max(this.#reasoned + 1, tokensSoFar);
    const reason = this.#reasoning.take(piece);
    return reason ?? (this.#reasoned > this.#reasoningTokens ? 'reasoning' : undefined);
  }
}

/** Watches one text. It keeps the last {@link WINDOW} units and three numbers, however long the text is. */
class TextWatch {
  readonly #maxBytes: number;
  #bytes = 0;
  #blanks = 0;
  #digits = 0;
  /** The end of the text, for the next look for loops. */
  #tail = '';
  #untilLook = LOOK_EVERY;

  constructor(
    maxTokens: number,
    private readonly tooLarge: RunawayReason,
  ) {
    this.#maxBytes = Math.max(maxTokens * BYTES_A_TOKEN, BYTES_OF_ANY);
  }

  /** Cuts the piece where a look for loops is due, so that looks fall on the same places of a text however it comes. */
  take(piece: string): RunawayReason | undefined {
    for (let from = 0; from < piece.length;) {
      const part = piece.slice(from, from + this.#untilLook);
      const reason = this.#count(part) ?? this.#look(part);
      if (reason) return reason;
      from += part.length;
    }
    return undefined;
  }

  #count(part: string): RunawayReason | undefined {
    for (let at = 0; at < part.length; at++) {
      const unit = part.charCodeAt(at);
      this.#blanks = isBlank(unit) ? this.#blanks + 1 : 0;
      this.#digits = isDigit(unit) ? this.#digits + 1 : 0;
      this.#bytes += bytesOf(unit);
      if (this.#blanks > MOST_BLANKS) return 'blanks';
      if (this.#digits > MOST_DIGITS) return 'digits';
      if (this.#bytes > this.#maxBytes) return this.tooLarge;
    }
    return undefined;
  }

  #look(part: string): RunawayReason | undefined {
    this.#tail += part;
    this.#untilLook -= part.length;
    if (this.#untilLook > 0) return undefined;
    this.#untilLook = LOOK_EVERY;
    this.#tail = this.#tail.slice(-WINDOW);
    return endsInLoop(this.#tail) ? 'loop' : undefined;
  }
}

/**
 * Whether the end of a text is one and the same, over and over. Read backwards, a text repeats with a period for as
 * long as it equals itself moved by that period, which is what the Z-function tells
 * (https://cp-algorithms.com/string/z-function.html). It is linear in the text: every comparison that holds moves
 * `right` on, and one at the most fails for each period.
 */
function endsInLoop(text: string): boolean {
  const last = text.length - 1;
  if (text.length < SHORTEST_LOOP) return false;
  const equals = new Uint16Array(LONGEST_PERIOD + 1);
  let left = 0;
  let right = 0;
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let equal = period < right ? Math.min(right - period, equals[period - left] ?? 0) : 0;
    while (
      period + equal <= last &&
      text.charCodeAt(last - equal) === text.charCodeAt(last - period - equal)
    ) {
      equal++;
    }
    if (period + equal >= Math.max(FEWEST_REPEATS * period, SHORTEST_LOOP)) return true;
    equals[period] = equal;
    if (period + equal > right) {
      left = period;
      right = period + equal;
    }
  }
  return false;
}

/** White space as `\s` means it. Letters of most scripts are told by comparing, which is ten times faster. */
function isBlank(unit: number): boolean {
  if (unit < 0xa0) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
  return unit > 0x3000 ? unit === 0xfeff : /\s/.test(String.fromCharCode(unit));
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

/** UTF-8 bytes of a UTF-16 unit. Half a pair has 2 of its 4, so that a piece may end between the halves. */
function bytesOf(unit: number): number {
  if (unit < 0x80) return 1;
  if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) return 2;
  return 3;
}
