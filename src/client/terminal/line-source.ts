/** What came of asking for a line; `text` may have several. */
export type TypedLine =
  | { readonly type: 'line'; readonly text: string }
  /** Ctrl-C. */
  | { readonly type: 'interrupt'; readonly wasEmpty: boolean }
  /** Ctrl-D, the end of the input, or a signal to the process. */
  | { readonly type: 'end' };

/** Where lines come from: a person at a terminal, or a pipe. */
export interface LineSource {
  readonly isInteractive: boolean;
  /** Asks for the next line. A pipe shows no prompt. */
  read(prompt: string): Promise<TypedLine>;
  /** Does a piece of work that Ctrl-C ends by its signal, and nothing more. */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  close(): void;
}

/** What was typed before, oldest first; the up key brings it back. */
export type Recall = readonly string[];
