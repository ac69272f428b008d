/** Which text of an answer it is. */
export interface TextPlace {
  /** JSON pointer of the field in an object; empty for free text. */
  readonly path: string;
  readonly kind: 'answer' | 'reasoning' | 'arguments';
  /** Whether the text is said while it is written, so that nothing of it can be taken back. */
  readonly isSpoken: boolean;
}

/** Why a text must not go out. */
export interface Block {
  /** A sentence for the caller, and for the model when it is asked again; it holds no word of the text. */
  readonly reason: string;
}

/**
 * Changes a text on its way out. It gets the text in pieces that are cut anywhere; what `write` and `end` return is
 * together the text that goes out, and does not depend on the cuts.
 */
export interface TextFilter {
  /** @returns what of the text so far is certain and was not returned yet; may be '' */
  write(piece: string): string;
  /** @returns the rest */
  end(): string;
  /** Set once something must not go out; nothing comes after what was returned by then. */
  readonly block?: Block | undefined;
}

/** Opens the filter of one text; undefined where that text goes out as it is. */
export type OpenFilter = (place: TextPlace) => TextFilter | undefined;
